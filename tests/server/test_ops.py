"""The dashboard and the alert rules ask for metrics and labels that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from gateway.server import metrics, telemetry
from gateway.server.call import Call
from tests.conftest import ROOT

DASHBOARD = ROOT / "docs" / "ops" / "grafana-dashboard.json"
ALERTS = ROOT / "docs" / "ops" / "prometheus-alerts.yaml"
# Made by Prometheus itself, and by its client in several processes.
FOREIGN = {"up": {"job", "instance"}}
ADDED = {"le", "pid", "job", "instance"}
SELECTOR = re.compile(r"\b((?:sluice_\w+|up))\b(?:\{([^}]*)\})?")
BY = re.compile(r"\bby \(([^)]*)\)")


def known() -> dict[str, set[str]]:
    """The labels of each series, by the name that a query asks for."""
    found = dict(FOREIGN)
    for family in metrics.REGISTRY.collect():
        made = metrics.REGISTRY._names_to_collectors[family.name]
        labels = set(made._labelnames) | ADDED  # type: ignore[attr-defined]
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        found |= {family.name + suffix: labels for suffix in suffixes}
    return found


def panels() -> list[dict[str, Any]]:
    return [each for each in json.loads(DASHBOARD.read_text())["panels"] if each["type"] != "row"]


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def queries() -> Iterator[tuple[str, str]]:
    yield from ((panel["title"], target["expr"]) for panel in panels() for target in panel["targets"])
    yield from ((rule["alert"], rule["expr"]) for rule in rules())


@pytest.mark.parametrize(("title", "query"), list(queries()))
def test_what_is_asked_for_is_there(title: str, query: str) -> None:
    series = known()
    asked = SELECTOR.findall(query)
    assert asked
    labels: set[str] = set()
    for name, matchers in asked:
        assert name in series, f"{title}: {name}"
        given = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        assert given <= series[name], f"{title}: {given - series[name]}"
        labels |= series[name]
    for group in BY.findall(query):
        assert {each.strip() for each in group.split(",")} <= labels, f"{title}: by {group}"
    assert query.count("(") == query.count(")")
    for name in re.findall(r"histogram_quantile\(.*?(sluice_\w+)", query):
        assert name.endswith("_bucket"), title


def test_the_names_are_found_in_a_query_that_has_a_wrong_one() -> None:
    assert "sluice_requests" not in known()  # the counter is sluice_requests_total
    assert SELECTOR.findall('rate(sluice_nothing{a="b"}[5m])') == [("sluice_nothing", 'a="b"')]


def test_causes_in_queries_are_causes() -> None:
    asked = {
        each
        for _, query in queries()
        for found in re.findall(r'cause=~?"([^"]*)"', query)
        for each in found.split("|")
    }
    assert asked
    assert asked <= set(metrics.CAUSES)


def test_every_metric_is_shown_somewhere() -> None:
    shown = {name for _, query in queries() for name, _ in SELECTOR.findall(query)}
    for family in metrics.REGISTRY.collect():
        assert any(name.startswith(family.name) for name in shown), family.name


def test_panels_have_their_own_places() -> None:
    places = [(each["gridPos"]["x"], each["gridPos"]["y"]) for each in panels()]
    assert len(places) == len(set(places))
    ids = [each["id"] for each in json.loads(DASHBOARD.read_text())["panels"]]
    assert len(ids) == len(set(ids))


def test_every_alert_says_what_it_means() -> None:
    for rule in rules():
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in ("page", "ticket")


def test_the_page_of_operations_lists_every_metric() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    for family in metrics.REGISTRY.collect():
        assert f"`{family.name}`" in page or f"`{family.name}_total`" in page, family.name
    assert set(re.findall(r"`(sluice_\w+)`", page)) <= {
        *known(),
        *(it.name for it in metrics.REGISTRY.collect()),
    }


def test_the_page_of_operations_lists_every_cause_of_an_end() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    said = page[page.index("`ends` has one cause") :].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", said)) == {"ends", *metrics.CAUSES}


def test_the_page_of_operations_lists_every_fact_of_a_request_in_the_log() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    table = page[page.index("| field | meaning |") :].partition("\n\n")[0]
    listed = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert listed == set(telemetry.facts(Call("01", 0.0), 1.0)) - {"request_id"}
