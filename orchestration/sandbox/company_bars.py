"""Daily bars of the listed companies as Yahoo knows them: under today's symbol, and only while they are listed."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache, lru_cache

import numpy as np

from orchestration.sandbox.companies import History, company_history
from orchestration.sandbox.holdings import prices_of
from orchestration.sandbox.instruments import Instrument
from orchestration.sandbox.prices import Bars, day_range
from orchestration.sandbox.streams import autoregressive, share_of, stream
from orchestration.sandbox.suspensions import without_trading
from orchestration.sandbox.timeline import Clock, seed_table, timeline

# shares that change hands in a day, of all there are
TURNOVER = 0.006
PAYS_DIVIDENDS = 0.3
QUARTERLY_YIELD = 0.004


@cache
def _class_tickers() -> dict[str, str]:
    """How funds write a share class that Yahoo writes with a dash."""
    return {row["yahoo_symbol"]: row["fund_ticker"] for row in seed_table("share_class_ticker").to_dict("records")}


@lru_cache(maxsize=4)
def _listed(seed: int, session: int) -> dict[str, int]:
    """The companies listed at a session, by ticker."""
    history = company_history(seed, session)
    price, identity = prices_of(seed, session)
    return {history.identities[number].ticker: n for n, number in enumerate(identity.tolist()) if price[n] > 0}


def company_of(seed: int, symbol: str, clock: Clock) -> int | None:
    """The company that trades under a symbol after the last closed session; None where none does."""
    if clock.bars <= timeline().first:
        return None
    ticker = _class_tickers().get(symbol, symbol)
    return _listed(seed, clock.bars - 1).get(ticker)


@lru_cache(maxsize=64)
def company_bars(seed: int, symbol: str, company: int, end: int) -> tuple[Bars, int]:
    """The bars of a company up to a session, and how many sessions from the first one it was not listed.

    Args:
        seed: Of the market.
        symbol: What Yahoo calls it.
        company: Its number.
        end: Position in the timeline of the session after the last one.
    """
    when = timeline()
    history = company_history(seed, end - 1)
    close = np.zeros(end - when.first)
    for block in history.blocks:
        if company < block.cents.shape[1] and block.first < end:
            place = block.first - when.first
            part = block.cents[: end - block.first, company] / 100.0
            close[place : place + len(part)] = part
    listed = int(np.flatnonzero(close)[0])
    # not served, but later bars are computed from the one before
    close[:listed] = close[listed]
    split = np.ones(len(close))
    for session, who, ratio in list(history.share_changes):
        if who == company and session < end:
            split[session - when.first] *= ratio
    paid = _dividends(seed, company, len(close))
    total = close / np.append(close[0], close[:-1]) * split - 1
    item = Instrument(symbol, _name(history, company, end), "", "stock", float(close[0]))
    # what a company does belongs to the company, whatever it is called
    opened, high, low = day_range(seed, replace(item, symbol=f"company {company}"), close, split, paid, total)
    halted = without_trading(history.suspensions, company, when.first, len(close))
    opened, high, low = (np.where(halted, close, part) for part in (opened, high, low))
    dividend = np.round(close * paid, 6)
    volume = _volume(seed, company, history.shares[company] * np.cumprod(split), total)
    return Bars(item, close, opened, high, low, close, np.where(halted, 0, volume), dividend, split), listed


def _name(history: History, company: int, end: int) -> str:
    return f"SYNTHETIC {history.identity_at(end - 1, company).name}"


def _dividends(seed: int, company: int, count: int) -> np.ndarray:
    """The part of the price that is paid out, on one session of a quarter; the price does not fall by it."""
    paid = np.zeros(count)
    if share_of(f"dividend/{seed}/{company}") < PAYS_DIVIDENDS:
        paid[int(share_of(f"ex-date/{seed}/{company}") * 63) :: 63] = QUARTERLY_YIELD
    return paid


def _volume(seed: int, company: int, shares: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Some part of the shares, more of it on days on which the price moves."""
    noise = autoregressive(0.25 * stream(seed, "turnover", company).standard_normal(len(shares)), 0.6)
    usual = math.exp(0.4 * stream(seed, "typical turnover", company).standard_normal())
    busy = np.minimum(np.abs(total) / 0.03, 4.0)
    return np.round(shares * TURNOVER * usual * np.exp(noise + 0.3 * busy)).astype("int64")
