"""Links: with a scheme, with www., or a bare domain under a top-level domain that is one.

Code is full of dots (`self.name`, `file.py`, `logger.info`), and many a method or suffix is a top-level
domain too: without a scheme only the domains count that are rarely anything else, with a path a few more.
"""

from __future__ import annotations

import re

from gateway.privacy.entities.entity import Entity

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_SCHEMES = ("https", "http", "ftps", "ftp", "sftp", "wss", "ws")
_REST = r"[^\s\"'<>`{}|\\^\[\]\u3000-\u303f\uff00-\uff0f]"

# Top-level domains (IANA root zone) that text seldom holds behind a dot for another reason.
_TOP = frozenset(
    "com org net edu gov mil int biz io ai co app dev cloud xyz de uk fr nl eu ca jp cn ru ch "
    "br mx es se dk fi cz kr hk tw gr hu pt".split()
)
# Those that are also a method, a module, a suffix or a word: with a path, or under a second level like co.uk.
_WITH_PATH = frozenset(
    "tech online site store shop blog wiki club info name pro link page news live world space "
    "my tv it at be in me so ac ad ae af al am ar au az ba bd bg bh bo by cl cr cu cy dz ec "
    "ee eg fm ge gg gh gl gt hn hr id ie il iq ir jo ke kg kh kw kz lb li lk lt lu lv ly ma "
    "mk mn mt ng ni no np nz om pa pe ph pk pl qa re ro rs sa sg sh si sk sn sv th tn tr tz "
    "ua ug us uy uz ve vn ye za zm zw".split()
)
_SECOND = frozenset("co com org net ac gov edu or ne go".split())
# Reversed domains name packages: org.apache.hadoop.net.
_PACKAGE_ROOTS = frozenset(
    "com org net io java javax jakarta kotlin scala sun android androidx edu gov de uk fr eu "
    "self this system microsoft".split()
)
_OBJECTS = frozenset("self this cls logger log console".split())
_NOT_DOMAINS = frozenset(
    "asp.net vb.net ado.net ml.net socket.io node.js std.io system.io java.net java.io".split()
)


# What a link may carry that is found on its own: mailboxes, parameters named like secrets, values that look
# like one. The link ends before them.
_CARRIED = re.compile(
    r"[^/?&=]{1,64}(?:@|%40)[A-Za-z0-9-]{1,63}\.|[?&#;](?i:[a-z_-]{0,24}(?:token|key|secret|passw(?:or)?d|pwd|"
    r"sig|signature|auth|session(?:_?id)?|jwt|code|phone|tel|ssn|email|ip))=|"
    r"[?#/](?=[^\s]{0,200}?(?:-----BEGIN|\b(?:sk-|pk_|rk_|gh[pousr]_|github_pat_|glpat-|xox[a-z]-|AKIA|AIza|eyJ)))|"
    r"[?&](?=[^=&]{1,40}=[^&]{0,200}?(?:[0-9][ +-]?){9})"
)
_HOST_END = re.compile(r"[:/?#]")


def link(candidate: str) -> int:
    """RFC 3986, less the punctuation that belongs to the sentence: `(see http://a.example/b).`

    The host is a name with a dot: an address is an IP_ADDRESS, credentials before an at sign are a secret,
    and `http://localhost` is nobody's. The link ends before a part that holds what is found on its own.
    """
    host = candidate.find("://") + 3
    if candidate[-1] == "@":
        return 0
    carried = _CARRIED.search(candidate, host if host > 2 else 0)
    end = carried.start() if carried else len(candidate)
    unopened = candidate.count(")", 0, end) - candidate.count("(", 0, end)
    while end > host and (candidate[end - 1] in ".,;:!?*_~&" or (candidate[end - 1] == ")" and unopened > 0)):
        unopened -= candidate[end - 1] == ")"
        end -= 1
    return end if end > host else 0


def domain(candidate: str) -> int:
    """A name under a top-level domain, which is neither code nor a machine in a network without a path."""
    found = _HOST_END.search(candidate)
    host = candidate[: found.start()] if found else candidate
    labels = host.split(".")
    lower = [label.lower() for label in labels]
    path = found is not None and found[0] == "/"
    if (
        host.lower() in _NOT_DOMAINS
        or lower[0] in _OBJECTS
        or (len(labels) > 2 and lower[0] in _PACKAGE_ROOTS)
    ):
        return 0
    if not path and len(labels) > (4 if lower[-2] in _SECOND else 3):
        return 0
    # `Foo.Net` names a type, `thing.IO` a module.
    if labels[-1] != lower[-1] and not host.isupper():
        return 0
    if lower[-1] not in _TOP and not path and (lower[-1] not in _WITH_PATH or lower[-2] not in _SECOND):
        return 0
    return link(candidate) if len(lower[-2]) > 1 and not lower[-2].isdigit() else 0


def _either_case(word: str) -> str:
    return "".join(f"[{c}{c.upper()}]" for c in word)


_NAME = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_NAMED = rf"(?:{_NAME}\.){{1,8}}(?:xn--[A-Za-z0-9-]{{2,59}}|[^\W\d_]{{2,24}})"
_PORT_AND_PATH = rf"(?::[0-9]{{1,5}})?(?:[/?#]{_REST}{{0,2000}})?"
_DOMAIN = "|".join(sorted(_TOP | _WITH_PATH, key=lambda top: (-len(top), top)))
_LETTERS = "|".join(map(_either_case, _SCHEMES))

LINKS: tuple[Entity, ...] = (
    Entity(
        name="URL",
        label="URL",
        kind="ordinary",
        # Credentials are taken along up to their at sign, so that the check can refuse them.
        core=rf"(?:{_LETTERS})://(?:[\w.~%+-]{{0,64}}(?::[^\s/?#@\"'<>]{{0,128}})?@|{_NAMED}{_PORT_AND_PATH})",
        longest=2700,
        openings=tuple((*(f"[{c}{c.upper()}]" for c in scheme), ":", "/", "/") for scheme in _SCHEMES),
        validate=link,
        after="",
        words=frozenset(_SCHEMES),
        sign="://",
    ),
    Entity(
        name="URL",
        rule="WWW",
        label="URL",
        kind="ordinary",
        core=rf"[wW][wW][wW]\.(?:{_NAME}\.){{1,7}}[^\W\d_]{{2,24}}{_PORT_AND_PATH}",
        longest=2600,
        openings=(("[wW]", "[wW]", "[wW]", r"\."),),
        validate=link,
        after="",
        words=frozenset(("www",)),
        sign=r"[wW]\.",
    ),
    Entity(
        name="URL",
        rule="DOMAIN",
        label="URL",
        kind="ordinary",
        core=rf"(?:{_LABEL}\.){{1,7}}(?:(?i:{_DOMAIN})(?::[0-9]{{2,5}})?(?:[/?#]{_REST}{{0,250}})?)",
        longest=800,
        openings=(("[A-Za-z0-9]",),),
        validate=domain,
        before=r"[A-Za-z0-9@._/\\=$%&-]",
        after=r"[A-Za-z0-9_(@=\[-]",
        veto=r"\b(?:from|import|package|using) ",
        sign=rf"\.(?i:{_DOMAIN})(?![A-Za-z0-9])",
    ),
)
