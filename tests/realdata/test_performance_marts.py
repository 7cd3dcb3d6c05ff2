"""Trend, volume, risk, leverage and pairs on real data: golden numbers and an independent computation."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest

from tests.marts import performance_reference as reference
from tests.realdata.conftest import DAY_AFTER, DAY_BEFORE

pytestmark = pytest.mark.realdata


def row(walk, table: str, **key: str):
    """The one row of a key."""
    where = " and ".join(f"{column} = '{value}'" for column, value in key.items())
    rows = walk.sql(f"select * from {table} where {where}")
    assert len(rows) == 1, (table, key)
    return rows.iloc[0]


@pytest.mark.parametrize(
    ("mart", "at_least"),
    [("trend", 3_500_000), ("volume_quarter", 7_000), ("risk", 3_500_000), ("leverage", 3_600_000), ("pair", 20_000)],
)
def test_an_independent_computation_agrees_with_every_value(walk, mart, at_least):
    with duckdb.connect(str(walk.served), read_only=True) as con:
        assert getattr(reference, f"check_{mart}")(con) >= at_least


def test_leveraged_small_caps_stand_above_their_averages_in_december_2025(walk):
    tna = row(walk, "mart_trend", symbol="TNA", session_date="2025-12-18")
    close = row(walk, "fct_price_daily", symbol="TNA", session_date="2025-12-18")["close"]
    assert close == 47.21
    # the margin over the EMA is the thin one
    assert [round(tna[name], 2) for name in ("ema_20", "sma_50", "sma_200")] == [47.11, 45.80, 36.99]
    assert all(tna[name] for name in ("above_ema_20", "above_sma_50", "above_sma_200"))
    assert tna["crossed_ema_20"] == 1


def test_the_russell_2000_falls_below_three_averages_in_february_2025(walk):
    rut = row(walk, "mart_trend", symbol="^RUT", session_date="2025-02-21")
    assert [round(rut[f"sma_{n}"], 1) for n in (50, 100, 200)] == [2279.4, 2288.3, 2201.9]
    assert not any(rut[f"above_sma_{n}"] for n in (50, 100, 200))
    assert rut["crossed_sma_200"] == -1
    # ten per cent below the high of late 2024, which stayed 0.7 points below that of 2021
    assert round(100 * rut["drawdown_252d_px"], 2) == -10.10
    assert str(rut["peak_252d_date"].date()) == "2024-11-25"
    assert round(100 * rut["drawdown_px"], 2) == -10.13
    assert str(rut["peak_date"].date()) == "2021-11-08"


def test_the_fifth_gain_in_july_2024_and_the_day_after(walk):
    assert row(walk, "mart_trend", symbol="IWM", session_date="2024-07-16")["streak_sessions"] == 5
    assert row(walk, "mart_trend", symbol="IWM", session_date="2024-07-17")["streak_sessions"] == -1


def test_small_caps_are_seventeen_per_cent_below_their_peak_in_june_2024(walk):
    iwm = row(walk, "mart_trend", symbol="IWM", session_date="2024-06-10")
    assert round(100 * iwm["drawdown_px"], 2) == -16.77
    assert str(iwm["peak_date"].date()) == "2021-11-08"
    assert round(100 * iwm["drawdown_tr"], 1) == -13.8


def test_the_pullback_of_october_2023_is_measured_from_the_high_of_the_year(walk):
    gspc = row(walk, "mart_trend", symbol="^GSPC", session_date="2023-10-05")
    high = walk.sql(
        "select max(close) as high from fct_price_daily where symbol = '^GSPC' "
        "and session_date between '2022-12-30' and '2023-10-05'"
    )["high"][0]
    assert round(gspc["drawdown_ytd_high_px"], 6) == round(4258.19 / high - 1, 6)
    assert gspc["drawdown_ytd_high_px"] > gspc["drawdown_px"]


def test_days_on_which_the_leveraged_funds_went_more_than_fifteen_per_cent_from_the_close_before(walk):
    counts = walk.sql(
        "select symbol, count(*) as n, count(*) filter (where session_date >= '2021-01-01') as late from mart_trend "
        "where symbol in ('TNA', 'TZA') and max_excursion > 0.15 and session_date <= '2026-01-31' group by 1 order by 1"
    )
    assert counts.values.tolist() == [["TNA", 77, 15], ["TZA", 78, 15]]


def test_volume_of_the_inverse_fund_more_than_doubles_in_the_fourth_quarter_of_2025(walk):
    third = row(walk, "mart_volume_quarter", symbol="TZA", quarter_start="2025-07-01")
    fourth = row(walk, "mart_volume_quarter", symbol="TZA", quarter_start="2025-10-01")
    # ten shares of then are one of today
    assert (round(third["mean_volume"] / 1e5, 1), round(fourth["mean_volume"] / 1e5, 1)) == (30.8, 67.9)
    assert round(fourth["ratio_to_previous"], 3) == 2.204
    assert third["is_complete"]
    assert fourth["is_complete"]


def test_a_daily_reset_of_three_times_the_index_over_six_months(walk):
    key = {"session_date": "2025-12-18", "window_code": "6m"}
    tna, tza = (row(walk, "mart_leverage", symbol=symbol, **key) for symbol in ("TNA", "TZA"))
    assert str(tna["base_date"].date()) == "2025-06-18"
    percent = {name: round(100 * tna[name], 2) for name in ("benchmark_return_px", "multiple_of_benchmark")}
    assert percent == {"benchmark_return_px": 18.69, "multiple_of_benchmark": 56.07}
    assert [round(100 * x["ideal_daily_reset"], 2) for x in (tna, tza)] == [58.26, -46.55]
    assert [round(100 * x["closed_form"], 2) for x in (tna, tza)] == [58.20, -46.46]
    # dividends reinvested at the close of the ex-date; at the close before it they give 53.15 and -43.14
    assert [round(100 * x["fund_return_tr"], 2) for x in (tna, tza)] == [53.12, -43.14]


@pytest.mark.parametrize(("symbol", "slope"), [("TNA", 2.90), ("TZA", -2.92)])
def test_daily_returns_follow_the_multiple(walk, symbol, slope):
    returns = walk.sql(
        "select fund_return, benchmark_return_px from mart_leverage where window_code = '1d' and "
        f"symbol = '{symbol}' and session_date between '2010-01-01' and '2026-01-31'"
    ).dropna()
    assert round(np.polyfit(returns["benchmark_return_px"], returns["fund_return"], 1)[0], 2) == slope
    betas = walk.sql(
        f"select beta from mart_risk where symbol = '{symbol}' and benchmark_symbol = '^RUT' and window_sessions = 252 "
        "and session_date between '2010-01-01' and '2026-01-31'"
    )["beta"]
    assert abs(betas.median() - slope) < 0.1


@pytest.mark.parametrize("table", ["mart_trend", "mart_risk", "mart_leverage", "mart_pair"])
def test_what_was_published_the_day_before_is_published_again(walk, table):
    lost = duckdb.sql(
        f"select count(*) from (select * from {walk.exported(DAY_BEFORE, table)} "
        f"except all select * from {walk.exported(DAY_AFTER, table)})"
    ).fetchone()
    assert lost == (0,)


def test_only_the_running_quarter_changes_from_one_day_to_the_next(walk):
    changed = duckdb.sql(
        f"select distinct quarter_start from (select * from {walk.exported(DAY_BEFORE, 'mart_volume_quarter')} "
        f"except all select * from {walk.exported(DAY_AFTER, 'mart_volume_quarter')})"
    ).fetchall()
    assert [str(day) for (day,) in changed] == ["2026-07-01"]


def test_the_sensitivity_to_the_10_year_of_october_2023_is_mostly_noise(walk):
    by_window = {
        window: row(walk, "mart_risk", symbol="IWM", benchmark_symbol="SPY", session_date="2023-10-05",
                    window_sessions=str(window))
        for window in (63, 252)
    }  # fmt: skip
    short, long = by_window[63], by_window[252]
    assert short["rate_observations"] == 63
    assert [round(short[name], 2) for name in ("beta_to_ust10_bp", "beta_to_ust10_t", "beta_to_ust10_r2")] == [
        *(-2.45, -2.29, 0.08)
    ]
    assert short["beta_to_ust10_se"] == pytest.approx(short["beta_to_ust10_bp"] / short["beta_to_ust10_t"])
    # over a year the sign turns, and neither is told from 0
    assert [round(long[name], 2) for name in ("beta_to_ust10_bp", "beta_to_ust10_t", "beta_to_ust10_r2")] == [
        *(0.22, 0.39, 0.0)
    ]


def test_the_residuals_of_march_2020_are_the_close_of_the_index_not_of_the_funds(walk):
    days = walk.sql(
        "select session_date, max(tracking_residual) filter (symbol = 'TNA') as tna, "
        "max(tracking_residual) filter (symbol = 'TZA') as tza, "
        "bool_and(residual_reason = 'index_close') as flagged "
        "from mart_leverage where window_code = '1d' and symbol in ('TNA', 'TZA') "
        "and session_date between '2020-03-17' and '2020-03-20' group by session_date order by session_date"
    )
    assert days["flagged"].all()
    # opposite funds, opposite errors
    assert (np.sign(days["tna"]) == -np.sign(days["tza"])).all()
    assert days[["tna", "tza"]].abs().max().max() == pytest.approx(0.132, abs=0.001)
    # the value of IWM went with the index, its last trade with the leveraged funds
    worth = walk.sql(
        "select nav_usd from fct_etf_shares where symbol = 'IWM' and as_of_date in ('2020-03-17', '2020-03-18') "
        "order by as_of_date"
    )["nav_usd"]
    index, price = (
        row(walk, "mart_return", symbol=symbol, session_date="2020-03-18", window_code="1d")["return_px"]
        for symbol in ("^RUT", "IWM")
    )
    assert worth[1] / worth[0] - 1 == pytest.approx(index, abs=0.0005)
    assert price - index == pytest.approx(0.0267, abs=0.0001)


def test_no_residual_of_a_day_beyond_the_limit_is_left_without_a_reason(walk):
    rows = walk.sql(
        "select count(*) filter (residual_reason is null) as silent, count(*) as flagged "
        "from mart_leverage where window_code = '1d' and abs(tracking_residual) > 0.0051 * abs(leverage)"
    ).iloc[0]
    assert rows["silent"] == 0
    assert rows["flagged"] > 300
