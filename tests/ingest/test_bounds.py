"""The bounds check on prices can fail, and a known split does not make it fail."""

from __future__ import annotations

import datetime as dt

from orchestration.ingest.prices import OUTLIERS
from orchestration.lake.contracts import YAHOO_ACTION, YAHOO_BAR
from orchestration.lake.store import Lake
from tests.lake.test_store import append, bar

D = dt.date


def beyond(lake: Lake) -> list[str]:
    return lake.query(OUTLIERS, [D(2026, 1, 1)]).column("key").to_pylist()


def test_a_jump_between_bars_of_two_daily_runs_is_found(tmp_path):
    lake = Lake(tmp_path, "live")
    append(lake, YAHOO_BAR, [bar(1, 10.0, D(2026, 6, 1))])
    append(lake, YAHOO_BAR, [bar(2, 15.9, D(2026, 6, 2))], 1)
    assert beyond(lake) == []
    append(lake, YAHOO_BAR, [bar(3, 30.0, D(2026, 6, 3))], 2)
    assert beyond(lake) == ["TZA"]


def test_a_jump_that_is_a_known_split_is_none(tmp_path):
    lake = Lake(tmp_path, "live")
    append(lake, YAHOO_BAR, [bar(1, 10.0, D(2026, 6, 1))])
    split = {"symbol": "TZA", "ex_date": D(2026, 6, 2), "action_type": "split", "value": 0.1}
    append(lake, YAHOO_ACTION, [{**split, "split_basis_date": D(2026, 6, 2)}], 1)
    append(lake, YAHOO_BAR, [bar(2, 100.0, D(2026, 6, 2))], 1)
    assert beyond(lake) == []
