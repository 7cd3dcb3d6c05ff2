"""What index funds do to prices in the sandbox: who is touched, when, and by how much."""

from __future__ import annotations

import numpy as np
import pytest

from orchestration.sandbox.demand import (
    ADDITION_EFFECT,
    BUILD_UP_SESSIONS,
    DELETION_EFFECT,
    FADE_SESSIONS,
    demand,
    strength,
)
from orchestration.sandbox.events import DEAL_SESSIONS, Event
from orchestration.sandbox.membership import MICRO, R1000, R2000, SP500, Reshuffle
from orchestration.sandbox.timeline import reconstitutions, timeline

FRIDAY = 1000
BEFORE = np.array([0, MICRO, R2000, R2000 | MICRO, R1000 | SP500, R2000, R2000, MICRO, 0], dtype=np.uint8)
AFTER = np.array([R2000, R2000, 0, MICRO, R2000 | SP500, R1000, R2000 | MICRO, 0, R1000], dtype=np.uint8)
FULL = 1 + np.array([ADDITION_EFFECT] * 2 + [DELETION_EFFECT] * 2 + [0.0] * 5)
CHANGE = Reshuffle("RUSSELL", FRIDAY, BEFORE, AFTER)


def test_only_who_enters_from_below_or_leaves_downwards_is_touched() -> None:
    assert demand([CHANGE], [], FRIDAY, len(BEFORE)) == pytest.approx(FULL)


@pytest.mark.parametrize(
    ("day_offset", "part"),
    [
        (-BUILD_UP_SESSIONS - 1, 0),
        (-BUILD_UP_SESSIONS, 0),
        (-BUILD_UP_SESSIONS // 2, 0.5),
        (0, 1),
        (FADE_SESSIONS // 2, 0.5),
        (FADE_SESSIONS, 0),
        (FADE_SESSIONS + 1, 0),
    ],
)
def test_the_effect_builds_up_and_fades(day_offset: int, part: float) -> None:
    assert strength(day_offset) == pytest.approx(part)
    assert demand([CHANGE], [], FRIDAY + day_offset, len(BEFORE)) == pytest.approx(1 + part * (FULL - 1))


def test_a_company_that_is_being_bought_has_the_price_of_its_deal() -> None:
    deal = Event("acquisition", FRIDAY + 1, 0, 0.3)
    assert demand([CHANGE], [deal], FRIDAY, len(BEFORE))[0] == 1
    assert demand([CHANGE], [deal], FRIDAY + 1 - DEAL_SESSIONS, len(BEFORE))[0] == 1
    rename = Event("rename", FRIDAY + 1, 0)
    assert demand([CHANGE], [rename], FRIDAY, len(BEFORE))[0] == 1 + ADDITION_EFFECT


def test_companies_listed_later_are_not_touched() -> None:
    assert demand([CHANGE], [], FRIDAY, len(BEFORE) + 2)[-2:].tolist() == [1, 1]


def test_every_effect_lies_between_two_rank_days() -> None:
    """Otherwise it would change who is a member at the next reconstitution, were ranks read from prices."""
    when, dates = timeline(), reconstitutions()
    for event, following in zip(dates, [*dates[1:], None], strict=True):
        friday = when.at(event.effective_date)
        assert friday - BUILD_UP_SESSIONS > when.at(event.rank_date)
        if following is not None and following.rank_date <= when.dates[-1]:
            assert friday + FADE_SESSIONS < when.at(following.rank_date)
