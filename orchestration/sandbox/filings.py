"""What the funds of the sandbox file with the SEC: which quarters, when, and the portfolio each report shows."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from itertools import count, takewhile

import numpy as np

from orchestration.calendars import EDGAR_OPENS, NEW_YORK, is_session, month_end, next_session, previous_session
from orchestration.sandbox.companies import START, company_history, shares_at
from orchestration.sandbox.fund_shares import fund_days
from orchestration.sandbox.holdings import Line, holdings, index_funds, is_sampled, prices_of
from orchestration.sandbox.identity import Identity
from orchestration.sandbox.prehistory import parts_held, prehistory, prices_at
from orchestration.sandbox.streams import share_of, stream
from orchestration.sandbox.timeline import seed_table, timeline

# the first period that funds made public
FIRST_REPORT = dt.date(2019, 9, 30)
LATE_DAYS = (52, 62)
AMENDED = 0.06
ACCEPTED_LATE = 0.1
# The book is that of the session before, net assets are of the last one: orders of a large size come in kind on it.
EQUITY_WEIGHT = (0.985, 1.003)


@dataclass(frozen=True)
class Filing:
    """One filing of one fund.

    Attributes:
        fund: Ticker of the fund.
        cik: Registrant.
        series_id: Series; empty for a trust that is one fund.
        class_id: Share class.
        period: End of the quarter.
        form: NPORT-P, or NPORT-P/A.
        filed: Date of filing.
        accepted: When EDGAR took it in, New York time.
        accession: Its number.
    """

    fund: str
    cik: str
    series_id: str
    class_id: str
    period: dt.date
    form: str
    filed: dt.date
    accepted: dt.datetime
    accession: str

    @property
    def shown_from(self) -> dt.datetime:
        """When readers see it: what is accepted in the evening is shown on its date of filing."""
        opens = dt.datetime.combine(self.filed, EDGAR_OPENS, tzinfo=NEW_YORK)
        return self.accepted if self.accepted.date() >= self.filed else opens


@dataclass(frozen=True)
class Book:
    """The portfolio one report shows: the shares of the session before the last one, at the prices of the last.

    Attributes:
        identities: How each share was called on the last session.
        shares: Shares held.
        market_value: USD.
        others: Lines that are no constituents.
        net_assets: USD, on the last session.
    """

    identities: tuple[Identity, ...]
    shares: np.ndarray
    market_value: np.ndarray
    others: tuple[Line, ...]
    net_assets: float


@dataclass(frozen=True)
class Month:
    """Flows and return of one month of one fund, USD and percent."""

    sales: float
    redemptions: float
    total_return_pct: float


@cache
def filings(seed: int, fund: str, until: dt.date) -> tuple[Filing, ...]:
    """What a fund has filed up to a date, newest first."""
    row, place = _filers()[fund]
    out = []
    for number, period in enumerate(_quarter_ends(until)):
        first, last = LATE_DAYS
        days = first + int(share_of(f"filed/{seed}/{fund}/{period}") * (last - first + 1))
        originals = [("NPORT-P", days)]
        if will_be_amended(seed, fund, period):
            originals.append(("NPORT-P/A", days + 120 + int(share_of(f"amendment/{seed}/{fund}/{period}") * 120)))
        for form, later in originals:
            filed = period + dt.timedelta(days=later)
            filed = filed if is_session(filed) else next_session(filed)
            if filed > until:
                continue
            luck = share_of(f"accepted/{seed}/{fund}/{period}/{form}")
            in_the_evening = luck < ACCEPTED_LATE
            day = previous_session(filed) if in_the_evening else filed
            hour = dt.time(18, int(luck * 590) % 60) if in_the_evening else dt.time(9 + int(luck * 8), 17, 31)
            count = place * 1000 + number * 2 + (form != "NPORT-P")
            out.append(
                Filing(
                    fund, row["cik"], row["series_id"], row["class_id"], period, form, filed,
                    dt.datetime.combine(day, hour, tzinfo=NEW_YORK), f"0009999990-{filed:%y}-{count:06d}",
                )
            )  # fmt: skip
    return tuple(sorted(out, key=lambda item: (item.filed, item.accepted, item.accession), reverse=True))


@cache
def _filers() -> dict[str, tuple[dict[str, str], int]]:
    rows = seed_table("fund_filer").to_dict("records")
    return {str(row["symbol"]): ({str(k): str(v) for k, v in row.items()}, place) for place, row in enumerate(rows)}


def filers() -> tuple[str, ...]:
    """The funds that file."""
    return tuple(_filers())


def will_be_amended(seed: int, fund: str, period: dt.date) -> bool:
    """Whether the report of a quarter has, or will have, an amendment."""
    return share_of(f"amended/{seed}/{fund}/{period}") < AMENDED


def fund_of(number: str) -> str | None:
    """The fund behind a series id, or behind the CIK of a trust that is one fund."""
    number = number.upper().removeprefix("CIK").lstrip("0")
    for fund, (row, _) in _filers().items():
        if number == (row["series_id"] or row["cik"]):
            return fund
    return None


def _quarter_ends(until: dt.date) -> list[dt.date]:
    ends = (month_end(FIRST_REPORT, months) for months in count(0, 3))
    return list(takewhile(lambda end: end < until, ends))


def book_session(period: dt.date) -> int:
    """Position of the session whose portfolio is shown: trades of the last session are not in it."""
    return timeline().upto(period) - 2


def book(seed: int, fund: str, period: dt.date) -> Book:
    """The portfolio of a fund of shares."""
    held, last = book_session(period), timeline().upto(period) - 1
    net_assets = float(fund_days(seed, fund).aum[last - timeline().first])
    if held < timeline().at(START):
        identities, shares, price, others = _book_of_prehistory(seed, fund, held, last, net_assets)
    else:
        identities, shares, price, others = _book_of_market(seed, fund, held, last)
    weight = float((shares * price).sum()) / net_assets
    if not EQUITY_WEIGHT[0] <= weight <= EQUITY_WEIGHT[1]:
        shares = np.rint(shares * (0.997 / weight))
    order = stream(seed, "filed lines", fund, str(period)).permutation(len(shares))
    order = order[shares[order] > 0]
    value = np.round(shares * price, 2)
    return Book(tuple(identities[n] for n in order.tolist()), shares[order], value[order], others, net_assets)


_Position = tuple[list[Identity], np.ndarray, np.ndarray, tuple[Line, ...]]


def _book_of_market(seed: int, fund: str, held: int, last: int) -> _Position:
    """Identities, shares and prices of the fund's own file of the session, splits of the last one carried out."""
    before = holdings(seed, fund, held)
    prices, numbers = prices_of(seed, last)
    history = company_history(seed, last)
    split = shares_at(history, last)[before.company] / shares_at(history, held)[before.company]
    price = np.where(prices[before.company] > 0, prices[before.company], before.price)
    identities = [history.identities[number] for number in numbers[before.company].tolist()]
    return identities, np.rint(before.shares * split), price, before.others


def _book_of_prehistory(seed: int, fund: str, held: int, last: int, net_assets: float) -> _Position:
    """The same from before the simulation, where there are no files."""
    known, code = prehistory(seed), index_funds()[fund]
    part = parts_held(seed, code, held)
    company = [number for number in np.flatnonzero(part).tolist() if is_sampled(code, number)]
    price = prices_at(seed, last)[company]
    weight = part[company] * known.shares[company]
    shares = np.rint(weight * (0.997 * net_assets / float((weight * price).sum())))
    return [known.identities[number] for number in company], shares, price, ()


def months(seed: int, fund: str, period: dt.date) -> list[Month]:
    """The three months of a quarter, oldest first."""
    out, when, days = [], timeline(), fund_days(seed, fund)
    quotes = days.bars
    for back in (2, 1, 0):
        count = period.year * 12 + period.month - 1 - back
        first = dt.date(count // 12, count % 12 + 1, 1)
        following = dt.date((count + 1) // 12, (count + 1) % 12 + 1, 1)
        inside = slice(when.at(first) - when.first, when.at(following) - when.first)
        before = slice(inside.start - 1, inside.stop - 1)
        created = days.shares[inside] - np.rint(days.shares[before] * quotes.split[inside])
        moved = np.round(created * quotes.nav[inside], 2)
        growth = (quotes.nav[inside] + quotes.dividend[inside]) * quotes.split[inside] / quotes.nav[before]
        gained = 100 * (float(np.prod(growth)) - 1)
        out.append(Month(float(moved[moved > 0].sum()), float(-moved[moved < 0].sum()), gained))
    return out
