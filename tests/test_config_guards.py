"""The `[[guards]]` tables and a policy's topics: what is right, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import config
from gateway.errors import ConfigError

PROVIDER = '[[providers]]\nname = "a"\nbase_url = "http://localhost:1/v1"\n'
WEBHOOK = '[[guards]]\nname = "acme"\nurl = "http://127.0.0.1:9/"\n'


def loaded(text: str, folder: Path, **env: str) -> config.Config:
    path = folder / "sluice.toml"
    path.write_text(PROVIDER + text)
    return config.load(path, env)


def test_the_smallest_guard_fails_closed_and_sees_little(tmp_path: Path) -> None:
    (guard,) = loaded(WEBHOOK, tmp_path).guards
    assert (guard.kind, guard.on, guard.fail, guard.send_raw) == ("webhook", "both", "closed", False)


def test_files_start_at_the_configuration_s_folder(tmp_path: Path) -> None:
    text = '[[guards]]\nname = "m"\nkind = "onnx"\npath = "m.onnx"\ntokenizer = "/t.json"\n'
    text += 'classes = ["a", "b"]\nlabels = { b = "block" }\n'
    (guard,) = loaded(text, tmp_path).guards
    assert (guard.path, guard.tokenizer) == (str(tmp_path / "m.onnx"), "/t.json")


def test_a_secret_is_read_and_never_shown(tmp_path: Path) -> None:
    found = loaded(WEBHOOK + 'secret = "env:ACME"\n', tmp_path, ACME="hush")
    assert found.guards[0].secret is not None
    assert found.guards[0].secret.reveal() == "hush"
    assert "hush" not in repr(found) + config.explain(found)


def test_the_summary_says_what_a_guard_leaves_open(tmp_path: Path) -> None:
    text = WEBHOOK.replace("127.0.0.1", "guard.example.com") + 'fail = "open"\nsend_raw = true\n'
    said = config.explain(loaded(text, tmp_path))
    for warning in ("FAILS OPEN", "SEES EVERYTHING", "NOT ENCRYPTED: the way to this guard"):
        assert warning in said
    assert "FAILS OPEN" not in config.explain(loaded(WEBHOOK, tmp_path))


def topic(text: str) -> str:
    return f'[[policies]]\nname = "p"\n[[policies.topics.forbidden]]\nname = "t"\n{text}'


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        (WEBHOOK.replace("acme", "Acme"), "guards[0].name", "lower-case"),
        ('[[guards]]\nname = "a"\n', "guards[0].url", "missing option"),
        (WEBHOOK.replace("http:", "ftp:"), "guards[0].url", "http://"),
        (WEBHOOK.replace("127", "user:pass@127"), "guards[0].url", "no user and password"),
        (WEBHOOK + WEBHOOK, "guards[1].name", "same as"),
        (WEBHOOK + 'fails = "open"\n', "guards[0].fails", "did you mean fail"),
        (WEBHOOK + 'fail = "opn"\n', "guards[0].fail", "did you mean open"),
        (WEBHOOK + 'secret_header = "X Key"\n', "guards[0].secret_header", "header"),
        (WEBHOOK + "breaker = { failures = 0 }\n", "guards[0].breaker.failures", ">= 1"),
        (WEBHOOK + 'kind = "http"\n', "guards[0].labels", "missing option"),
        ('[[guards]]\nname = "m"\nkind = "onnx"\n', "guards[0].path", "missing option"),
        (
            '[[guards]]\nname = "m"\nkind = "onnx"\npath = "m"\nclasses = ["a"]\nlabels = { b = "block" }\n',
            "guards[0].labels.b",
            "no such class; there is a",
        ),
        ('[[policies]]\nname = "p"\nguards = ["acme"]\n', "policies[0].guards[0]", "add a [[guards]] table"),
        (
            WEBHOOK + '[[policies]]\nname = "p"\nguards = ["acne"]\n',
            "policies[0].guards[0]",
            "there is acme",
        ),
        ('[[policies]]\nname = "p"\nhold = "all"\n', "policies[0].hold", "answer"),
        (topic(""), "policies[0].topics.forbidden[0]", "finds nothing"),
        (topic('words = ["poker", "🎰"]\n'), "policies[0].topics.forbidden[0].words[1]", "no letter"),
        (topic('words = ["x"]\nthreshold = 2\n'), "policies[0].topics.forbidden[0].threshold", "from 1 to"),
        (
            topic('words = ["x"]\nthreshhold = 1\n'),
            "policies[0].topics.forbidden[0].threshhold",
            "did you mean",
        ),
        (topic('patterns = ["x*"]\n'), "policies[0].topics.forbidden[0].patterns[0]", "no bound"),
        (topic('words = ["x"]\n').replace('"t"', '"a b"'), "policies[0].topics.forbidden[0].name", "letters"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, place: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(text, tmp_path)
    assert caught.value.message.startswith(f"{place}: ")
    assert what in caught.value.message
