"""The wide panel equals its plain definitions, the SQL model of the tracked symbols, and itself grown by days."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.calendars import sessions_between
from orchestration.panel.metrics import AVERAGES, COLUMNS, COVERED, LOOKBACK_SESSIONS, RETURN_WINDOWS
from orchestration.panel.store import STATE, Bars, PanelError, build, extend, matrix_of

CALENDAR = sessions_between(dt.date(2019, 1, 2), dt.date(2022, 12, 30))


def market(seed: int, securities: int, gaps: float, sessions: int = 700) -> pd.DataFrame:
    """Bars of made-up securities: some listed late, some gone early, some without a bar here and there."""
    rng = np.random.default_rng(seed)
    days = CALENDAR[:sessions]
    frames = []
    for number in range(securities):
        close = np.round(40 * np.exp(np.cumsum(rng.normal(0, 0.02, len(days)))), 4).clip(0.01)
        first = int(rng.integers(0, len(days) // 2)) if number % 3 == 1 else 0
        last = int(rng.integers(len(days) // 2, len(days))) if number % 3 == 2 else len(days)
        there = rng.random(len(days)) >= gaps
        there[:first], there[last:], there[first] = False, False, True
        frames.append(
            pd.DataFrame(
                {"security_id": f"S{number:03d}", "session_date": np.array(days)[there], "close": close[there]}
            )
        )
    return pd.concat(frames, ignore_index=True)


def benchmark(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed + 1)
    return pd.DataFrame(
        {"session_date": CALENDAR, "close": np.round(1000 * np.exp(np.cumsum(rng.normal(0, 0.01, len(CALENDAR)))), 4)}
    )


def matrix(bars: pd.DataFrame, against: pd.DataFrame) -> Bars:
    """The matrix of bars given in any order."""
    shuffled = bars.sample(frac=1, random_state=3)
    return matrix_of(pa.Table.from_pandas(shuffled), pa.Table.from_pandas(against), CALENDAR)


def read(folder: Path) -> pd.DataFrame:
    rows = pd.concat([pq.read_table(path).to_pandas() for path in folder.glob("year=*/*.parquet")], ignore_index=True)
    rows["security_id"] = rows["security_id"].astype(str)
    return rows.sort_values(["security_id", "session_date"], ignore_index=True)


def by_definition(bars: pd.DataFrame, against: pd.DataFrame) -> pd.DataFrame:
    """The same columns, window by window, as one would write them down; slow."""
    market = against.set_index("session_date")["close"]
    rows = []
    for name, own in bars.groupby("security_id"):
        closes = own.set_index("session_date")["close"].reindex(CALENDAR)
        first = closes.first_valid_index()
        start, ema = CALENDAR.index(first), np.nan
        daily, market_daily = closes / closes.shift(1) - 1, market / market.shift(1) - 1
        for at, (day, close) in enumerate(closes.items()):
            if np.isnan(close):
                continue
            row = {"security_id": name, "session_date": day, "close": close}
            bases = {f"{n}d": at - n for n in RETURN_WINDOWS}
            bases["ytd"] = next((n for n in range(at, -1, -1) if CALENDAR[n].year < day.year), -1)
            for code, base in bases.items():
                row[f"return_{code}"] = close / closes.iloc[base] - 1 if base >= 0 else np.nan
                change = market.iloc[at] / market.iloc[base] - 1 if base >= 0 else np.nan
                row[f"spread_{code}_pp"] = 100 * (row[f"return_{code}"] - change)
            for n in AVERAGES:
                row[f"sma_{n}"] = whole(closes, at, n, n, start).mean()
            ema = close if np.isnan(ema) else ema + 2 / 21 * (close - ema)
            row["ema_20"] = ema
            year = whole(closes, at, 252, 252, start)
            row["high_252d"] = year.max()
            row["drawdown_252d"] = close / year.max() - 1
            row["max_drawdown_252d"] = (year / year.cummax() - 1).min()
            row["realised_vol_63_pct"] = np.log1p(whole(daily, at, 63, 64, start)).std() * np.sqrt(252) * 100
            pair = pd.DataFrame({"x": market_daily, "y": daily.where(market_daily.notna())})
            own_year = whole(pair["y"], at, 252, 253, start)
            row["beta_252"] = np.polyfit(pair["x"].loc[own_year.index], own_year, 1)[0] if len(own_year) else np.nan
            rows.append(row)
    return pd.DataFrame(rows)[["security_id", "session_date", "close", *COLUMNS]]


def whole(values: pd.Series, at: int, n: int, history: int, start: int) -> pd.Series:
    """The values of the last n sessions; none where the history is too short or too many are missing."""
    window = values.iloc[max(at - n + 1, 0) : at + 1].dropna()
    return window if at - start + 1 >= history and len(window) >= COVERED * n else window.iloc[:0]


@pytest.mark.parametrize("gaps", [0.0, 0.02, 0.25])
def test_every_value_equals_its_plain_definition(tmp_path: Path, gaps: float) -> None:
    bars, against = market(7, 4, gaps, 620), benchmark(7)
    build(tmp_path / "panel", matrix(bars, against))
    found, wanted = read(tmp_path / "panel"), by_definition(bars, against)
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-9, atol=1e-9, check_dtype=False)
    # the comparison is of values, not of two empty columns
    assert gaps == 0.25 or found.drop(columns=["security_id", "session_date"]).notna().any().all()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10_000),
    gaps=st.sampled_from([0.0, 0.03, 0.3]),
    cuts=st.lists(st.integers(LOOKBACK_SESSIONS + 2, 699), min_size=1, max_size=4, unique=True).map(sorted),
)
def test_a_panel_grown_by_days_equals_one_built_whole(
    tmp_path_factory, seed: int, gaps: float, cuts: list[int]
) -> None:
    bars, against, folder = market(seed, 5, gaps), benchmark(seed), tmp_path_factory.mktemp("grown")
    build(folder / "grown", matrix(bars[bars["session_date"] < CALENDAR[cuts[0]]], against))
    for cut, previous in zip([*cuts[1:], 700], cuts, strict=True):
        recent = bars["session_date"].between(CALENDAR[previous - LOOKBACK_SESSIONS - 1], CALENDAR[cut - 1])
        extend(folder / "grown", matrix(bars[recent], against))
    build(folder / "whole", matrix(bars, against))
    pd.testing.assert_frame_equal(read(folder / "grown"), read(folder / "whole"), check_exact=True)


def test_the_sql_of_the_tracked_symbols_says_the_same(sandbox_release, tmp_path: Path) -> None:
    with duckdb.connect(str(sandbox_release.data / "smallcap.duckdb"), read_only=True) as con:
        sessions = con.execute("select session_date from dim_session order by 1").df()["session_date"].dt.date.tolist()
        bars = con.execute("select symbol as security_id, session_date, close from fct_price_daily").to_arrow_table()
        against = con.execute("select session_date, close from fct_price_daily where symbol = '^GSPC'").to_arrow_table()
        model = con.execute("select * exclude (history_start) from mart_symbol_daily order by 1, 2").df()
    build(tmp_path / "panel", matrix_of(bars, against, sessions))
    found = read(tmp_path / "panel").rename(columns={"security_id": "symbol"})
    model["session_date"] = model["session_date"].dt.date
    pd.testing.assert_frame_equal(found, model, rtol=1e-9, atol=1e-9, check_dtype=False)
    assert model["beta_252"].notna().sum() > 10_000


def test_what_a_kill_left_after_the_state_is_removed(tmp_path: Path) -> None:
    bars, against, folder = market(1, 3, 0.0), benchmark(1), tmp_path / "panel"
    build(folder, matrix(bars[bars["session_date"] < CALENDAR[600]], against))
    leftover = folder / "year=2021" / f"part-{CALENDAR[601]}.parquet"
    leftover.write_bytes(b"half a file")
    extend(folder, matrix(bars[bars["session_date"] <= CALENDAR[600]], against))
    assert not leftover.exists()
    assert read(folder)["session_date"].max() == CALENDAR[600]


def test_nothing_new_adds_nothing(tmp_path: Path) -> None:
    bars, against, folder = market(1, 3, 0.0), benchmark(1), tmp_path / "panel"
    build(folder, matrix(bars, against))
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}
    assert extend(folder, matrix(bars, against)) == 0
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")} == before


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    bars, against = market(1, 3, 0.0), benchmark(1)
    with pytest.raises(PanelError, match="holds no panel"):
        extend(tmp_path / "none", matrix(bars, against))
    with pytest.raises(PanelError, match="two bars"):
        matrix(pd.concat([bars, bars.head(1)]), against)
    weekend = bars.head(1).assign(session_date=dt.date(2019, 1, 5))
    with pytest.raises(PanelError, match="2019-01-05, which is no session"):
        matrix(pd.concat([bars, weekend]), against)
    build(tmp_path / "panel", matrix(bars[bars["session_date"] < CALENDAR[600]], against))
    short = bars[bars["session_date"] >= CALENDAR[500]]
    with pytest.raises(PanelError, match=f"{LOOKBACK_SESSIONS} sessions before"):
        extend(tmp_path / "panel", matrix(short, against))
    assert (tmp_path / "panel" / STATE).exists()
