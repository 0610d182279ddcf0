"""A provider's bytes in, frames out, with what most of them say.

Nearly every frame of an answer differs from the one before in nothing but its text. Once a frame has been
read in full that says one text and nothing else, the next is compared with it, and is neither split nor
decoded. Nothing is guessed: what does not begin and end as that frame did, or does not hold one valid JSON
string between, is read in full (law 9). What texts mean for the answer is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct

from gateway.chat import SERVER_KINDS, WHOLE, Event, Lane, Path, Text
from gateway.dialects.dialect import Dialect, TextIn
from gateway.wire.sse import Frame, SSESplitter

_string = msgspec.json.Decoder(str).decode
_FIELD, _BLANK_LINE = b"data: ", b"\n\n"
# No provider says this; it is spelled the same in JSON.
_PROBE = "~template~"
# No more templates are made after so many that each stood for a few reads only: two lanes may speak in turn,
# and some providers number or pad their frames.
_PATIENCE = 8
_FEW = 16


class Template(Struct, frozen=True, gc=False):
    """A frame around its text: the bytes `before` it, with its first quote, and `after` it, with its last.

    Its first quote stands at `opening`, and from its last one `closing` bytes are left. The text is a piece
    of `lane` and stands at `path` in the frame's data, which begins at `data_at`. `name` and `id` are the
    frame's own.
    """

    before: bytes
    after: bytes
    opening: int
    closing: int
    lane: Lane
    path: Path
    data_at: int
    name: str | None
    id: str | None

    def text(self, data: bytes, at: int) -> tuple[str, int] | None:
        """The text of such a frame that begins at `at`, and where the frame ends; None if there is none."""
        if not data.startswith(self.before, at):
            return None
        quote = at + self.opening
        end = data.find(b"\n", quote) + 2  # no line end stands in JSON's strings
        if not data.startswith(self.after, end - self.closing):
            return None
        try:
            text = _string(data[quote : end - self.closing + 1])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return (text, end) if text else None

    def frame(self, raw: bytes) -> Frame:
        return Frame(raw, raw[self.data_at : -len(_BLANK_LINE)], self.name, self.id)

    def said(self, text: str) -> Text:
        return Text(self.lane, text, self.path)


def template_of(frame: Frame, event: Text, text_in: TextIn) -> Template | None:
    """The template of a frame; None where its text cannot be told from the rest for sure.

    That the text stands where it seems to is tried: with another in its place the dialect must read that one.
    A tool of the provider's own is left out, as its decoder remembers what was said, and so is a text that is
    whole in itself.
    """
    raw, data = frame.raw, frame.data
    if event.lane.choice == WHOLE.choice or event.lane.kind in SERVER_KINDS:
        return None
    if data is None or b"\r" in raw or not raw.endswith(_FIELD + data + _BLANK_LINE):
        return None
    try:
        quoted = msgspec.json.encode(event.text)
    except UnicodeEncodeError:  # half of a surrogate pair
        return None
    if data.count(quoted) != 1 or text_in(data) != event.text:
        return None
    start = data.index(quoted)
    before, after = data[: start + 1], data[start + len(quoted) - 1 :]
    if text_in(before + _PROBE.encode() + after) != _PROBE:
        return None
    data_at = len(raw) - len(data) - len(_BLANK_LINE)
    before, after = raw[:data_at] + before, after + _BLANK_LINE
    opening, closing = len(before) - 1, len(after)
    return Template(before, after, opening, closing, event.lane, event.path, data_at, frame.event, frame.id)


class Reader:
    """The frames of one stream, in a provider's dialect, and what they say.

    Of each read, what fits `template_for` is to be taken from its beginning, frame by frame; the rest goes to
    `feed`, which gives its frames, and those that have data to `decode`, in order. Raises ProviderGarbage.
    """

    __slots__ = (
        "_decoder",
        "_last",
        "_max_frame_bytes",
        "_patience",
        "_reads",
        "_said",
        "_splitter",
        "_template",
        "_text_in",
    )

    def __init__(self, provider: Dialect, max_frame_bytes: int) -> None:
        self._splitter = provider.splitter(max_frame_bytes)
        self._decoder = provider.decoder()
        self._max_frame_bytes = max_frame_bytes
        # Only where frames are the bytes as they came; Bedrock's come in messages of their own.
        self._text_in = provider.text_in if isinstance(self._splitter, SSESplitter) else None
        self._template: Template | None = None  # where a frame that is like it may begin with the next byte
        self._last: Template | None = None  # as it was before frames came that are not
        self._said: tuple[Frame, Text] | None = None  # the last frame, if it said one text and nothing else
        self._patience = _PATIENCE
        self._reads = 0  # since a template was made

    def template_for(self, data: bytes) -> Template | None:
        """What frames at the beginning of a read may be like, if one may begin there."""
        self._reads += 1
        if self._said is not None:
            self._learn()
        return self._template if len(data) <= self._max_frame_bytes else None

    def feed(self, data: bytes) -> Iterator[Frame] | Sequence[Frame]:
        self._template = None
        return self._splitter.feed(data)

    def flush(self) -> Iterator[Frame] | Sequence[Frame]:
        return self._splitter.flush()

    def decode(self, frame: Frame) -> list[Event]:
        events = self._decoder.decode(frame)
        only = events[0] if len(events) == 1 else None
        if type(only) is Text and self._text_in is not None:
            self._said = frame, only
        else:  # what frames mean may have changed
            self._said = self._last = None
        return events

    def _learn(self) -> None:
        """Make a template of the last frame, unless the last one still fits it; where a frame begins next."""
        assert self._said is not None
        assert self._text_in is not None
        frame, event = self._said
        assert isinstance(self._splitter, SSESplitter)
        if not self._splitter.is_between:
            return
        self._said = None
        last = self._last
        if last is not None and last.text(frame.raw, 0) == (event.text, len(frame.raw)):
            self._template = last
            return
        self._patience = _PATIENCE if self._reads > _FEW else self._patience - 1
        self._reads = 0
        self._template = self._last = template_of(frame, event, self._text_in)
        if not self._patience:
            self._text_in = None
