"""The market looks like one: volatility, correlation, tails, leverage, curve, spreads, prices."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import numpy as np
import pytest

from orchestration.calendars import sessions_between
from orchestration.sandbox.companies import company_history
from orchestration.sandbox.company_bars import company_bars
from orchestration.sandbox.factors import factors
from orchestration.sandbox.fund_shares import fund_days
from orchestration.sandbox.instruments import instruments
from orchestration.sandbox.macro import ENDLESS, release_dates, series
from orchestration.sandbox.prices import Bars, bars
from orchestration.sandbox.streams import DEFAULT_SEED as SEED
from orchestration.sandbox.suspensions import A_QUARTER, LONGEST, SHORTEST
from orchestration.sandbox.timeline import timeline

END = timeline().upto(dt.date(2026, 11, 20)) - timeline().first


def returns(symbol: str) -> np.ndarray:
    quotes = bars(SEED, symbol)
    close = (quotes.close * np.cumprod(quotes.split))[:END]
    return close[1:] / close[:-1] - 1


def test_small_and_large_companies_move_as_they_do() -> None:
    small, large = returns("^RUT"), returns("^GSPC")
    assert 0.85 <= np.corrcoef(small, large)[0, 1] <= 0.92
    assert large.std() * 252**0.5 == pytest.approx(0.15, abs=0.03)
    assert small.std() * 252**0.5 == pytest.approx(0.22, abs=0.035)
    # fat tails, and volatility that comes in clusters
    assert ((large - large.mean()) ** 4).mean() / large.var() ** 2 > 5
    assert np.corrcoef(np.abs(large[1:]), np.abs(large[:-1]))[0, 1] > 0.1


def test_volatility_index_fears_falls() -> None:
    vix = bars(SEED, "^VIX").close[:END]
    assert np.corrcoef(np.diff(np.log(vix)), returns("^GSPC"))[0, 1] < -0.35
    assert 13 < np.median(vix) < 20
    assert vix.min() > 9
    assert 40 < vix.max() < 90


@pytest.mark.parametrize("symbol", ["TNA", "TZA", "URTY", "SRTY", "UWM", "TWM", "RWM"])
def test_leveraged_funds_compound_daily(symbol: str) -> None:
    quotes = bars(SEED, symbol)
    index = bars(SEED, "^RUT").close
    move = index[1:END] / index[: END - 1] - 1
    income = quotes.nav[1:END] * quotes.split[1:END] + quotes.dividend[1:END] * quotes.split[1:END]
    made = income / quotes.nav[: END - 1] - 1
    gap = made - quotes.instrument.leverage * move
    # a short fund earns interest on its assets and on what it sold: L = -3 makes 8 bp a day at 5 %
    assert np.abs(gap).max() < (0.0005 if quotes.instrument.leverage > 0 else 0.0010)
    # the close is the NAV in cents
    assert np.abs(quotes.close[:END] - quotes.nav[:END]).max() <= 0.0051


@pytest.mark.parametrize("symbol", list(instruments()))
def test_bars_are_consistent_and_prices_plausible(symbol: str) -> None:
    quotes: Bars = bars(SEED, symbol)
    assert (quotes.high >= np.maximum(quotes.open, quotes.close)).all()
    assert (quotes.low <= np.minimum(quotes.open, quotes.close)).all()
    assert (quotes.low > 0).all()
    assert (quotes.volume >= 0).all()
    if quotes.instrument.kind in ("fund", "bond", "leveraged"):
        assert quotes.close[:END].min() > 2
        assert quotes.close[:END].max() < 1500
        assert (quotes.volume > 0).all()


def test_a_suspended_company_keeps_its_price_and_trades_nothing() -> None:
    history, when = company_history(SEED, timeline().at(dt.date(2026, 9, 30))), timeline()
    # other tests may have gone on with the same history
    year = range(when.at(dt.date(2026, 1, 2)), when.at(dt.date(2026, 10, 1)))
    halts = [halt for halt in history.suspensions if halt.first in year]
    assert len(halts) == 3 * A_QUARTER
    for halt in halts:
        quotes, _ = company_bars(SEED, "ANY", halt.company, halt.last + 2)
        during = slice(halt.first - when.first, halt.last - when.first + 1)
        last = quotes.close[during.start - 1]
        for column in (quotes.open, quotes.high, quotes.low, quotes.close):
            assert (column[during] == last).all()
        assert not quotes.volume[during].any()
        assert quotes.volume[during.start - 1] > 0
        assert quotes.volume[during.stop] > 0
        assert SHORTEST <= halt.last - halt.first + 1 <= LONGEST
    opened = [company_bars(SEED, "ANY", halt.company, halt.last + 2)[0].close[-2:] for halt in halts]
    assert max(abs(now / was - 1) for was, now in opened) > 0.15


def test_splits_are_where_the_docs_say() -> None:
    first = timeline().first
    place = timeline().at(dt.date(2025, 7, 15)) - first
    assert bars(SEED, "TZA").split[place] == 0.1
    assert bars(SEED, "TNA").split[timeline().at(dt.date(2021, 11, 16)) - first] == 2
    tza = bars(SEED, "TZA")
    assert tza.close[place] / tza.close[place - 1] == pytest.approx(10, rel=0.3)


def test_half_days_are_thin() -> None:
    volume = bars(SEED, "IWM").volume[:END].astype(float)
    half = timeline().is_half[timeline().first :][:END]
    assert np.median(volume[half]) < 0.6 * np.median(volume[~half])


def values(series_id: str) -> dict[dt.date, float]:
    found = series(SEED, series_id)
    newest = found.until == ENDLESS
    pairs = zip(found.dates[newest].astype(object), found.values[newest], strict=True)
    return {day: float(text) for day, text in pairs if text != "."}


def test_rates_add_up_exactly() -> None:
    ten, two, bill, real, even = (values(name) for name in ("DGS10", "DGS2", "DGS3MO", "DFII10", "T10YIE"))
    two_spread, bill_spread = values("T10Y2Y"), values("T10Y3M")
    assert ten.keys() == two_spread.keys()
    for day, level in ten.items():
        assert round(level - two[day], 2) == two_spread[day]
        assert round(level - bill[day], 2) == bill_spread[day]
        assert round(real[day] + even[day], 2) == level
    quoted = dict(zip(timeline().dates[timeline().first :], bars(SEED, "^TNX").close, strict=True))
    assert max(abs(quoted[day] - level) for day, level in ten.items() if day in quoted) <= 0.0055


def test_the_bond_market_has_its_own_holidays() -> None:
    ten = values("DGS10")
    for day in (dt.date(2025, 10, 13), dt.date(2025, 11, 11), dt.date(2026, 10, 12)):
        assert day in timeline().dates
        assert day not in ten
    for day in (dt.date(2021, 4, 2), dt.date(2023, 4, 7), dt.date(2026, 4, 3), dt.date(2025, 1, 9)):
        assert day not in timeline().dates
        assert day in ten
    assert dt.date(2024, 3, 29) not in ten
    assert dt.date(2021, 2, 28) in values("BAMLH0A0HYM2")


def test_policy_moves_in_steps_on_every_calendar_day() -> None:
    upper, lower = values("DFEDTARU"), values("DFEDTARL")
    days = sorted(upper)
    assert len(days) == (days[-1] - days[0]).days + 1
    assert {round(abs(upper[b] - upper[a]), 2) for a, b in pairwise(days)} <= {0, 0.25, 0.5}
    assert all(round(upper[day] - lower[day], 2) == 0.25 for day in days)


def test_spreads_widen_when_stocks_fall() -> None:
    drive, when = factors(SEED), timeline()
    change = np.diff(drive.high_yield[when.on_weekday])
    assert np.corrcoef(change, drive.market[1:])[0, 1] < -0.5


def test_october_2025_has_no_prices_for_ever() -> None:
    for name in ("CPIAUCSL", "CPILFESL", "CPIAUCNS"):
        found = series(SEED, name)
        rows = found.dates == np.datetime64("2025-10-01")
        assert found.values[rows].tolist() == ["."]
        assert found.known[rows].astype(str).tolist() == ["2025-12-18"]
    assert not any(str(day).startswith("2025-11") for day in release_dates(10))


def test_adjusted_prices_are_revised_each_february_for_five_years() -> None:
    found = series(SEED, "CPIAUCSL")
    rows = found.dates == np.datetime64("2018-03-01")
    known = found.known[rows].astype(str).tolist()
    assert [text[:7] for text in known] == ["2018-04", *(f"{year}-02" for year in range(2019, 2024))]
    assert (series(SEED, "CPIAUCNS").until == ENDLESS).all()


def test_flows_come_in_creation_units_and_persist() -> None:
    shares = fund_days(SEED, "IWM").shares[:END]
    assert (shares % 50_000 == 0).all()
    flow = np.diff(shares) * bars(SEED, "IWM").nav[1:END]
    quarter = np.convolve(flow, np.ones(65), mode="valid")
    first = len(sessions_between(dt.date(2016, 1, 4), dt.date(2025, 3, 14))) - 65
    assert (quarter[first : first + 83] < 0).all()
    assert np.abs(np.diff(shares) / shares[:-1]).max() < 0.25
