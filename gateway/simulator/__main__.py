"""`python -m gateway.simulator` runs the provider alone."""

from gateway.simulator.server import main

if __name__ == "__main__":
    main()
