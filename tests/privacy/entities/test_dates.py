from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.privacy.entities import ENTITIES
from gateway.privacy.scanner import compile_rules, find
from tests.privacy.entities.found import values


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("at 2024-03-15T14:30:00.123Z, or not", ["2024-03-15T14:30:00.123Z"]),
        ("2021-03-05  14:30:00 UTC;", ["2021-03-05  14:30:00 UTC"]),
        ("5/20/2021 and 21.5.21 and 21/05/21", ["5/20/2021", "21.5.21", "21/05/21"]),
        ("12/31/2020 11:59 PM", ["12/31/2020 11:59 PM"]),
        ("5-MAY-2021, 21-May", ["5-MAY-2021", "21-May"]),
        ("on May 1st, 1977 it", ["May 1st, 1977"]),
        ("Monday, January 4th, 2021 at 10:00 AM EST", ["Monday, January 4th, 2021 at 10:00 AM EST"]),
        ("am 12. März 2020, le 12 mars 2020, el 1 de mayo de 2020", ["12. März 2020", "12 mars 2020", "1 de mayo de 2020"]),
        ('- - [10/Oct/2000:13:55:36 -0700] "GET', ["10/Oct/2000:13:55:36 -0700"]),
        ("Jun 14 15:16:01 combo sshd", ["Jun 14 15:16:01"]),
        ("[Sun Dec 04 04:47:44 2005] [error]", ["Sun Dec 04 04:47:44 2005"]),
        ("17/06/09 20:10:40 INFO", ["17/06/09 20:10:40"]),
        ("03-17 16:13:38.811  1702", ["03-17 16:13:38.811"]),
        ("081109 203615 148 INFO dfs", ["081109 203615"]),
        ("2015-07-29 17:41:44,747 - INFO", ["2015-07-29 17:41:44,747"]),
        ("flew on Sunday morning", ["Sunday"]),
        ("founded in 1990. Zoolander is a 1996 film", ["1990", "1996"]),
        ("at 3pm or 14:30", ["3pm", "14:30"]),
    ],
)  # fmt: skip
def test_a_date_is_found_with_its_time(text: str, dates: list[str]) -> None:
    assert values(text, "DATE_TIME") == dates


@pytest.mark.parametrize(
    "text",
    [
        "2024-13-45", "1.2.10", "v20.21.11", "ratio 16:9 or 9:16", "rows[10:12]", "id 1990", "in 2048 bytes", "may be 5", "978-0-09-969792-3",
        "45/45/2020", "10.0.0.1", "12:99", "32.13.2020", "sat on 5", "Monday5",
    ],
)  # fmt: skip
def test_other_numbers_are_no_dates(text: str) -> None:
    assert values(text, "DATE_TIME") == []


FORMS = ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d %B %Y", "%B %d, %Y", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S,%f", "%a %b %d %H:%M:%S %Y",
         "%d/%b/%Y:%H:%M:%S +0000", "%A, %d %B %Y", "%b %d, %Y %I:%M %p", "%Y/%m/%d %H:%M"]  # fmt: skip


@given(st.datetimes(datetime(1900, 1, 1), datetime(2099, 12, 31)), st.sampled_from(FORMS))
def test_any_moment_in_a_usual_form_is_one_span(moment: datetime, form: str) -> None:
    written = moment.strftime(form)
    assert values(f"since ({written}) then", "DATE_TIME") == [written]


@pytest.mark.parametrize("date", ["03/05/1980", "1980-03-05", "March 5, 1980", "5 March 1980"])
@pytest.mark.parametrize("cue", ["born on {}", "DOB: {}", "date of birth is {}", '{{"birth_date": "{}"}}', "geboren am {}"])  # fmt: skip
def test_a_date_of_birth_is_personal(cue: str, date: str) -> None:
    (span,) = find(cue.format(date), compile_rules(ENTITIES))
    assert (span.entity.kind, span.entity.label) == ("personal", "DATE_OF_BIRTH")
    (other,) = find(f"shipped {date}", compile_rules(ENTITIES))
    assert other.entity.kind == "ordinary"
