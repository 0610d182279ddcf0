"""Measure the way of training on text that was kept out of it.

    python -m benchmarks.threats.evaluate --data PATH [--channel user|document] [--sources]

Cuts the data by cluster; what is measured was never trained on. `--sources` leaves out every attack of one
source in turn, and reads the threshold from harmless text that was kept out too. Made examples are only ever
trained on.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from benchmarks.threats import phrases
from benchmarks.threats.train import (
    MADE,
    PLANTED,
    SETTINGS,
    Bank,
    Record,
    fold_of,
    load,
    made,
    of_kind,
    padded,
    planted,
    readings_of,
    train,
)
from gateway.guard import model
from gateway.guard.threats import THRESHOLDS

RATES = (0.01, 0.005, 0.003, 0.001)
FOLDS = 5
LONGEST_DISGUISED = 300
FAMILIES = ("CyberSecEval prompt_injection", "deepset", "jailbreak_llms", "garak/", "authored evasive")


def score(record: Record, channel: model.Channel) -> float:
    return max(model.judge(reading, channel).score for reading in record.readings)


def recall(scores: Any, attack: Any, rate: float) -> tuple[float, float]:
    """The share of attacks above the threshold that `rate` of the harmless are above, and the threshold."""
    harmless = np.sort(scores[~attack])[::-1]
    threshold = float(harmless[min(int(rate * len(harmless)), len(harmless) - 1)])
    return float((scores[attack] > threshold).mean()), threshold


def table(name: str, scores: Any, attack: Any) -> str:
    cells = []
    for rate in RATES:
        caught, threshold = recall(scores, attack, rate)
        cells.append(f"{caught:.3f} (>{threshold:.4f})")
    return f"{name:34} {int(attack.sum()):5} {int((~attack).sum()):5}  " + "  ".join(cells)


def folds(
    records: Sequence[Record], name: str, count: int = FOLDS
) -> tuple[dict[int, float], dict[str, dict[int, float]], list[tuple[float, bool]]]:
    """A score for every record that was not made, from a model that did not see its cluster; for some
    attacks, one for each disguise; and (score, attack) of long texts that are put together of them.
    """
    settings = SETTINGS[name]
    chosen = of_kind(records, settings)
    bank = Bank(records)
    fold = np.array([-1 if records[i].source == MADE else fold_of(records[i].cluster, count) for i in chosen])
    scores: dict[int, float] = {}
    disguised: dict[str, dict[int, float]] = {kind: {} for kind in phrases.DISGUISES}
    pages: list[tuple[float, bool]] = []
    for number in track(range(count), f"Folds, {name}"):
        channel = train(records, bank, chosen[fold != number], settings)
        unseen = [i for i in chosen[fold == number] if records[i].source != PLANTED]
        pages += [
            (score(page, channel), page.attack) for page in padded(records, unseen, settings.kinds, number)
        ]
        for i in chosen[fold == number]:
            if records[i].source == PLANTED:
                continue
            scores[int(i)] = score(records[i], channel)
            if (
                records[i].attack
                and "obf" not in records[i].tags
                and len(records[i].text) < LONGEST_DISGUISED
            ):
                for kind, disguise in phrases.DISGUISES.items():
                    hidden = readings_of(disguise(records[i].text))
                    disguised[kind][int(i)] = max(model.judge(each, channel).score for each in hidden)
    return scores, disguised, pages


def left_out(records: Sequence[Record], name: str) -> list[tuple[str, Any, Any]]:
    """For each family of attacks, what a model that never saw one of them says of it."""
    settings = SETTINGS[name]
    chosen = of_kind(records, settings)
    bank = Bank(records)
    results = []
    for family in track(FAMILIES, "Sources left out"):
        away = np.array(
            [
                records[i].source != MADE
                and (
                    family in records[i].source
                    if records[i].attack and records[i].source != PLANTED
                    else fold_of(records[i].cluster, FOLDS) == 0
                )
                for i in chosen
            ]
        )
        channel = train(records, bank, chosen[~away], settings)
        kept = np.array(
            [i for i in chosen[away] if records[i].source != PLANTED and records[i].kind != "system"]
        )
        results.append(
            (
                family,
                np.array([score(records[i], channel) for i in kept]),
                np.array([records[i].attack for i in kept]),
            )
        )
    return results


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--channel", choices=model.CHANNELS, action="append")
    parser.add_argument("--sources", action="store_true")
    arguments = parser.parse_args()
    records = load(arguments.data)
    records += planted(records) + made()
    print(f"{'':34} {'pos':>5} {'neg':>5}  " + "  ".join(f"at {rate:.1%} false   " for rate in RATES))
    for name in arguments.channel or model.CHANNELS:
        scores, disguised, pages = folds(records, name)
        groups: dict[str, list[int]] = defaultdict(list)
        for i in scores:
            if records[i].kind != "system":
                groups[f"{name}, all"].append(i)
            for tag in ("sec_discussion", "hard_benign", "obf-benign"):
                if tag in records[i].tags:
                    groups[tag].append(i)
            if records[i].kind == "system":
                groups["system"].append(i)
        everything = groups[f"{name}, all"]
        values = np.array([scores[i] for i in everything])
        attack = np.array([records[i].attack for i in everything])
        print(table(f"{name}, all", values, attack))
        threshold = recall(values, attack, 0.01)[1]
        blocked = recall(values, attack, 0.001)[1]
        for family in FAMILIES:
            own = [scores[i] for i in everything if records[i].attack and family in records[i].source]
            if own:
                print(f"  {family}: {np.mean(np.array(own) > threshold):.2f} of {len(own)}")
        for tag in ("sec_discussion", "hard_benign", "obf-benign", "system"):
            own = [scores[i] for i in groups[tag]]
            if own:
                print(
                    f"  {tag}: {len(own)}, above {np.mean(np.array(own) > threshold):.3f}, "
                    f"at 0.1% {np.mean(np.array(own) > blocked):.3f}"
                )
        for kind, found in disguised.items():
            plain = np.mean([scores[i] > threshold for i in found])
            share = np.mean([value > threshold for value in found.values()]) / plain
            print(f"  {kind}: {share:.2f} of what is seen in plain, of {len(found)}")
        for rate in RATES:
            line = recall(values, attack, rate)[1]
            caught = np.mean([value > line for value, hit in pages if hit])
            false = np.mean([value > line for value, hit in pages if not hit])
            print(f"  at {rate:.1%}: long texts with an attack {caught:.3f}, without one {false:.4f}")
        limits = THRESHOLDS["user" if name == "user" else "document"]
        for label, chosen in (("harmless", ~attack), ("attacks", attack)):
            flagged, refused = (values[chosen] >= limits.flag), (values[chosen] >= limits.block)
            print(f"  {label}: {flagged.mean():.4f} flagged or blocked, {refused.mean():.4f} blocked")
        if arguments.sources and name == "user":
            results = left_out(records, name)
            for family, own_scores, own_attack in results:
                print(table(f"without {family}", own_scores, own_attack))
            numbers = [known.sum() for _, _, known in results]
            for rate in (0.01, 0.001):
                shares = [recall(values, known, rate)[0] for _, values, known in results]
                mean, weighted = np.mean(shares), np.average(shares, weights=numbers)
                print(f"at {rate:.1%}: mean {mean:.3f}, weighted by number {weighted:.3f}")


if __name__ == "__main__":
    main()
