"""Options, valuations and catalysts of a whole build, computed again in pandas from what was stored."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator

import duckdb
import numpy as np
import pandas as pd
import pytest

from orchestration.calendars import NEW_YORK, sessions_between


@pytest.fixture(scope="module")
def con(sandbox_release) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(sandbox_release.data / "build" / "warehouse.duckdb"), read_only=True) as connection:
        yield connection


def vol_at(wing: pd.DataFrame, wanted: float) -> float:
    """Linear in strike; nan where not bracketed."""
    below, above = wing[wing["strike"] <= wanted], wing[wing["strike"] >= wanted]
    if below.empty or above.empty:
        return math.nan
    return float(np.interp(wanted, wing["strike"], wing["implied_vol"]))


def vol_in_30_days(terms: dict[int, float]) -> float:
    """Linear in total variance."""
    days = sorted(day for day, vol in terms.items() if not math.isnan(vol))
    if not days or not days[0] <= 30 <= days[-1]:
        return math.nan
    variance = np.interp(30, days, [terms[day] ** 2 * day / 365 for day in days])
    return math.sqrt(variance * 365 / 30)


def check_option_mart(con: duckdb.DuckDBPyConnection) -> int:
    """Every row of mart_option_daily against its chain; the number of rows."""
    quotes = con.execute("select * from staging.stg_option_quote where revision_rank = 1").df()
    mart = con.execute("select * from main.mart_option_daily").df().set_index(["underlying", "session_date"])
    assert set(mart.index) == set(quotes.groupby(["underlying", "session_date"]).groups)
    traded = quotes["last_trade_at"].dt.tz_convert(NEW_YORK).dt.tz_localize(None).dt.normalize()
    quotes["traded"] = quotes["volume"].where(traded == quotes["session_date"], 0)
    quotes["days"] = (quotes["expiry_date"] - quotes["session_date"]).dt.days
    for key, chain in quotes.groupby(["underlying", "session_date"]):
        row = mart.loc[key]
        for suffix, part in (("", chain), ("_60d", chain[chain["days"] <= 60])):
            sums = part.groupby("side")[["traded", "open_interest"]].sum()
            ratio = sums.loc["put"] / sums.loc["call"]
            assert row[f"put_call_volume{suffix}"] == pytest.approx(ratio["traded"], rel=1e-12)
            assert row[f"put_call_open_interest{suffix}"] == pytest.approx(ratio["open_interest"], rel=1e-12)
        spot = chain["underlying_price"].iloc[0]
        is_out = np.where(chain["side"] == "put", chain["strike"] <= spot, chain["strike"] > spot)
        wings = chain[is_out & (chain["bid"] > 0) & (chain["implied_vol"] > 0.01) & (chain["days"] > 0)]
        terms: dict[str, dict[int, float]] = {"low": {}, "middle": {}, "high": {}}
        for days, wing in wings.sort_values("strike").groupby("days"):
            low, middle, high = (vol_at(wing, spot * share) for share in (0.9, 1.0, 1.1))
            both = not math.isnan(low + high)
            terms["low"][days] = low if both else math.nan
            terms["high"][days] = high if both else math.nan
            terms["middle"][days] = middle
        skew = 100 * (vol_in_30_days(terms["low"]) - vol_in_30_days(terms["high"]))
        assert row["skew_90_110_30d_pp"] == pytest.approx(skew, abs=1e-8, nan_ok=True)
        assert row["implied_vol_atm_30d_pct"] == pytest.approx(
            100 * vol_in_30_days(terms["middle"]), abs=1e-8, nan_ok=True
        )
        assert (row["contracts"], row["expiries"]) == (len(chain), chain["expiry_date"].nunique())
        # nothing stands in the row that was not yet seen
        assert row["available_at"] == chain["available_at"].max()
    return len(mart)


def check_option_strikes(con: duckdb.DuckDBPyConnection) -> int:
    """Every row of mart_option_strike against its chain, gamma by the slope of delta; the number of rows."""
    quotes = con.execute("select * from main.fct_option_quote").df()
    keys = ["underlying", "session_date", "expiry_date", "strike"]
    mart = con.execute("select * from main.mart_option_strike").df().set_index(keys)
    assert set(mart.index) == set(quotes.groupby(keys).groups)

    def delta(spot: float, strike: float, vol: float, years: float) -> float:
        z = (math.log(spot / strike) + vol**2 * years / 2) / (vol * math.sqrt(years))
        return 0.5 * (1 + math.erf(z / math.sqrt(2)))

    for key, listed in quotes.groupby(keys):
        row, strike = mart.loc[key], key[3]
        spot = listed["underlying_price"].iloc[0]
        years = (key[2] - key[1]).days / 365
        sides = dict(list(listed.groupby("side")))
        interest = {side: int(part["open_interest"].sum()) for side, part in sides.items()}
        for side, part in sides.items():
            assert row[f"open_interest_{side}"] == interest[side]
            # one contract a side and strike; NA where the vendor does not say
            assert str(row[f"volume_{side}"]) == str(part["volume"].iloc[0])
        for side in {"call", "put"} - set(sides):
            assert pd.isna(row[f"open_interest_{side}"])
        assert row["open_interest_date"] < key[1]
        if years == 0:
            assert row["null_reason"] == "expires_today"
            continue
        order = ("put", "call") if strike <= spot else ("call", "put")
        believed = [
            float(part["implied_vol"].iloc[0])
            for part in (sides[side] for side in order if side in sides)
            if part["bid"].iloc[0] > 0 and 0.01 <= part["implied_vol"].iloc[0] <= 5
        ]
        if not believed:
            assert row["null_reason"] == "no_believable_volatility"
            continue
        # a hundredth of a cent on either side
        step = 1e-4 * spot
        slope = (delta(spot + step, strike, believed[0], years) - delta(spot - step, strike, believed[0], years)) / (
            2 * step
        )
        assert row["implied_vol"] == believed[0]
        assert row["gamma"] == pytest.approx(slope, rel=1e-4, abs=1e-8)
        shares = 100 * sum(interest.values())
        # for a move of 1 percent, hedged in dollars
        assert row["gamma_usd_per_pct"] == pytest.approx(slope * shares * spot * spot / 100, rel=1e-4, abs=1)
    return len(mart)


def check_call_spread(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The debit and the breakeven of a call spread 45 to 90 days ahead, bought at the ask and sold at the bid."""
    return con.execute(
        """
        select
            low.expiry_date,
            low.days_to_expiry,
            low.strike as bought,
            high.strike as sold,
            low.ask - high.bid as debit_usd,
            low.strike + low.ask - high.bid as breakeven_usd
        from main.fct_option_quote as low
        inner join main.fct_option_quote as high
            using (underlying, session_date, expiry_date, side)
        where
            low.underlying = 'IWM' and side = 'call' and low.days_to_expiry between 45 and 90
            and low.bid > 0 and high.bid > 0
            and low.strike >= low.underlying_price and high.strike between low.strike * 1.03 and low.strike * 1.06
        order by low.expiry_date, bought, sold
        """
    ).df()


def check_valuation_gap(con: duckdb.DuckDBPyConnection) -> int:
    """Every row of mart_valuation_gap against prices and snapshots; the number of percentiles."""
    mart = con.execute("select * from main.mart_valuation_gap order by measure, as_of_date").df()
    prices = con.execute("select symbol, session_date, close, total_return_index from main.fct_price_daily").df()
    shown = con.execute("select * from staging.stg_fund_valuation where revision_rank = 1").df()
    inverse = shown["price_to_earnings"] < 1
    for name in ("price_to_earnings", "price_to_book"):
        shown[name] = (1 / shown[name]).where(inverse, shown[name])
    percentiles = 0
    for measure, frame, column in (
        ("price_ratio_px_proxy", prices, "close"),
        ("total_return_ratio_proxy", prices, "total_return_index"),
        ("price_to_earnings_ratio", shown, "price_to_earnings"),
        ("price_to_book_ratio", shown, "price_to_book"),
    ):
        wide = frame.pivot(index="session_date", columns="symbol", values=column)
        expected = (wide["IVW"] / wide["IWN"]).dropna()
        found = mart[mart["measure"] == measure]
        assert list(found["as_of_date"]) == list(expected.index), measure
        np.testing.assert_allclose(found["value"], expected, rtol=1e-11)
        assert set(found["is_proxy"]) == {measure.endswith("_proxy")}
        values = found["value"].to_numpy()
        for place, row in enumerate(found.itertuples()):
            for first, least, percentile in (
                (0, 504, row.percentile),
                (max(place - 252, 0), 252, row.percentile_252d),
            ):
                before = values[first:place]
                if len(before) < least:
                    assert math.isnan(percentile)
                    continue
                share = (np.sum(before < values[place]) + 0.5 * np.sum(before == values[place])) / len(before)
                assert percentile == pytest.approx(share, abs=1e-15)
                percentiles += 1
    return percentiles


def check_catalysts(con: duckdb.DuckDBPyConnection, as_of: dt.date) -> pd.DataFrame:
    """Every row of mart_catalyst counts its sessions right and lies ahead; the rows by type and date."""
    mart = con.execute("select * from main.mart_catalyst order by event_date, event_type").df()
    for row in mart.itertuples():
        assert row.event_date.date() > as_of
        assert row.sessions_ahead == len(sessions_between(as_of + dt.timedelta(days=1), row.event_date.date()))
    return mart


def test_option_marts_are_what_the_chains_say(con):
    assert check_option_mart(con) == 2


def test_strikes_are_what_the_chains_say(con):
    assert check_option_strikes(con) > 700


def test_a_call_spread_of_45_to_90_days_can_be_priced(con):
    spreads = check_call_spread(con)
    assert len(spreads) > 20
    assert spreads["days_to_expiry"].between(45, 90).all()
    # it costs something, and less than it can pay
    assert (spreads["debit_usd"] > 0).all()
    assert (spreads["debit_usd"] < spreads["sold"] - spreads["bought"]).all()


def test_valuation_gaps_are_what_prices_and_snapshots_say(con):
    assert check_valuation_gap(con) > 500


def test_catalysts_are_those_of_the_calendars(con):
    mart = check_catalysts(con, dt.date(2026, 11, 20))
    near = mart[mart["event_date"] <= "2026-12-31"]
    assert list(zip(near["event_type"], near["event_date"].dt.strftime("%m-%d"), near["status"], strict=True)) == [
        ("RUSSELL_LOCK_DOWN", "11-30", "derived"),
        ("EMPLOYMENT_RELEASE", "12-04", "official"),
        ("FOMC_DECISION", "12-09", "official"),
        ("CPI_RELEASE", "12-10", "official"),
        ("RUSSELL_QUARTERLY_IPO", "12-11", "derived"),
        ("RUSSELL_RECONSTITUTION", "12-11", "official"),
        ("OPTIONS_EXPIRY", "12-18", "derived"),
        ("FOMC_MINUTES", "12-30", "derived"),
    ]
    # the release that FRED lists on every day would be here every day
    per_type = mart.groupby("event_type").size()
    assert per_type["FOMC_DECISION"] == 8
    assert per_type["CPI_RELEASE"] <= 13


def test_options_are_published_and_counted_as_stored(sandbox_release):
    with duckdb.connect(str(sandbox_release.data / "smallcap.duckdb"), read_only=True) as served:
        states = served.execute(
            "select dataset, key, session_date::varchar, state from fct_coverage "
            "where dataset in ('options', 'fund_valuation') and state <> 'not_expected' order by all"
        ).fetchall()
        asked = served.execute(
            "select dataset, count(*), min(outcome), max(outcome) from fct_request_ledger "
            "where dataset in ('options', 'fund_valuation') group by dataset order by dataset"
        ).fetchall()
    day = "2026-11-20"
    assert states == [
        ("fund_valuation", "IVW", day, "present"),
        ("fund_valuation", "IWN", day, "present"),
        ("options", "IWM", day, "present"),
        ("options", "SPY", day, "present"),
    ]
    assert asked == [("fund_valuation", 2, "ok", "ok"), ("options", 2, "ok", "ok")]
