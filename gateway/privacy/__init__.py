"""Text in, safe text out, and back again.

`entities` says what is looked for, `validators` checks candidates, `scanner` finds them however the text
is cut, `json_run` does so inside JSON, `vault` remembers which placeholder stands for which value, and
`redact` walks a whole body. Nothing here knows a provider, a socket or a clock.
"""
