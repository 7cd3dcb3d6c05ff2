"""The expected rows of the dbt unit test `mart_risk_equals_the_plain_definitions` follow from the definitions alone.

The two agree to the eleventh place: the last digit of twelve depends on the order in which doubles are added.
"""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from math import log, sqrt
from pathlib import Path
from statistics import mean

import duckdb

FIXTURE = Path(__file__).parents[2] / "dbt_project" / "tests" / "fixtures" / "risk_by_definition.sql"
COLUMNS = (
    *("symbol", "benchmark_symbol", "session_date", "window_sessions", "observations", "beta", "beta_se"),
    *("correlation", "realised_vol_pct", "rate_observations", "beta_to_ust10_bp", "beta_to_ust10_se"),
    *("beta_to_ust10_t", "beta_to_ust10_r2"),
)
CLOSED = 88
LEGS = (("A", "B"), ("A", "SPY"))
NUMBERS = {"A": 1, "B": 2, "SPY": 3}
Row = dict[str, object]


def total_return(symbol: str, i: int) -> float | None:
    k = NUMBERS[symbol]
    if (symbol == "A" and i in (20, 40)) or (symbol == "B" and i < 3) or (symbol == "SPY" and i > 86):
        return None
    return ((i * i * 37 + k * 101 + i * k * 13) % 199 - 99) / 5000.0


def log_return(symbol: str, i: int) -> float | None:
    """Of the price; a price that falls to nothing has none."""
    found = total_return(symbol, i)
    return None if found is None or (symbol, i) == ("A", 10) else log(1 + found)


def rate_changes() -> list[tuple[int, int, float]]:
    """Changes of the first printed yields that were the newest when they came out: day, day known, basis points."""
    days = [i for i in range(-1, 90) if i != 60]
    known = {i: {0: 0, 30: 32, 50: 62}.get(i, i + 1) for i in days}
    value = {i: ((i * i * 29 + 17 * i + 60) % 97) / 100.0 + 3 for i in days}
    kept = [i for i in days if not any(known[j] < known[i] and j > i for j in days)]
    return [(day, known[day], 100 * (value[day] - value[before])) for before, day in pairwise(kept)]


def regression(xs: list[float], ys: list[float]) -> tuple[float, float, float]:
    """Slope of x on y, its standard error, and R squared."""
    mean_x, mean_y, n = mean(xs), mean(ys), len(xs)
    s_xy = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    s_xx, s_yy = sum((x - mean_x) ** 2 for x in xs), sum((y - mean_y) ** 2 for y in ys)
    r2 = s_xy * s_xy / (s_xx * s_yy)
    return s_xy / s_yy, sqrt(s_xx / s_yy * (1 - r2) / (n - 2)), r2


def by_definition() -> list[Row]:
    """One row per pair, session on which both have a bar, and window."""
    changes = rate_changes()
    rows: list[Row] = []
    for symbol, benchmark in LEGS:
        for i in range(CLOSED):
            if total_return(symbol, i) is None or total_return(benchmark, i) is None:
                continue
            for window in (21, 63, 126, 252):
                days = range(max(0, i - window + 1), i + 1)
                pairs = [(total_return(symbol, j), total_return(benchmark, j)) for j in days]
                both = [(x, y) for x, y in pairs if x is not None and y is not None]
                logs = [found for j in days if (found := log_return(symbol, j)) is not None]
                rates = [
                    (x - y, change)
                    for day, known, change in changes
                    if known in days
                    and day >= 0
                    and (x := total_return(symbol, day)) is not None
                    and (y := total_return(benchmark, day)) is not None
                ]
                row: Row = dict.fromkeys(COLUMNS)
                row |= {"symbol": symbol, "benchmark_symbol": benchmark, "window_sessions": window}
                row |= {"session_date": dt.date(2024, 1, 1) + dt.timedelta(days=i), "observations": len(both)}
                if len(logs) >= 0.8 * window:
                    variance = sum((x - mean(logs)) ** 2 for x in logs) / (len(logs) - 1)
                    row["realised_vol_pct"] = 100 * sqrt(252 * variance)
                if window > 21:
                    row["rate_observations"] = len(rates)
                if window > 21 and len(both) >= 0.8 * window:
                    slope, error, r2 = regression([x for x, _ in both], [y for _, y in both])
                    row |= {"beta": slope, "beta_se": error, "correlation": sqrt(r2) * (1 if slope > 0 else -1)}
                if window > 21 and len(rates) >= 0.8 * window:
                    slope, error, r2 = regression([10_000 * s for s, _ in rates], [change for _, change in rates])
                    row |= {"beta_to_ust10_bp": slope, "beta_to_ust10_se": error}
                    row |= {"beta_to_ust10_t": slope / error, "beta_to_ust10_r2": r2}
                rows.append({name: round(v, 12) if isinstance(v, float) else v for name, v in row.items()})
    return rows


def test_the_fixture_follows_from_the_definitions() -> None:
    found_in = duckdb.sql(FIXTURE.read_text(encoding="utf-8"))
    stored = [dict(zip(found_in.columns, row, strict=True)) for row in found_in.fetchall()]
    computed = by_definition()
    assert len(stored) == len(computed) > 600
    for found, expected in zip(stored, computed, strict=True):
        for name, value in expected.items():
            if isinstance(value, float):
                assert abs(found[name] - value) < 1e-11 * max(1, abs(value)), (found, name)
            else:
                assert found[name] == value
