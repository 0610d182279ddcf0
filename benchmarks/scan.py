"""What looking for personal data costs: texts of four kinds, long ones, hostile ones, streams.

The texts are generated here. Of many turns the least counts, since other work only ever adds.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator, Sequence
from random import Random
from time import perf_counter_ns, process_time_ns

from gateway.privacy.actions import IN_ANSWERS, every_rule
from gateway.privacy.entities import ENTITIES
from gateway.privacy.plan import Action, plan_for
from gateway.privacy.redact import in_answers, in_requests
from gateway.privacy.rules import Rules
from gateway.privacy.scanner import Scan, TextRun, find, find_in_steps
from gateway.privacy.search import Span
from gateway.privacy.vault import Vault

Row = tuple[str, str, float, str]
_SIZE = 200
_LONG = 100_000
_HOSTILE = 4000
_SAMPLES = 200
_TURNS = 5

_ENGLISH = """\
The committee met on Tuesday to discuss next year's budget, and everyone agreed that the number of visitors
had grown. We should ask about the password policy later; the license of the software is permissive, and no
changes are required. Your account manager will call you when the order is ready, so please wait. A strong
team can deliver a good product in a reasonable time, if its goals are clear. Thanks for your patience.
"""
_CODE = '''\
def handle(request: Request, *, token: str | None = None) -> Response:
    """Return the user's id."""
    user_id = request.args.get("id", default=0)
    if user_id < 0x1F and x[3] == 12:
        raise ValueError(f"bad id: {user_id!r}")
    items = [f(i) for i in range(100)]
    for item in db.query("SELECT * FROM orders WHERE id = %s", user_id):
        total += item.price * 1.19
'''
_LOG = """\
2024-01-15 10:30:00,123 INFO [worker-3] req=8f3a1c22-1b7e-4a0d-9c55-0242ac120002 status=200 bytes=18233
2024-01-15T10:30:01.456Z WARN pool id=42 conn=10.0.3.4:5432 retries=3 backoff=0.250
Jan 15 10:30:02 host sshd[1234]: Failed password for invalid user admin from 203.0.113.7 port 51122 ssh2
"""
_ENTITIES = (
    "Card {card}, SSN 123-45-{four}, mail {word}@example.com or call (212) 736-{four}; IBAN DE89 3704 0044 "
    "0532 0130 00. Passport number: X123{four}, from 203.0.113.7. Contact Mary Jones, MRN: A123{four}, "
    "tax id 12-345{four}. "
)
_CARDS = ("4111 1111 1111 1111", "5555 5555 5555 4444", "378282246310005")
_WORDS = "ada grace alan edsger barbara donald margaret".split()

_HOSTILE_UNITS = (
    *("1234567890", "1", "1 ", "+1 ", "1.", "1:", "a@", "::::", "a.", "(", "[", "\\", "-", '"', "\n"),
    *("Abc ", "ABC ", "AB12 CD34 ", "A-", "ab:", "sk-", "eyJ", "http://", "://a:", "%5B", "-----BEGIN "),
    *(
        "4111 1111 1111 1111 ",
        "+1 415 555 2671 ",
        "passport number ",
        "password=",
        "number 123456 id 1234567 ",
    ),
    *("ssn id no number account password: ", "[PERSON_", "QWxhZGRpbjpvcGVuIHNlc2FtZQ/+", "é ", "tax 12 "),
)


def measure() -> Iterator[Row]:
    """(what, of what, least µs, the goal), as each is done."""
    actions = in_requests()
    texts = of_four_kinds()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for name, rules in (("request", actions.acting), ("all rows", every_rule())):
            rules.warm()
            yield from _finding(name, rules, texts)
        yield from _streaming(texts)
    finally:
        if was_enabled:
            gc.enable()


def of_four_kinds() -> dict[str, str]:
    random = Random(1)
    entities = "".join(
        _ENTITIES.format(
            card=random.choice(_CARDS), four=random.randrange(1000, 9999), word=random.choice(_WORDS)
        )
        for _ in range(40)
    )
    return {"English": _ENGLISH, "code": _CODE, "logs": _LOG, "entities": entities}


def _repeated(unit: str, size: int) -> str:
    return (unit * (size // len(unit) + 1))[:size]


def _finding(name: str, rules: Rules, texts: dict[str, str]) -> Iterator[Row]:
    def search(text: str) -> object:
        return find(text, rules)

    random = Random(2)
    for kind, text in texts.items():
        whole = _repeated(text, 2 * len(text) + _SIZE)
        places = [random.randrange(len(text)) for _ in range(_SAMPLES)]
        took = _each(search, [whole[at : at + _SIZE] for at in places])
        yield f"{name}: {_SIZE} characters of {kind}", "median", took[len(took) // 2], "60"
        yield f"{name}: {_SIZE} characters of {kind}", "p99", took[int(len(took) * 0.99)], "300"
    for kind, text in texts.items():
        long = _repeated(text, _LONG)
        yield f"{name}: {_LONG} characters of {kind}", "CPU", _cpu_us(search, long), "25,000"
        yield f"{name}: {_LONG} characters of {kind}", "slowest step", max(_steps(rules, long)), "2,000"
    slowest = max((_each(search, [_repeated(unit, _HOSTILE)], 3)[0], unit) for unit in _HOSTILE_UNITS)
    yield f"{name}: {_HOSTILE} hostile characters ({slowest[1]!r})", "slowest", slowest[0], "10,000"


def _each(call: Callable[[str], object], texts: Sequence[str], turns: int = _TURNS) -> list[float]:
    """The least µs of each text, ascending."""
    least = [float("inf")] * len(texts)
    for _ in range(turns):
        for index, text in enumerate(texts):
            began = perf_counter_ns()
            call(text)
            least[index] = min(least[index], (perf_counter_ns() - began) / 1000)
    return sorted(least)


def _cpu_us(call: Callable[[str], object], text: str) -> float:
    least = float("inf")
    for _ in range(3):
        began = process_time_ns()
        call(text)
        least = min(least, (process_time_ns() - began) / 1000)
    return least


def _steps(rules: Rules, text: str) -> list[float]:
    least: list[float] = []
    for _ in range(3):
        took = []
        spans: list[Span] = []
        began = perf_counter_ns()
        for _ in find_in_steps(text, rules, spans):
            took.append((perf_counter_ns() - began) / 1000)
            began = perf_counter_ns()
        least = list(map(min, least, took)) if least else took
    return least


def _streaming(texts: dict[str, str]) -> Iterator[Row]:
    vault = Vault()
    rows = {entity.name: entity for entity in ENTITIES}
    for name in ("PERSON", "EMAIL_ADDRESS", "CREDIT_CARD", "PHONE_NUMBER", "US_SSN"):
        vault.hide(rows[name], f"what stands for {name}")
    restored = "".join(f"{placeholder} wrote about it. " for placeholder in ("[PERSON_1]", "[EMAIL_1]"))
    seen: dict[str, Action] = {
        entity.name: "flag" for entity in ENTITIES if IN_ANSWERS[entity.kind] != "redact"
    }
    plans = {
        "answer": plan_for(in_answers().acting, vault.openings()),
        "answer, rest flagged": plan_for(every_rule(), vault.openings(), seen),
    }
    for name, plan in plans.items():
        for kind, text in {**texts, "placeholders": restored + _ENGLISH}.items():
            pieces = re.findall(r" ?[A-Za-z]{1,7}| ?[0-9]{1,3}|\s+|.", _repeated(text, 12_000))
            least: list[float] = []
            for _ in range(_TURNS):
                scan = Scan(plan, lambda entity, _: f"[{entity.label}]", vault)
                took = _tokens(TextRun(scan), pieces)
                least = list(map(min, least, took)) if least else took
            least.sort()
            yield f"{name}: a token of {kind}", "median", least[len(least) // 2], "3"
            yield f"{name}: a token of {kind}", "p99", least[int(len(least) * 0.99)], "60"
            yield f"{name}: a token of {kind}", "slowest", least[-1], "1,000"


def _tokens(run: TextRun, pieces: Sequence[str]) -> list[float]:
    took = []
    for piece in pieces:
        began = perf_counter_ns()
        run.feed(piece)
        took.append((perf_counter_ns() - began) / 1000)
        run.edits.clear()
    return took
