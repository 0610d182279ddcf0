"""The `sluice` command: arguments in, an exit status out. Each subcommand is a few lines here."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

import uvloop

from gateway import __version__, audit_command, guard_command, keys_command, scan_command
from gateway.config import Config, Log, Proxies, explain, from_environment, load
from gateway.errors import ConfigError

_EXAMPLES = """\
examples:
  sluice demo                          watch a streamed answer whose prompt the provider never saw in clear
  OPENAI_API_KEY=sk-… sluice serve     a gateway on http://127.0.0.1:8080/v1, no file needed
  sluice serve --config sluice.toml    the same, as the file says
  sluice check sluice.toml             is the file right, and what does it amount to?
  sluice keys create chat-app          a key for an application, with --help what it may do
  sluice scan --file letter.txt        what in a text is personal or secret? (--redact: the text without it)
  sluice guard --file prompt.txt       would it be refused, and by which rule?
"""
_SERVE = """\
examples:
  OPENAI_API_KEY=sk-… sluice serve                    on http://127.0.0.1:8080/v1, for this machine only
  sluice serve --config /etc/sluice/sluice.toml

signals:
  HUP        take over the changed configuration file; streams that are under way keep theirs
  USR2       run what is installed now in place of this, without dropping a stream
  TERM, INT  finish what is under way for [server] drain_s, then stop; a second one: stop now

exit status: 0 after a stop, 2 if the configuration is wrong, 1 for anything else (a port that is taken)
"""
_CHECK = """\
examples:
  sluice check sluice.toml
  sluice check /etc/sluice/sluice.toml && systemctl reload sluice

exit status: 0, or 2 with everything that is wrong, and where
"""
_DEMO = """\
examples:
  sluice demo                          two answers, side by side with what the provider saw
  sluice demo --serve --port 9000      then stay, for an SDK with base_url http://127.0.0.1:9000/v1

exit status: 0, or 1 if the provider saw a value, or an answer lacks one
"""


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except ConfigError as error:
        print(f"sluice: {error.message}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sluice",
        description="A streaming LLM gateway that keeps personal data and secrets from the provider.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"sluice {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    serve = commands.add_parser(
        "serve",
        help="run the gateway until it is told to stop",
        epilog=_SERVE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    serve.add_argument("--config", metavar="FILE", help="a TOML file; without it, the environment's API keys")
    serve.add_argument("--quiet", action="store_true", help="no line for each request")
    serve.set_defaults(run=_serve)

    check = commands.add_parser(
        "check",
        help="check a configuration file and say what it amounts to",
        epilog=_CHECK,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument("file", metavar="FILE")
    check.set_defaults(run=_check)

    for name, module, about in (
        ("scan", scan_command, "find personal data and secrets in texts, or take them out"),
        ("guard", guard_command, "judge texts as a policy would: attacks, jailbreaks, hidden text"),
        ("keys", keys_command, "make, list, revoke and rotate the keys of callers"),
    ):
        command = commands.add_parser(
            name,
            help=about,
            description=module.DESCRIPTION,
            epilog=module.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)

    audit = commands.add_parser("audit", help="look at an audit log")
    audit_commands = audit.add_subparsers(title="commands", required=True, metavar="COMMAND")
    verify = audit_commands.add_parser(
        "verify",
        help="is each line as it was written, and none missing?",
        epilog=audit_command.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    audit_command.add_arguments(verify)
    verify.set_defaults(run=audit_command.verify)

    show = commands.add_parser(
        "demo",
        help="the gateway with an embedded provider, and what each side sees",
        epilog=_DEMO,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    show.add_argument("--serve", action="store_true", help="keep it running, for an SDK of yours")
    show.add_argument("--port", type=int, default=8080, help="where, with --serve (default: %(default)s)")
    show.set_defaults(run=_demo)
    return parser


def _serve(arguments: argparse.Namespace) -> int:
    from gateway.server import metrics_files

    metrics_files.prepare(os.environ)  # before anything that counts is imported
    try:
        return _supervise(arguments)
    finally:
        metrics_files.remove(os.environ)


def _supervise(arguments: argparse.Namespace) -> int:
    # They take a second, for which `scan` in a hook should not wait.
    from gateway.server import logs, supervisor

    def read() -> Config:
        return load(arguments.config, os.environ) if arguments.config else from_environment(os.environ)

    def announce(config: Config, places: Sequence[str]) -> None:
        print(f"Sluice {__version__} listens on {' and '.join(places)}", file=sys.stderr)
        print(_who_may_call(config), file=sys.stderr, flush=True)

    logs.setup(Log(), quiet=arguments.quiet)
    service = supervisor.Service(
        read=read,
        proxies=Proxies.from_environment(os.environ),
        announce=announce,
        check=["check", arguments.config] if arguments.config else [],
    )
    try:
        return supervisor.run(service)
    except OSError as error:
        print(f"sluice: {error.strerror}", file=sys.stderr)
        return 1


def _who_may_call(config: Config) -> str:
    names = ", ".join(provider.name for provider in config.providers)
    if config.keys:
        return f"Serving {names} to {len(config.keys)} key(s)."
    if config.state is not None:
        return f"Serving {names} to the keys that `sluice keys` makes; without any, to this machine only."
    return f"Serving {names} to this machine only, because there are no [[keys]]."


def _check(arguments: argparse.Namespace) -> int:
    print(explain(load(arguments.file, os.environ)))
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    from gateway import demo

    # Plain asyncio would do; the demo shows what is shipped.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(demo.run(serve_port=arguments.port if arguments.serve else None))


if __name__ == "__main__":
    raise SystemExit(main())
