"""Sluice, a streaming LLM gateway. One word for one thing, everywhere:

dialect   a wire format: how a body or a stream is written. A dialect is code.
provider  somewhere that speaks a dialect: a URL, a way to authenticate, a few quirks. A provider is data.
frame     one complete message on the wire, with its original bytes.
event     what a frame means, in the one vocabulary that all dialects map into and out of.
lane      one independent run of text in an answer, such as a choice's content or a tool call's arguments.
          Text is never joined across lanes.
scanner   says how far a lane's text is decided, and what to change in it.
vault     the two-way map between values and placeholders of one request. It dies with the request.
policy    what a caller may use, and what happens to what is found.
verdict   the outcome of guarding: rule ids and offsets, never content.
phase     one step in a request's life: receive, identify, parse, authorize, admit, guard, lookup, choose,
          connect, relay, settle.

Imports go down only: cli, server, {stream, config, store}, {dialects, providers, privacy, guard, access},
wire, {chat, errors}. Below server and store nothing awaits and nothing reads a clock; setup.cfg holds the
contracts and a test enforces them.
"""

__version__ = "0.1.0"
