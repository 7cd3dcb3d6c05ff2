"""Published numbers, each read from the release built on the day it was published for, and again from the last one."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pytest

from tests.realdata.conftest import STEPS

pytestmark = pytest.mark.realdata

PP = 0.0051  # published with two decimals of a percent
PP_TR = 0.0101  # total returns were published from the vendor's adjusted closes
TENTH = 0.051
LAST = STEPS[-1]


@dataclass(frozen=True)
class Golden:
    """One number: what it is, the query that gives it, and what was published.

    Attributes:
        step: Day of the first release that must show it.
        expected: A number, a date as text, or a whole row of them.
        tolerance: Of numbers; dates and counts are exact.
        is_level: Whether splits re-base it, so that later releases show it on another basis.
    """

    step: str
    what: str
    query: str
    expected: object
    tolerance: float = PP
    is_level: bool = False


def window(step: str, symbol: str, code: str, expected: float, session: str = "", kind: str = "px", tolerance=PP):
    day = session or step
    return Golden(
        step,
        f"{symbol} {code} {kind} {day}",
        f"select 100 * return_{kind} from mart_return "
        f"where symbol = '{symbol}' and session_date = '{day}' and window_code = '{code}'",
        expected,
        max(tolerance, PP_TR) if kind == "tr" else tolerance,
    )


def base(step: str, symbol: str, code: str, expected: str) -> Golden:
    return Golden(
        step,
        f"{symbol} {code} base {step}",
        f"select base_date from mart_return "
        f"where symbol = '{symbol}' and session_date = '{step}' and window_code = '{code}'",
        expected,
    )


def spread(step: str, session: str, column: str, expected: object, tolerance: float = PP) -> Golden:
    return Golden(
        step,
        f"IWM/QQQ 5d {column} {session}",
        f"select {column} from mart_relative_performance where symbol = 'IWM' and benchmark_symbol = 'QQQ' "
        f"and session_date = '{session}' and window_code = '5d'",
        expected,
        tolerance,
    )


def between(step: str, symbol: str, first: str, last: str, expected: float) -> Golden:
    return Golden(
        step,
        f"{symbol} {first} to {last}",
        f"select 100 * return_px from return_between('{symbol}', '{first}', '{last}')",
        expected,
    )


def trend(step: str, symbol: str, session: str, columns: str, expected: object, tolerance: float = PP) -> Golden:
    return Golden(
        step,
        f"{symbol} {columns} {session}",
        f"select {columns} from mart_trend where symbol = '{symbol}' and session_date = '{session}'",
        expected,
        tolerance,
    )


def leverage(step: str, symbol: str, expected: tuple[float, float, float]) -> Golden:
    return Golden(
        step,
        f"{symbol} multiple, ideal and closed form over six months",
        "select 100 * multiple_of_benchmark, 100 * ideal_daily_reset, 100 * closed_form from mart_leverage "
        f"where symbol = '{symbol}' and session_date = '{step}' and window_code = '6m'",
        expected,
    )


def close(step: str, symbol: str, session: str, expected: float) -> Golden:
    query = f"select close from fct_price_daily where symbol = '{symbol}' and session_date = '{session}'"
    return Golden(step, f"{symbol} close {session}", query, expected)


GOLDEN = [
    # 2023-10-05
    window("2023-10-05", "^RUT", "ytd", -1.69),
    window("2023-10-05", "^GSPC", "ytd", 10.90),
    base("2023-10-05", "^RUT", "ytd", "2022-12-30"),
    base("2023-10-05", "^GSPC", "ytd", "2022-12-30"),
    close("2023-10-05", "^RUT", "2022-12-30", 1761.25),
    close("2023-10-05", "^RUT", "2023-10-05", 1731.51),
    close("2023-10-05", "^GSPC", "2022-12-30", 3839.50),
    close("2023-10-05", "^GSPC", "2023-10-05", 4258.19),
    window("2023-10-05", "^RUT", "ytd", -0.25, session="2023-10-02"),
    Golden(
        "2023-10-05",
        "first negative year-to-date close of ^RUT",
        "select min(session_date) from mart_return where symbol = '^RUT' and window_code = 'ytd' "
        "and return_px < 0 and session_date > (select max(session_date) from mart_return where symbol = '^RUT' "
        "and window_code = 'ytd' and return_px >= 0 and session_date <= '2023-10-05')",
        "2023-10-02",
    ),
    window("2023-10-05", "IWM", "ytd", 0.95, session="2023-10-02", kind="tr"),
    window("2024-07-16", "^RUT", "ytd", -3.3, session="2023-10-19", tolerance=TENTH),
    window("2024-07-16", "^GSPC", "ytd", 11.4, session="2023-10-19", tolerance=TENTH),
    spread("2023-10-05", "2016-11-14", "spread_px_pp", 10.4013, 0.00006),
    Golden(
        "2023-10-05",
        "^RUT negative for the year since",
        "select triggered_since from mart_signal where signal_id = 'ytd_negative_rut' and session_date = '2023-10-05'",
        "2023-10-02",
    ),
    # 2024-07-16
    window("2024-07-16", "IWM", "5d", 11.52),
    base("2024-07-16", "IWM", "5d", "2024-07-09"),
    window("2024-07-16", "IWM", "1d", 3.41),
    window("2024-07-16", "IWM", "1d", 1.90, session="2024-07-15"),
    window("2024-07-16", "IWM", "5d", 9.17, session="2020-06-08"),
    window("2024-07-16", "IWM", "5d", 10.02, session="2020-05-27"),
    *(
        close("2024-07-16", symbol, session, value)
        for symbol, values in {
            "IWM": (201.40, 203.37, 210.68, 213.14, 217.19, 224.60),
            "QQQ": (497.77, 502.96, 491.93, 494.82, 496.15, 496.34),
        }.items()
        for session, value in zip(
            ("2024-07-09", "2024-07-10", "2024-07-11", "2024-07-12", "2024-07-15", "2024-07-16"), values, strict=True
        )
    ),
    spread("2024-07-16", "2024-07-16", "spread_px_pp", 11.81),
    spread("2024-07-16", "2024-07-16", "100 * ratio_return_px", 11.84),
    spread("2024-07-16", "2016-11-14", "spread_px_pp", 10.4013, 0.00006),
    spread("2024-07-16", "2016-11-14", "100 * ratio_return_px", 10.56),
    spread("2024-07-16", "2024-07-16", "widest_since_date", "2001-04-03"),
    # both have bars from 2000-05-26 on; five sessions later the pair has its first value
    spread("2024-07-16", "2024-07-16", "history_start", "2000-06-05"),
    Golden(
        "2024-07-16",
        "best five sessions of IWM since",
        "select best_since_date from mart_return "
        "where symbol = 'IWM' and session_date = '2024-07-16' and window_code = '5d'",
        "2020-04-29",
    ),
    between("2024-07-16", "IWM", "2021-11-08", "2024-06-10", -16.77),
    close("2024-07-16", "IWM", "2021-11-08", 242.56),
    close("2024-07-16", "IWM", "2024-06-10", 201.89),
    between("2024-07-16", "^RUT", "2024-07-12", "2024-07-16", 5.37),
    # an event on a Saturday counts from the Friday before
    between("2024-07-16", "^RUT", "2024-07-13", "2024-07-16", 5.37),
    Golden(
        "2024-07-16",
        "reconstitution of 2024",
        "select event_date from fct_market_event where event_type = 'RUSSELL_RECONSTITUTION' "
        "and year(event_date) = 2024",
        "2024-06-28",
    ),
    trend("2024-07-16", "IWM", "2024-07-16", "streak_sessions", 5, 0),
    trend("2024-07-16", "IWM", "2024-06-10", "100 * drawdown_px, peak_date", (-16.77, "2021-11-08")),
    trend("2024-07-16", "IWM", "2024-06-10", "100 * drawdown_tr", -13.8, TENTH),
    trend("2024-07-16", "IWM", "2024-06-26", "100 * drawdown_px", -17.5, TENTH),
    trend("2024-07-16", "IWM", "2024-06-26", "100 * drawdown_tr", -14.4, TENTH),
    # 2025-02-21
    between("2025-02-21", "^RUT", "2024-11-25", "2025-02-21", -10.10),
    close("2025-02-21", "^RUT", "2024-11-25", 2442.03),
    close("2025-02-21", "^RUT", "2025-02-21", 2195.35),
    Golden(
        "2025-02-21",
        "closing high of ^RUT late in 2024",
        "select max_by(session_date, close) from fct_price_daily where symbol = '^RUT' "
        "and session_date between '2024-10-01' and '2024-12-31'",
        "2024-11-25",
    ),
    between("2025-02-21", "^RUT", "2024-11-05", "2024-11-11", 7.70),
    between("2025-02-21", "IWM", "2024-11-05", "2024-11-11", 7.79),
    between("2025-02-21", "^RUT", "2024-11-01", "2024-11-08", 8.57),
    Golden(
        "2025-02-21",
        "intraday and closing low of January 2025",
        "select min_by(session_date, low), min(low), min_by(session_date, close), min(close) from fct_price_daily "
        "where symbol = '^RUT' and session_date between '2025-01-02' and '2025-01-31'",
        ("2025-01-13", 2158.63, "2025-01-10", 2189.23),
    ),
    trend("2025-02-21", "^RUT", "2025-02-21", "100 * drawdown_252d_px, peak_252d_date", (-10.10, "2024-11-25")),
    trend("2025-02-21", "^RUT", "2025-02-21", "sma_50, sma_100, sma_200", (2279.4, 2288.3, 2201.9), TENTH),
    trend("2025-02-21", "^RUT", "2025-02-21", "above_sma_50, above_sma_100, above_sma_200", (False, False, False)),
    trend("2025-02-21", "IWM", "2024-07-17", "streak_sessions", -1, 0),
    # 2025-12-18
    trend("2025-12-18", "IWM", "2025-06-10", "100 * drawdown_px, sessions_since_peak", (-11.6, 899), TENTH),
    # published from closes less dividends, which are up to 0.3 % lower
    trend("2025-12-18", "TNA", "2025-12-18", "ema_20, sma_50, sma_200", (47.08, 45.78, 36.88), 0.12),
    trend("2025-12-18", "TNA", "2025-12-18", "above_ema_20, above_sma_50, above_sma_200", (True, True, True)),
    trend("2025-12-18", "TZA", "2025-12-18", "above_ema_20, above_sma_50, above_sma_200", (False, False, False)),
    leverage("2025-12-18", "TNA", (56.07, 58.26, 58.20)),
    leverage("2025-12-18", "TZA", (-56.07, -46.55, -46.46)),
    Golden(
        "2025-12-18",
        "mean volume of TZA in Q3 2025, shares of that day",
        "select mean_volume / 1e6 from mart_volume_quarter where symbol = 'TZA' and quarter_start = '2025-07-01'",
        30.8,
        TENTH,
        is_level=True,
    ),
    Golden(
        "2025-12-18",
        "consumer prices of October 2025, never published, and of November",
        "select max_by(yoy_pct, known_at) filter (observation_month = '2025-11-01'), "
        "count(yoy_pct) filter (observation_month = '2025-10-01'), "
        "count(mom_pct) filter (observation_month in ('2025-10-01', '2025-11-01')) "
        "from mart_inflation_monthly where series_id = 'CPIAUCSL' and known_at <= '2025-12-18 23:59:59-05'",
        (2.71, 0, 0),
    ),
    *(
        Golden(
            "2025-12-18",
            f"days with moves beyond 15 % in {fund}",
            "select count(*), count(*) filter (session_date >= '2021-01-01') from mart_signal "
            f"where signal_id = 'leveraged_excursion_{fund.lower()}' and is_triggered and session_date <= '2025-12-18'",
            (days, 15),
            0,
        )
        for fund, days in (("TNA", 77), ("TZA", 78))
    ),
    *(
        Golden(
            "2025-12-18",
            f"tariff groups in {fund}, approximate",
            f"select sum(weight_pct), min(classified_pct) from mart_sector_weight where fund = '{fund}' "
            f"and as_of_date = '{day}' and group_scheme = 'tariff' "
            "and group_name <> 'industrials_and_consumer_discretionary'",
            (percent, 99.5),
            1,
        )
        # published for February 2025; these are the nearest files held
        for fund, day, percent in (("IWM", "2025-05-13", 15), ("IVV", "2025-05-08", 9.1))
    ),
    window("2025-12-18", "^RUT", "ytd", 12.45),
    window("2025-12-18", "^GSPC", "ytd", 15.19),
    base("2025-12-18", "^RUT", "ytd", "2024-12-31"),
    window("2025-12-18", "IWM", "ytd", 12.56),
    window("2025-12-18", "IWM", "ytd", 13.82, kind="tr"),
    window("2025-12-18", "SPY", "ytd", 15.42),
    window("2025-12-18", "SPY", "ytd", 16.43, kind="tr"),
    window("2025-12-18", "^RUT", "126d", 18.90),
    window("2025-12-18", "^GSPC", "126d", 13.52),
    base("2025-12-18", "^RUT", "126d", "2025-06-20"),
    base("2025-12-18", "^GSPC", "126d", "2025-06-20"),
    window("2025-12-18", "^RUT", "6m", 18.69),
    window("2025-12-18", "^GSPC", "6m", 13.27),
    *(
        close("2025-12-18", symbol, session, value)
        for symbol, values in {
            "^RUT": (2230.16, 2109.27, 2499.91, 2305.11, 2507.87),
            "^GSPC": (5881.63, 5967.84, 6735.13, 6538.76, 6774.76),
        }.items()
        for session, value in zip(
            ("2024-12-31", "2025-06-20", "2025-10-20", "2025-11-20", "2025-12-18"), values, strict=True
        )
    ),
    between("2025-12-18", "^RUT", "2025-10-20", "2025-11-20", -7.79),
    between("2025-12-18", "^GSPC", "2025-10-20", "2025-11-20", -2.92),
    window("2025-12-18", "TZA", "5d", 10.09),
    window("2025-12-18", "TZA", "ytd", -43.6, tolerance=TENTH),
    window("2025-12-18", "TZA", "ytd", -42.1, kind="tr", tolerance=TENTH),
    window("2025-12-18", "TZA", "6m", -43.14, kind="tr"),
    # four distributions, each within a basis point
    window("2025-12-18", "TNA", "ytd", 13.78, kind="tr", tolerance=0.04),
    window("2025-12-18", "TNA", "126d", 54.1, kind="tr", tolerance=TENTH),
    window("2025-12-18", "TNA", "6m", 53.15, kind="tr", tolerance=0.04),
    Golden(
        "2025-12-18",
        "ten-year yield as the close of 2025-12-18 knows it",
        "select value, observation_date from mart_macro_daily "
        "where series_id = 'DGS10' and session_date = '2025-12-18'",
        (4.16, "2025-12-17"),
    ),
    Golden(
        "2025-12-18",
        "reconstitution of 2025",
        "select event_date from fct_market_event where event_type = 'RUSSELL_RECONSTITUTION' "
        "and year(event_date) = 2025",
        "2025-06-27",
    ),
    Golden(
        "2025-12-18",
        "sessions of 2025",
        "select count(*) from dim_session where year(session_date) = 2025",
        250,
        0,
    ),
    # published later
    *(
        Golden(
            "2026-08-20",
            f"{series} observed on 2025-12-18",
            f"select value from fct_macro_observation where series_id = '{series}' and observation_date = '2025-12-18'",
            value,
        )
        for series, value in (("DGS10", 4.12), ("BAMLH0A0HYM2", 2.95))
    ),
    Golden(
        "2026-08-20",
        "sessions of 2026",
        "select count(*) from dim_session where year(session_date) = 2026",
        251,
        0,
    ),
    Golden(
        "2026-08-20",
        "reconstitutions of 2026",
        "select min(event_date), max(event_date), count(*) from fct_market_event "
        "where event_type = 'RUSSELL_RECONSTITUTION' and year(event_date) = 2026",
        ("2026-06-26", "2026-12-11", 2),
    ),
    Golden(
        "2026-08-20",
        "minutes of the FOMC that came out before a holiday",
        "select max(event_date) filter (event_id = 'FOMC-2023-11'), max(event_date) filter (event_id = 'FOMC-2024-11'),"
        " max(event_date) filter (event_id = 'FOMC-2025-12') from fct_market_event where event_type = 'FOMC_MINUTES'",
        ("2023-11-21", "2024-11-26", "2025-12-30"),
    ),
]


def agree(found: object, expected: object, tolerance: float) -> bool:
    """Whether a value is the published one."""
    if isinstance(expected, str):
        return isinstance(found, dt.date) and str(found)[:10] == expected
    if isinstance(expected, bool):
        return found is expected
    return found is not None and abs(float(found) - float(expected)) <= tolerance


@pytest.mark.parametrize(
    ("step", "golden"),
    [
        pytest.param(step, golden, id=f"{step} {golden.what}")
        for golden in GOLDEN
        for step in dict.fromkeys([golden.step, LAST])
        if step == golden.step or not golden.is_level
    ],
)
def test_the_release_of_the_day_shows_the_published_number(walk, step, golden):
    found = walk.row_at(step, golden.query)
    expected = golden.expected if isinstance(golden.expected, tuple) else (golden.expected,)
    assert len(found) == len(expected)
    assert all(agree(f, e, golden.tolerance) for f, e in zip(found, expected, strict=True)), found
