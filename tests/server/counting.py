"""What the gateway counted while a test watched: its metrics, as Prometheus reads them."""

from __future__ import annotations

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from gateway.server import metrics

Sample = tuple[str, tuple[tuple[str, str], ...]]


def read(text: bytes | None = None) -> dict[Sample, float]:
    """Every sample, by name and labels."""
    families = text_string_to_metric_families((text or metrics.exposition()).decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


class Counted:
    """What was added while it was watched; this process's numbers are shared by all tests in it."""

    def __init__(self) -> None:
        # What the last look of another test's gateway found stays there.
        for each in (metrics.CONNECTIONS, metrics.IN_PROGRESS, metrics.STORE_AWAY):
            each.set(0)
        metrics.BREAKERS_OPEN.clear()
        self._before = read()

    def __call__(self, name: str, **labels: str) -> float:
        """The sum over the samples that have these labels."""
        wanted = set(labels.items())
        now = read()
        return sum(
            value - self._before.get(sample, 0.0)
            for sample, value in now.items()
            if sample[0] == f"sluice_{name}" and wanted <= set(sample[1])
        )

    async def until(self, number: float, name: str, **labels: str) -> None:
        """Wait until so many were counted: a request's end reaches the client a moment sooner."""
        async with asyncio.timeout(10):
            while self(name, **labels) < number:
                await asyncio.sleep(0.005)

    async def until_gone(self, name: str) -> None:
        """Wait until nothing is left of it: the gateway's own look comes twice a second."""
        async with asyncio.timeout(10):
            while self(name) > 0:
                await asyncio.sleep(0.005)
