"""Names of people, best effort: cues and shapes, no model."""

from __future__ import annotations

from gateway.privacy.entities.entity import Entity

# Capitalised words that follow a name cue without being a name ("about New York").
_NOT_A_NAME = frozenset(
    "The A An This That These Those Your Our My New North South East West San Los Las Great United Saint "
    "Microsoft Google Amazon Apple Python Java January February March April May June July August September "
    "October November December Monday Tuesday Wednesday Thursday Friday Saturday Sunday Machine Deep Open "
    "Data World White Black Big Star Human Artificial Quantum Climate Social Real".split()
)


def person(candidate: str) -> int:
    """Two or three capitalised words, the first of which does not usually begin something else."""
    return 0 if candidate.split(None, 1)[0] in _NOT_A_NAME else len(candidate)


PERSON: tuple[Entity, ...] = (
    Entity(
        name="PERSON",
        label="PERSON",
        kind="personal",
        core=r"[A-Z][a-z]{1,24}(?:[ -][A-Z][a-z'’]{1,24}){1,2}",
        longest=77,
        openings=((r"[A-Z]",),),
        validate=person,
        sign="[a-z][ -][A-Z]",
        cue=r"\b(?:[Aa]bout|[Nn]amed|[Nn]ame is|[Nn]ame:|I am|I'm|[Cc]alled|[Cc]ontact|[Dd]ear|[Hh]ello|"
        r"[Hh]i|[Mm]eet|[Cc]ustomer|[Pp]atient|[Cc]lient|[Ee]mployee|[Uu]ser|[Ss]igned|[Rr]egards,|Mr\.?|Mrs\.?|"
        r"Ms\.?|Dr\.?|Prof\.?)\s",
    ),
)
