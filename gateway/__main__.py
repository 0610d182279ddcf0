"""`python -m gateway` is the `sluice` command."""

from gateway.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
