"""The rule table: meanings that stand near each other, and a few marks that are written one way only.

A rule's `near` is a path through meanings (gateway/guard/lexicon.py): `ignore 3 previous|all 3 instructions`
is "a word for ignoring, at most 3 other words, a word for what came before, …". It is matched against the
text written with one character a word, so it costs nothing per letter and is the same in every language.
A rule's `literal` is a pattern over the folded text, tried only if one of its `signs` stands there.

No rule refuses anything by itself: what was hit is an input of the model, and names the finding.
"""

# ruff: noqa: E501 - a table of words reads in rows.

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from gateway.guard.lexicon import MEANINGS

ThreatType = Literal[
    "prompt_injection", "jailbreak", "prompt_extraction", "exfiltration", "hidden_text"
]  # Secrets are the privacy engine's.

BLANK = "."  # A word without a meaning of its own.
LETTERS = {meaning: chr(ord("A") + number) for number, meaning in enumerate(MEANINGS)}


class Rule(NamedTuple):
    """`signs`: of each set one must be there (a meaning's letter, or a string), or the pattern is not tried."""

    id: str
    threat_type: ThreatType
    pattern: re.Pattern[str]
    signs: tuple[frozenset[str], ...]
    shaped: bool = True  # False where a sign is all there is to it.


def _near(id: str, threat_type: ThreatType, path: str) -> Rule:
    steps = [
        int(step) if step.isdigit() else frozenset(LETTERS[name] for name in step.split("|"))
        for step in path.split()
    ]
    pattern = "".join(
        f".{{0,{step}}}?" if isinstance(step, int) else f"[{re.escape(''.join(sorted(step)))}]"
        for step in steps
    )
    signs = tuple(step for step in steps if not isinstance(step, int))
    return Rule(id, threat_type, re.compile(pattern), signs)


def _literal(id: str, threat_type: ThreatType, *strings: str, pattern: str = "") -> Rule:
    """One of the strings, or what the pattern says begins with one of them."""
    return Rule(
        id,
        threat_type,
        re.compile(pattern or "|".join(map(re.escape, strings))),
        (frozenset(strings),),
        bool(pattern),
    )


INJECTION: ThreatType = "prompt_injection"
JAILBREAK: ThreatType = "jailbreak"
EXTRACTION: ThreatType = "prompt_extraction"
EXFILTRATION: ThreatType = "exfiltration"

NEAR = (
    _near(
        "override.prior", INJECTION, "ignore 3 previous|given 3 instructions|prompt|words|limits|task|system"
    ),
    _near("override.yours", INJECTION, "ignore 3 you|system|all 3 instructions|prompt|limits"),
    _near("override.everything", INJECTION, "ignore 1 all"),
    _near("override.behind", INJECTION, "previous|all 3 instructions|prompt|words 4 ignore"),
    _near("override.behind-bent", INJECTION, "instructions|prompt 2 ignore"),
    _near("override.new", INJECTION, "new 1 instructions|task|system"),
    _near("override.told", INJECTION, "ignore 5 given"),
    _near("override.then", INJECTION, "ignore 8 reveal|answer|execute"),
    _near(
        "extraction.prompt",
        EXTRACTION,
        "reveal 5 system|you|previous|exact|begin 3 prompt|instructions|words",
    ),
    _near("extraction.given", EXTRACTION, "instructions|prompt|words 5 you|i 3 given"),
    _near("extraction.ask", EXTRACTION, "howto 3 you 4 instructions|prompt"),
    _near("extraction.system", EXTRACTION, "system 1 prompt|instructions|words"),
    _near("extraction.above", EXTRACTION, "reveal 4 all|exact|words 4 previous|begin"),
    _near("extraction.encoded", EXTRACTION, "encode 5 you|system|previous|begin 3 instructions|prompt|words"),
    _near("secret.ask", EXFILTRATION, "reveal|howto|i 4 you|i|system 2 secret"),
    _near("secret.user", EXFILTRATION, "user|system 3 secret|access"),
    _near("secret.authority", EXFILTRATION, "authority 14 secret|access"),
    _near("private.ask", EXFILTRATION, "reveal|howto|you 6 private"),
    _near("secret.poem", EXFILTRATION, "encode|answer|grant 8 secret"),
    _near("jailbreak.persona", JAILBREAK, "act 8 unfiltered|dev"),
    _near("jailbreak.unbound", JAILBREAK, "not|ignore 4 limits"),
    _near("jailbreak.model", JAILBREAK, "model|you 6 unfiltered"),
    _near("jailbreak.no-refusal", JAILBREAK, "not 2 refuse|answer|reveal"),
    _near("jailbreak.you-are", JAILBREAK, "you 2 now|act 6 you|unfiltered|model|not|act"),
    _near("jailbreak.mode", JAILBREAK, "dev|unfiltered|system 0 mode"),
    _near("jailbreak.fiction", JAILBREAK, "fiction 12 limits|unfiltered|model"),
    _near("hijack.addressed", INJECTION, "model 6 must|execute|ignore|send"),
    _near("hijack.reader", INJECTION, "model 6 process"),
    _near("hijack.first", INJECTION, "sequence 3 answer|task|process|execute|you"),
    _near("hijack.rest", INJECTION, "rest 3 words|data|task|answer|instructions"),
    _near("hijack.silent", INJECTION, "not 2 mention|reveal|answer 4 user"),
    _near("hijack.order", INJECTION, "must 5 execute|send|delete|grant"),
    _near("hijack.send", EXFILTRATION, "send 8 data|secret"),
    _near("hijack.delete", INJECTION, "delete 3 all|data|access"),
    _near("hijack.grant", INJECTION, "grant 5 access|authority"),
    _near("hijack.money", INJECTION, "send|grant|execute|money 4 money"),
    _near("talk.security", INJECTION, "sectalk 6 prompt|model|sectalk|instructions"),
    _near("talk.how", INJECTION, "howto 6 ignore|delete|execute"),
)
TALK = frozenset({"talk.security", "talk.how"})  # Evidence for the defence; never a finding.

LITERAL = (
    _literal("jailbreak.dan", JAILBREAK, "anything now", " dan ", "dan mode", "d.a.n", "dan:", "jailbreak"),
    _literal("override.from-now", INJECTION, "from now on", "from this point", "from this line", "from this moment", "from here on"),
    _literal("markup.role", INJECTION, "<|im_", "<|end", "<|sys", "<|user", "<|assist", "<|start", "[inst", "[/inst", "<<sys", "<system", "</system", "<important", "<information", "<instruction", "<admin", "</tool_res", "</document", "</result", "</data", "</user", "[system", "[admin", "[important", "[instruction"),
    _literal("markup.colon", INJECTION, "system:", "assistant:", "user:", "human:", "ai:", "system message", "new task", "new instruction"),
    _literal("markup.heading", INJECTION, "## instruction", "### instruction", "### system", "## system", "### new", "### human", "### response", "# system"),
    _literal("markup.end", INJECTION, "end of doc", "end of text", "end of input", "end of file", "end of data", "end of context", "end of prompt", "end of result", "task complete", "== end", "-- end", "** end", "==end", "## end", "== begin", "== new", "== system", "== start", "-- start", "answer: "),
    _literal("markup.comment", INJECTION, "<!-- ai", "<!-- assist", "<!-- note", "<!-- agent", "<!-- llm", "<!-- ignore", "<!-- instr", "<!-- system", "<!-- important", "<!-- if you", "/* ai", "/* assist", "// ai", "// assist", "// llm", "// agent", "# ai", "# assist", "# llm", "# agent", "display:none", "font-size:0", "color:white", "display: none"),
    _literal("hijack.to-machines", INJECTION, "to the ai", "to ai ", "for ai ", "for the ai", "to all ai", "dear ai", "dear assistant", "hey assistant", "attention ai", "ai agents", "ai assistant", "to the assistant", "for the assistant", "to the model", "for the model", "to any model", "language model", "if you are an", "you are an ai", "as an ai", "whichever model", "any llm", "to llm", "for llm", "automated agent", "automated assistant"),
    _literal("hijack.behalf", INJECTION, "on behalf of", "has already agreed", "has approved", "the user wants", "the user asked", "the user has asked", "the user told", "the user requested", "from me, the user", "without asking", "without confirmation", "do not ask", "don't ask", "no confirmation"),
    _literal("hijack.before", INJECTION, "before you", "before answer", "before continu", "before summar", "before respond", "before anything", "only then", "only afterwards", "must first", "in order to continue", "in order to complete", "after that", "once done", "then continue", "as if nothing", "instead of "),
    _literal("exfiltration.image", EXFILTRATION, "![", "<img", pattern=r"!\[[^\]\n]{0,80}\]\(https?://[^)\s]{1,80}?[?&=][^)\s]{0,20}[{\[<$%]|<img[^>]{1,40}?src=.{0,3}https?://[^>\s]{1,80}?[?&]\w{1,12}=[^>\s]{0,10}[{\[$%]"),
    _literal("exfiltration.link", EXFILTRATION, "to the url", "in the url", "into the url", "url param", "query param", "as a parameter", "markdown image", "to the link", "into the link", "?q=", "?d=", "?data=", "webhook"),
    _literal("exfiltration.shell", EXFILTRATION, "curl ", "wget ", ".ssh/", ".aws/", "/etc/passwd", "id_rsa", "| sh", "|sh", "| bash", "|bash", "rm -rf", "ssh-rsa", "ssh-ed25519", "reverse shell"),
    _literal("exfiltration.payee", EXFILTRATION, "iban ", "gift card", "bitcoin", "wire transfer", "us133", "account number", "bank account", "ethereum", "wallet address"),
    _literal("split.payload", INJECTION, "a + b", "a+b", "x + y", "x+y", "part 1", "part one", "part a", "concatenat", "put together", "put them together", "interlac", "interleav", "join the"),
    _literal("reveal.say", INJECTION, 'say "', "say '", 'print "', 'output "', "output '", 'write "', "write '", 'with "', "with: \"", "just say", "only say", "say only", "say: ", "just output", "only output", "just print", "just write", "print('", 'print("'),
    _literal("extraction.words", EXTRACTION, "you are'", 'you are"', "above this", "text above", "everything above", "the above", "before this", "starting with", "beginning with", "first message", "my first", "top of this"),
)  # fmt: skip
RULES = NEAR + LITERAL
