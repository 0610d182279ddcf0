"""Bytes <-> frames: how messages are cut out of a connection's bytes and put back into them.

A frame is one complete message on the wire (an event of a stream, a response's head, a piece of its body)
with its original bytes, so that what need not change leaves as it came. Each module is one framing, sans I/O:
`feed` takes the bytes of a read however they were cut, `flush` says that nothing follows. What a frame means
is not known here: that is `dialects`.
"""
