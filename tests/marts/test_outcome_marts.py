"""What followed signals and entries: a second computation, and what the definitions promise on any input."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.marts import outcome_reference as reference


@pytest.mark.parametrize(("mart", "at_least"), [("signal_outcome", 1_000), ("trade_outcome", 36)])
def test_an_independent_computation_agrees_with_every_value(sandbox_release, mart, at_least):
    with duckdb.connect(str(sandbox_release.data / "smallcap.duckdb"), read_only=True) as con:
        assert getattr(reference, f"check_{mart}")(con) >= at_least


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=70, max_size=300), st.integers(0, 2**32))
def test_the_error_is_the_textbook_one_where_nothing_overlaps(states, seed):
    triggers = np.zeros(len(states), dtype=bool)
    triggers[::5] = states[::5]
    series = np.random.default_rng(seed).normal(size=len(states))
    after = series[triggers]
    error = reference.newey_west(series, triggers, 5)
    if len(after) < 2:
        assert np.isnan(error)
    else:
        assert error == pytest.approx(after.std(ddof=1) / np.sqrt(len(after)))


def test_ten_triggers_in_a_row_are_no_ten_observations():
    """Returns of 63 sessions that begin on ten sessions in a row: their error is near that of a few, not of many."""
    walk = np.random.default_rng(7).normal(size=20_000)
    ahead = np.convolve(walk, np.ones(63), mode="valid")
    triggers = np.zeros(len(ahead), dtype=bool)
    for start in range(0, 18_900, 630):
        triggers[start : start + 10] = True
    error = reference.newey_west(ahead, triggers, 63)
    naive = ahead[triggers].std(ddof=1) / np.sqrt(triggers.sum())
    assert reference.without_overlap(np.flatnonzero(triggers), 63) == 30
    # ten returns that share nine tenths of their sessions are hardly more than one
    assert error > 2.5 * naive
    assert error == pytest.approx(np.sqrt(63 / 30), rel=0.35)
