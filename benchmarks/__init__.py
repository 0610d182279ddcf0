"""What a streamed token costs, measured against other proxies on the same machine in the same run.

`python -m benchmarks` (or `make bench`) runs the candidates of `candidates` one after another, several rounds
of each: `provider` answers in a process of its own, `driver` asks from another, `rounds` reads what the proxy
between them cost, `results` keeps it and `report` writes it down. `python -m benchmarks micro` times the
pure parts alone. Compare ratios between runs; microseconds hold for one machine only.
"""
