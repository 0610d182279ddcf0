"""Text in, safe text out, and back again.

`entities` says what is looked for and checks candidates, `custom` makes rows of a policy's own words,
`scanner` finds them however the text is cut, `json_run` does so inside JSON, `normalise` sees through
disguises. `vault` remembers what stands for which value, written in one of the `formats` (`synthetic` takes
its stand-ins from what is `reserved`); `grammar` says what an answer may make of a placeholder. `redact`
walks a whole body. Nothing here knows a provider, a socket or a clock.
"""
