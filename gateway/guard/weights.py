"""The file of weights: the tables and the layers of both channels, as bytes.

In: channels, or the bytes of weights.bin. Out: the other. Refuses to know what the weights are for.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from zlib import compress, decompressobj
from zlib import error as ZlibError

from gateway.errors import ConfigError
from gateway.guard.model import CHANNELS, DENSE, INPUTS, SLOTS, Channel, Layer, Table

MAGIC = b"sluice-threats-3"

_HEAD = struct.Struct("<ffHI")  # Unit, loud, inputs, entries of the table.
_LAYER = struct.Struct(f"<{INPUTS}e{2 * DENSE + 1}f")
_MOST_BYTES = 1 << 20
_FAR = 255  # A gap of this or more is written as that many, and the rest.


def encode(channels: Sequence[Channel]) -> bytes:
    """The table as gaps and entries, the layers with weights in half precision, deflated."""
    data = []
    for channel in channels:
        gaps, entries = bytearray(), array("b")
        last = -1
        for place, entry in enumerate(channel.table.entries):
            if entry:
                far, near = divmod(place - last - 1, _FAR)
                gaps += bytes([_FAR] * far + [near])
                entries.append(entry)
                last = place
        data += [_HEAD.pack(channel.unit, channel.loud, INPUTS, len(entries)), bytes(gaps), entries.tobytes()]
        for layer in (channel.whole, channel.stretch):
            data.append(_LAYER.pack(*layer.weights, *layer.low, *layer.high, layer.bias))
    return MAGIC + compress(b"".join(data), 9)


def decode(data: bytes) -> tuple[Channel, ...]:
    """Raises ConfigError if the weights are not those of this version of the rules and meanings."""
    if not data.startswith(MAGIC):
        raise ConfigError("these are not threat weights of this version")
    try:
        data = decompressobj().decompress(data[len(MAGIC) :], _MOST_BYTES)
        channels = []
        at = 0
        for _ in CHANNELS:
            unit, loud, size, count = _HEAD.unpack_from(data, at)
            if size != INPUTS:
                raise ConfigError(f"the threat weights are for {size} inputs, not {INPUTS}: train them again")
            table, at = _table(data, at + _HEAD.size, count)
            layers = []
            for _ in range(2):
                numbers = _LAYER.unpack_from(data, at)
                at += _LAYER.size
                low, high = numbers[INPUTS : INPUTS + DENSE], numbers[INPUTS + DENSE : -1]
                layers.append(Layer(low, high, numbers[:INPUTS], numbers[-1]))
            channels.append(Channel(Table(table), unit, layers[0], layers[1], loud))
    except (struct.error, ZlibError, IndexError):
        raise ConfigError("the threat weights are cut off") from None
    return tuple(channels)


def _table(data: bytes, at: int, count: int) -> tuple[array[int], int]:
    """A table of `count` entries, and where it ends."""
    places: list[int] = []
    place = -1
    while len(places) < count:
        gap = data[at]
        place += gap if gap == _FAR else gap + 1
        if gap < _FAR:
            places.append(place)
        at += 1
    table = array("b", bytes(SLOTS))
    for place, entry in zip(places, array("b", data[at : at + count]), strict=False):
        table[place] = entry
    return table, at + count
