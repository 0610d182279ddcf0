"""Who speaks a dialect, and how to reach them: rows of data, and which of them serves a model.

`catalog` knows the well-known providers by name and URL and routes a model's name; `aws`, `google` and
`azure` say where a cloud's models are called, and `aws` signs; `proxies` says which HTTP proxy stands before
a URL. Nothing here opens a connection, reads the environment or a clock, or knows a body.
"""
