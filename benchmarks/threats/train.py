"""Train the weights of the light threat detector.

    python -m benchmarks.threats.train --data PATH --out gateway/guard/weights.bin

`--data` is JSON lines (gzip or plain) of `{"text", "label", "source_kind", "source", "cluster"}`, label
benign or not; to them come sentences that benchmarks/threats/phrases.py makes. Needs numpy, scipy and
scikit-learn, which the gateway does not. The same data and seed give the same weights.

Two steps for each channel. The table: logistic regression over windows of words, in which an attack is
known only to stand somewhere in its text, so that from the second round on only its strongest windows
count; what short, middling and long windows teach is added up. The layers: logistic regression again, over
what the table says of texts that it was not trained on, one for whole texts and one for the strongest
stretches of longer ones.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import warnings
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sparse
from rich.progress import track
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from benchmarks.threats import phrases
from gateway.guard import model, weights
from gateway.guard.threats import Piece, pieces
from gateway.guard.views import views

warnings.filterwarnings("ignore", category=ConvergenceWarning)


class Settings(NamedTuple):
    """`sizes` are the windows in words; `strength` the inverse of the table's penalty; `anew` if each round
    of the table forgets the last one; `made` and `shown` the weight of a made example in the table and in
    the layers.
    """

    kinds: tuple[str, ...]
    sizes: tuple[int, ...]
    strength: float
    anew: bool
    made: float
    shown: float


SETTINGS = {
    "user": Settings(("user", "system"), (12, 24, 48), 4.0, False, 0.5, 0.1),
    "document": Settings(("tool", "document", "system"), (16,), 2.0, True, 0.3, 0.3),
}
KEPT = 44_000  # Entries of a table: the two make a file below 150 kB.
CLUSTERS = 2  # What stands in fewer clusters than this says nothing about the next one.
STRENGTH = 0.03  # The inverse of the layers' penalty.
FLAG_SCALE = 0.5  # Of rules and meanings: one of them alone shall not refuse a short question.
SURE = 1.5  # Log odds, about where texts are flagged.
INNER = 4  # Folds that give the layers what the table says of unseen text.
MADE = "made for this project"
MADE_CLUSTERS = 3000
PLANTED = "made for this project, in a harmless text of the data"
PADDING = "put together of harmless texts of the data, with an attack or without"
PADDED = 400  # Long texts for each of the inner folds.
PADDED_SHARE = 0.5  # Their weight in the layer for stretches.
LONGEST_PADDED = 600


class Record(NamedTuple):
    text: str
    attack: bool
    kind: str
    source: str
    cluster: str
    tags: tuple[str, ...]
    readings: tuple[model.Reading, ...]


def readings_of(text: str) -> tuple[model.Reading, ...]:
    """As the detector reads it: every piece, and every other reading of a piece."""
    found = []
    for piece in pieces(Piece(text, 0, len(text), True, "", 0)):
        reading = model.read(piece.text)
        found.append(reading)
        for view in views(piece.text, reading.folded, reading.known):
            found += [model.read(part.text) for part in pieces(Piece(view.text, 0, 0, False, "", 1))]
    return tuple(found)


def load(path: Path) -> list[Record]:
    data = path.read_bytes()
    lines = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode().rstrip("\n").split("\n")
    records = []
    for line in track(lines, "Reading"):
        row = json.loads(line)
        tags = tuple(row.get("tags") or ())
        # Everything that one hand wrote lies in one cluster; a template of it is what must not leak.
        template = next((tag for tag in tags if tag.startswith("tmpl:")), row.get("id", row["text"]))
        cluster = template if row["cluster"] == "auth-dev" else row["cluster"]
        records.append(
            Record(
                row["text"],
                row["label"] != "benign",
                row["source_kind"],
                row["source"],
                cluster,
                tags,
                readings_of(row["text"]),
            )
        )
    return records


def made(seed: int = 1, prompts: int = 7500, documents: int = 3000) -> list[Record]:
    """The examples of the generator, as records."""
    choose = random.Random(seed)
    rows = list(phrases.user_examples(seed, prompts))
    carriers = list(phrases.carriers(seed + 1, documents))
    rows += carriers
    for hijack in phrases.hijacks(seed + 2, documents):
        carrier = choose.choice(carriers).text
        text = phrases.plant(hijack.text, carrier, choose) if choose.random() < 0.7 else hijack.text
        rows.append(hijack._replace(text=text))
    unique = {row.text: row for row in rows}
    return [
        Record(row.text, row.attack, row.source, MADE, f"made-{number}", (), readings_of(row.text))
        for number, row in enumerate(track(list(unique.values()), "Making"))
    ]


def planted(records: Sequence[Record], seed: int = 9) -> list[Record]:
    """A made hijack in every harmless document: what tells the two apart is the hijack alone."""
    choose = random.Random(seed)
    carriers = [record for record in records if not record.attack and record.kind in ("tool", "document")]
    hijacks = phrases.hijacks(seed, len(carriers))
    found = []
    for carrier, hijack in track(list(zip(carriers, hijacks, strict=True)), "Planting"):
        text = phrases.plant(hijack.text, carrier.text, choose)
        found.append(
            carrier._replace(text=text, attack=True, source=PLANTED, tags=(), readings=readings_of(text))
        )
    return found


def fold_of(cluster: str, folds: int, salt: str = "") -> int:
    return int(hashlib.sha256(f"{salt}{cluster}".encode()).hexdigest(), 16) % folds


# --- the table -------------------------------------------------------------------------------------


class Bank:
    """Every word of every reading as a row of slots, so that a window is a sum of rows."""

    def __init__(self, records: Sequence[Record]) -> None:
        rows: list[int] = []
        columns: list[int] = []
        self.spans: list[list[tuple[int, int]]] = []
        at = 0
        for record in records:
            spans = []
            for reading in record.readings:
                places = model.slots(reading)
                for offset, slots in enumerate(places):
                    rows += [at + offset] * len(slots)
                    columns += slots
                spans.append((at, at + len(places)))
                at += len(places)
            self.spans.append(spans)
        ones = np.ones(len(rows), dtype=np.float32)
        self.words = sparse.csr_matrix((ones, (rows, columns)), shape=(at, model.SLOTS))
        owners = np.repeat(np.arange(len(records)), [sum(b - a for a, b in spans) for spans in self.spans])
        place = sparse.csr_matrix((np.ones(at, dtype=np.float32), (owners, np.arange(at))))
        self._slots = (place @ self.words).tocsr()
        self._slots.data[:] = 1
        self._windows: dict[int, tuple[Any, Any]] = {}
        # Made examples share their sentences, so many of them count as one.
        groups = [
            f"made-{fold_of(record.text, MADE_CLUSTERS)}" if record.source == MADE else record.cluster
            for record in records
        ]
        self._cluster = np.unique(groups, return_inverse=True)[1]

    def common(self, chosen: Any) -> Any:
        """The slots that stand in at least `CLUSTERS` clusters of the chosen records."""
        rows = sparse.csr_matrix(
            (np.ones(len(chosen), dtype=np.float32), (self._cluster[chosen], np.arange(len(chosen))))
        )
        found = (rows @ self._slots[chosen]).tocsr()
        counts = np.bincount(found.indices, minlength=model.SLOTS)
        counts[list(model.number_slots())] = 0
        return np.flatnonzero(counts >= CLUSTERS)

    def windows(self, chosen: Any, size: int) -> tuple[Any, Any]:
        """The windows of `size` words of the chosen records, a row each, and whose they are."""
        if size not in self._windows:
            self._windows[size] = self._cut(size)
        found, owners = self._windows[size]
        ours = np.zeros(len(self.spans), bool)
        ours[chosen] = True
        rows = np.flatnonzero(ours[owners])
        return found[rows], owners[rows]

    def _cut(self, size: int) -> tuple[Any, Any]:
        starts, ends, owners = [], [], []
        for number, spans in enumerate(self.spans):
            for begin, end in spans:
                for start in range(begin, max(begin + 1, end - size // 2), size // 2):
                    if end > begin:
                        starts.append(start)
                        ends.append(min(start + size, end))
                        owners.append(number)
        lengths = np.array(ends) - np.array(starts)
        places = np.concatenate([np.arange(a, b) for a, b in zip(starts, ends, strict=True)])
        edges = np.concatenate([[0], np.cumsum(lengths)])
        picked = sparse.csr_matrix(
            (np.ones(len(places), dtype=np.float32), places, edges), shape=(len(starts), self.words.shape[0])
        )
        found = (picked @ self.words).tocsr()
        found.data = np.minimum(found.data, 2)
        sums = np.asarray(found.sum(1)).ravel() + 4
        return (sparse.diags(np.sqrt(24 / sums)).astype(np.float32) @ found).tocsr(), np.array(owners)


def train_windows(found: Any, owners: Any, attack: Any, weight: Any, settings: Settings, rounds: int) -> Any:
    """A coefficient for each column of `found`, whose rows are windows of the records `owners`."""
    fitted = LogisticRegression(C=settings.strength, max_iter=60, warm_start=not settings.anew)
    keep = np.ones(len(owners), bool)
    for number in range(rounds):
        if number:
            score = fitted.decision_function(found)
            order = np.lexsort((-score, owners))
            first = np.r_[True, owners[order][1:] != owners[order][:-1]]
            begin = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
            rank = np.empty(len(order), int)
            rank[order] = np.arange(len(order)) - begin
            keep = np.where(attack[owners], (rank < 1) | ((rank < 4) & (score > 1)), rank < 12)
        rows = np.flatnonzero(keep)
        labels = attack[owners[rows]]
        share = weight[owners[rows]] / np.sqrt(np.bincount(owners[rows], minlength=len(attack))[owners[rows]])
        half = len(rows) / 2
        share = np.where(labels, share * half / share[labels].sum(), share * half / share[~labels].sum())
        fitted.fit(found[rows], labels, sample_weight=share)
    return fitted.coef_[0]


def train_table(
    bank: Bank, chosen: Any, attack: Any, weight: Any, settings: Settings, rounds: int = 3
) -> tuple[model.Table, float]:
    """The table in units, and the unit. Windows of each size have the same say. Only the heaviest entries are
    kept; the table is wide, so that what was never seen nearly always falls on nothing.
    """
    columns = bank.common(chosen)
    taught = []
    for size in settings.sizes:
        found, owners = bank.windows(chosen, size)
        taught.append(train_windows(found[:, columns].tocsr(), owners, attack, weight, settings, rounds))
    coefficients = sum(each * (taught[0].std() / each.std()) for each in taught)
    heaviest = np.sort(np.abs(coefficients))[::-1][:KEPT]
    unit = float(np.quantile(heaviest, 0.9995)) / 127
    entries = np.clip(np.rint(coefficients / unit), -127, 127).astype(np.int8)
    table = np.zeros(model.SLOTS, np.int8)
    table[columns] = np.where(np.abs(coefficients) >= heaviest[-1], entries, 0)
    return model.Table(array("b", table.tobytes())), unit


# --- the layer -------------------------------------------------------------------------------------


def seen(records: Sequence[Record], table: model.Table, unit: float) -> tuple[Any, Any]:
    """What the layer is shown of each reading, and whose reading it is."""
    rows, owners = [], []
    for number, record in enumerate(records):
        for reading in record.readings:
            shown = model.inputs(reading, table, unit)
            rows += shown
            owners += [number] * len(shown)
    return np.array(rows, dtype=np.float32), np.array(owners)


def train_layer(rows: Any, owners: Any, attack: Any, weight: Any) -> model.Layer:
    """All of what is harmless, and the strongest reading of each attack."""
    order = np.lexsort((-(rows[:, 1] + rows[:, 3]), owners))
    strongest = np.zeros(len(owners), bool)
    strongest[order[np.r_[True, owners[order][1:] != owners[order][:-1]]]] = True
    keep = (strongest | ~attack[owners]) & (weight[owners] > 0)
    rows, labels, share = rows[keep], attack[owners[keep]], weight[owners[keep]]
    mean, spread = rows.mean(0), np.maximum(rows.std(0), 0.05)
    low, high = np.minimum(mean - 4 * spread, 0), np.maximum(mean + 5 * spread, 1)
    scale = np.where(np.arange(model.INPUTS) < model.DENSE, 1, FLAG_SCALE) / spread
    scaled = (np.clip(rows, low, high) - mean) * scale
    fitted = LogisticRegression(C=STRENGTH, max_iter=300, class_weight="balanced")
    fitted.fit(scaled, labels, sample_weight=share)
    slopes = fitted.coef_[0] * scale
    return model.Layer(
        low[: model.DENSE].tolist(),
        high[: model.DENSE].tolist(),
        slopes.tolist(),
        float(fitted.intercept_[0] - mean @ slopes),
    )


def padded(records: Sequence[Record], chosen: Any, kinds: Sequence[str], seed: int) -> list[Record]:
    """Long texts, put together of harmless ones, with an attack in half of them."""
    choose = random.Random(seed)
    own = [records[number] for number in chosen if records[number].kind in kinds]
    harmless = [record for record in own if not record.attack and "obf-benign" not in record.tags]
    attacks = [record for record in own if record.attack and len(record.text) < LONGEST_PADDED]
    found = []
    for number in range(PADDED if harmless and attacks else 0):
        length = choose.choice((300, 600, 1200, 1200, 2500))
        parts: list[str] = []
        while sum(map(len, parts)) < length:
            parts.append(choose.choice(harmless).text[:1500])
        attack = number % 2 == 0
        if attack:
            parts.insert(choose.randrange(len(parts) + 1), choose.choice(attacks).text)
        text = choose.choice(("\n", "\n\n", " ")).join(parts)
        found.append(
            Record(text, attack, kinds[0], PADDING, f"padded-{seed}-{number}", (), readings_of(text))
        )
    return found


def train(
    records: Sequence[Record], bank: Bank, chosen: Any, settings: Settings, rounds: int = 3
) -> model.Channel:
    """One channel, from the records whose numbers are `chosen`."""
    attack = np.array([record.attack for record in records])
    ours = np.array([record.source in (MADE, PLANTED) for record in records])
    weight = np.where(ours, settings.made, 1.0)
    shown: list[Record] = []
    rows, owners = [], []
    for fold in range(INNER):
        inside = np.array([fold_of(records[number].cluster, INNER, "inner") == fold for number in chosen])
        table, unit = train_table(bank, chosen[~inside], attack, weight, settings, 2)
        unseen = [records[number] for number in chosen[inside]]
        unseen += padded(records, chosen[inside], settings.kinds, fold)
        found = seen(unseen, table, unit)
        rows.append(found[0])
        owners.append(found[1] + len(shown))
        shown += unseen
    table, unit = train_table(bank, chosen, attack, weight, settings, rounds)
    every, whose = np.concatenate(rows), np.concatenate(owners)
    attacks = np.array([record.attack for record in shown])
    shares = {MADE: settings.shown, PLANTED: settings.shown}
    whole = np.array([shares.get(record.source, float(record.source != PADDING)) for record in shown])
    parts = np.array(
        [
            PADDED_SHARE if record.source == PADDING else share
            for record, share in zip(shown, whole, strict=True)
        ]
    )
    cut = every[:, len(model.WINDOWS) + 1 + model.SHAPES] > 0
    stretch = train_layer(every[cut], whose[cut], attacks, parts)
    # Below this the strongest stretch is hardly ever an attack, so it is not looked at.
    caught = every[cut] @ np.array(stretch.weights) + stretch.bias > SURE
    loud = float(np.quantile(every[cut][caught, len(model.WINDOWS) - 1], 0.02))
    return model.Channel(table, unit, train_layer(every[~cut], whose[~cut], attacks, whole), stretch, loud)


def of_kind(records: Sequence[Record], settings: Settings) -> Any:
    return np.array([number for number, record in enumerate(records) if record.kind in settings.kinds])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    records = load(arguments.data)
    records += planted(records) + made()
    bank = Bank(records)
    channels = []
    for name in track(model.CHANNELS, "Training"):
        channels.append(train(records, bank, of_kind(records, SETTINGS[name]), SETTINGS[name]))
    data = weights.encode(channels)
    arguments.out.write_bytes(data)
    print(f"{arguments.out}: {len(data)} bytes")


if __name__ == "__main__":
    main()
