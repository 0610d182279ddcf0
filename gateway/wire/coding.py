"""A request's body as it came, and what it says of its content coding, in; the body out.

How large it may become is an argument: a kilobyte can unpack to a megabyte. What a body means is not known.
"""

from __future__ import annotations

import zlib

from gateway.errors import BodyTooLarge, InvalidRequest


def decompressed(data: bytes, coding: str, most: int) -> bytes:
    """The body without its coding (RFC 9110 section 8.4.1). `coding` is the header's value, empty for none.

    Raises InvalidRequest for another coding, for what is not encoded so, cut short, or followed by more;
    BodyTooLarge for more than `most` bytes.
    """
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return data
    if coding in ("gzip", "x-gzip"):
        bits = 16 + zlib.MAX_WBITS
    elif coding == "deflate":
        # It should have zlib's header, whose first byte ends in 8 (RFC 1950); some send none.
        bits = zlib.MAX_WBITS if data and data[0] & 0x0F == 8 else -zlib.MAX_WBITS
    else:
        raise InvalidRequest("the body's content coding is none that is taken: gzip and deflate are")
    machine = zlib.decompressobj(bits)
    try:
        body = machine.decompress(data, most + 1)
    except zlib.error:
        raise _not_so() from None
    if len(body) > most:
        raise BodyTooLarge("the body, unpacked, is larger than [server] max_body_bytes allows")
    if not machine.eof or machine.unused_data:
        raise _not_so()
    return body


def _not_so() -> InvalidRequest:
    return InvalidRequest("the body cannot be read: it is not encoded as it says")
