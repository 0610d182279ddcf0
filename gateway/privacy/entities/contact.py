"""Ways to reach a person: mail; phones and links have files of their own."""

from __future__ import annotations

from gateway.privacy.entities.entity import WORD, Entity
from gateway.privacy.entities.links import LINKS
from gateway.privacy.entities.phone import PHONE

_LETTER = r"A-Za-z0-9\u00c0-\u024f"
_LABEL = rf"[{_LETTER}](?:[{_LETTER}-]{{0,61}}[{_LETTER}])?"
# What looks like the end of a domain behind an at sign: systemd's units (`user@1000.service`), image sizes
# (`icon@2x.png`), packages and modules.
_NOT_TOP = frozenset(
    "service socket target mount device slice scope timer png jpg jpeg gif svg webp ico css "
    "js mjs ts tsx json html xml yaml yml toml tar tgz gz zip whl jar lock".split()
)


def mailbox(candidate: str) -> int:
    """RFC 5321 mailboxes as people have them; `git@host` is how a repository is reached."""
    local, _, host = candidate.rpartition("@")
    labels = host.lower().split(".")
    if local == "git" or labels[-1] in _NOT_TOP or ".." in local or local[-1] == ".":
        return 0
    return len(candidate)


CONTACT: tuple[Entity, ...] = (
    Entity(
        name="EMAIL_ADDRESS",
        label="EMAIL",
        kind="personal",
        core=rf"[A-Za-z0-9_][{_LETTER}._%+'~-]{{0,63}}@(?:{_LABEL}\.){{1,8}}"
        rf"(?:xn--[A-Za-z0-9-]{{2,59}}|[A-Za-z\u00c0-\u024f]{{2,24}})",
        longest=320,
        openings=(*WORD, ("_",)),
        validate=mailbox,
        sign="@",
        aliases=("EMAIL",),
    ),
    # Written out against harvesters: "jane dot doe (at) example dot com".
    Entity(
        name="EMAIL_ADDRESS",
        rule="WRITTEN_OUT",
        label="EMAIL",
        kind="personal",
        core=r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}(?: ?(?:\[|\(|\{)(?i:at)(?:\]|\)|\}) ?| (?i:at) )"
        r"[A-Za-z0-9][A-Za-z0-9-]{0,62}(?:(?: ?(?:\[|\(|\{)(?i:dot)(?:\]|\)|\}) ?| (?i:dot) )"
        r"[A-Za-z0-9][A-Za-z0-9-]{0,62}){1,4}",
        longest=320,
        openings=(*WORD, ("_",)),
        words=frozenset(("dot",)),
        sign="(?i:dot)",
        aliases=("EMAIL",),
        score=0.6,
    ),
    *PHONE,
    *LINKS,
)
