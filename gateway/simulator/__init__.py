"""The embedded provider of demo, tests and benchmarks: it speaks every dialect and misbehaves on demand.

In come requests as a provider gets them, out go answers as a provider writes them; what came in is kept, so
that a test or another process can prove what a provider saw. It knows nothing of the gateway in front of it,
not even how that reads and writes a dialect: frames are written here as the real providers write them.

`route` finds the dialect, `reads` turns its requests into what is asked, or refuses them as the provider
does, `script` says something, `writes` puts it into the dialect's form, `server` waits and sends.
"""

from gateway.simulator.answer import Reply
from gateway.simulator.asked import Refused
from gateway.simulator.options import FAILURES, NAMES, SCRIPTS, Options
from gateway.simulator.route import respond
from gateway.simulator.server import Recorded, Settings, Simulator, main, serve, start

__all__ = [
    "FAILURES",
    "NAMES",
    "SCRIPTS",
    "Options",
    "Recorded",
    "Refused",
    "Reply",
    "Settings",
    "Simulator",
    "main",
    "respond",
    "serve",
    "start",
]
