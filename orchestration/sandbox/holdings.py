"""What each index fund holds on a session: constituents, lines still being sold, and lines that are no constituents."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from orchestration.sandbox.companies import FIRST_FILE, company_history, shares_at
from orchestration.sandbox.fund_shares import fund_days
from orchestration.sandbox.identity import EXCHANGES, NO_MARKET, SECTORS
from orchestration.sandbox.membership import BITS, MICRO, R1000, R2000
from orchestration.sandbox.streams import share_of
from orchestration.sandbox.timeline import seed_table, timeline

# IWC is a sample of its index.
SAMPLE = {"RMICRO": 0.92}
CVR_SESSIONS = 300
HEALTH_CARE = SECTORS.index("Health Care")
CASH_SECTOR = "Cash and/or Derivatives"
NNQS = "Non-Nms Quotation Service (Nnqs)"
BLANK = "-"


@dataclass(frozen=True)
class Line:
    """One line that is no constituent, as the file writes it."""

    ticker: str
    name: str
    sector: str
    asset_class: str
    market_value: float
    notional: float
    shares: float
    price: float
    exchange: str = BLANK
    location: str = "United States"
    currency: str = "USD"
    cusip: str = BLANK
    isin: str = BLANK
    sedol: str = BLANK


@dataclass(frozen=True)
class Holdings:
    """One fund on one session.

    Attributes:
        fund: Ticker of the fund.
        session: As-of date.
        aum: Net assets, USD.
        shares_outstanding: Of the fund.
        company: Company of each constituent line, largest first.
        identity: Number of its identity.
        shares: Shares held.
        price: USD.
        market_value: USD.
        others: Lines that are no constituents.
    """

    fund: str
    session: dt.date
    aum: float
    shares_outstanding: float
    company: np.ndarray
    identity: np.ndarray
    shares: np.ndarray
    price: np.ndarray
    market_value: np.ndarray
    others: tuple[Line, ...]


@cache
def index_funds() -> dict[str, str]:
    """Index code by fund, for the funds whose files are served."""
    return {
        row["symbol"]: row["index_code"] for row in seed_table("instrument").to_dict("records") if row["index_code"]
    }


@dataclass(frozen=True)
class _Day:
    price: np.ndarray
    bits: np.ndarray
    shares: np.ndarray
    identity: np.ndarray


# all funds of a date are asked for together
@lru_cache(maxsize=12)
def _day(seed: int, session: int) -> _Day:
    history = company_history(seed, session)
    block = history.block(session)
    cents, bits = block.cents[session - block.first], block.bits[session - block.first]
    count = len(cents)
    identity = np.array(history.first_identity[:count])
    for when, company, number in list(history.identity_changes):
        if when <= session and company < count:
            identity[company] = number
    return _Day(cents / 100.0, bits, shares_at(history, session)[:count], identity)


def prices_of(seed: int, session: int) -> tuple[np.ndarray, np.ndarray]:
    """Price (0 where not listed) and number of the identity of every company on a session."""
    day = _day(seed, session)
    return day.price, day.identity


@cache
def is_sampled(index_code: str, company: int) -> bool:
    """Whether the fund of an index holds a member: one that samples leaves some out for ever."""
    return share_of(f"sample/{index_code}/{company}") < SAMPLE.get(index_code, 1.0)


def holdings(seed: int, fund: str, session: int) -> Holdings:
    """The file of one fund as of a session.

    Args:
        seed: Of the market.
        fund: A key of `index_funds`.
        session: Position in the timeline, not before the first file.
    """
    code = index_funds()[fund]
    day, history, when = _day(seed, session), company_history(seed, session), timeline()
    part = ((day.bits & BITS[code]) > 0).astype(float)
    if code in SAMPLE:
        held = np.flatnonzero(part)
        part[held[[not is_sampled(code, company) for company in held.tolist()]]] = 0.0
    for left in history.leftovers:
        age = session - left.session
        if left.bits != BITS[code] or not 0 <= age < left.sessions or part[left.company]:
            continue
        # a sample sells only what it held
        if is_sampled(code, left.company):
            part[left.company] = 1 - age / left.sessions
    part[day.price == 0] = 0.0
    company = np.flatnonzero(part)
    days = fund_days(seed, fund)
    place = session - when.first
    aum, outstanding = float(days.aum[place]), float(days.shares[place])
    weight = part[company] * day.shares[company]
    price = day.price[company]
    value = float((weight * price).sum())
    cash = aum * (0.0012 + 0.0022 * share_of(f"cash/{seed}/{fund}/{session}"))
    factor = (aum - cash) / value
    shares = np.rint(weight * factor)
    market_value = np.round(shares * price, 2)
    order = np.argsort(-market_value, kind="stable")
    order = order[shares[order] > 0]
    others = _rights(seed, code, session, factor, day) + _fixtures(seed, code, session, aum)
    rest = aum - float(market_value[order].sum()) - sum(line.market_value for line in others)
    others += _cash(seed, fund, code, session, aum, rest)
    return Holdings(
        fund, when.dates[session], aum, outstanding,
        company[order], day.identity[company][order], shares[order], price[order], market_value[order], tuple(others),
    )  # fmt: skip


def constituent_text(seed: int, session: int, company: int) -> tuple[str, str]:
    """Sector and exchange of a company."""
    history = company_history(seed, session)
    return SECTORS[history.sector[company]], EXCHANGES[history.exchange[company]]


def _rights(seed: int, code: str, session: int, factor: float, day: _Day) -> list[Line]:
    """Contingent value rights of companies that were bought, under the old ticker or none."""
    out = []
    if code not in ("R2000", "R3000"):
        return out
    history = company_history(seed, session)
    for when, company, before, _, why in history.between:
        age = session - when
        if why != "acquisition" or not 0 <= age < CVR_SESSIONS or not before & (R1000 | R2000):
            continue
        if history.sector[company] != HEALTH_CARE or share_of(f"cvr/{seed}/{company}") > 0.35:
            continue
        if code == "R2000" and not before & R2000:
            continue
        old = history.identity_at(when, company)
        ticker = old.ticker if share_of(f"cvr ticker/{seed}/{company}") < 0.5 else BLANK
        shares = float(np.rint(day.shares[company] * factor))
        price = round(0.08 + 0.9 * share_of(f"cvr price/{seed}/{company}"), 2)
        value = round(shares * price, 2)
        name = f"{old.name[:31].rstrip()} CVR"
        out.append(Line(ticker, name, "Health Care", "Equity", value, value, shares, price, NO_MARKET))
    return out


def _fixtures(seed: int, code: str, session: int, aum: float) -> list[Line]:
    """Private lines, warrants, escrows and stubs that a small-cap fund cannot get rid of."""
    if code not in ("R2000", "R3000"):
        return []
    unit = float(np.rint(aum / 4e6))

    def line(ticker: str, name: str, sector: str, price: float, exchange: str) -> Line:
        value = round(unit * price, 2)
        return Line(ticker, name, sector, "Equity", value, value, unit, price, exchange)

    warrants = line(BLANK, "DELVANTHRA BIOSCIENCE WARRANTS", "Health Care", 2.92, NO_MARKET)
    return [
        line(BLANK, "QUILLMARK THERAPEUTICS Prvt", "Health Care", 4.03, "NASDAQ"),
        warrants,
        warrants,
        line(BLANK, "OMBRALINE INC $15.00 VESTING Prvt", "Health Care", 0.0, NO_MARKET),
        line("VXLRW", "VOXLARPORT ENERGY EQUITY WARRANTS S", "Energy", 1.03, NNQS),
        line("P9X401", "OLDRIDGEFIELD PETROLEUM Escrow", "Energy", 0.0, NNQS),
        line("SLBN", "SELBURNWICK BANCORP INC", "Financials", 0.0, "NASDAQ"),
    ]


def future_of(day: dt.date) -> tuple[str, str]:
    """Code and month of the index future that is held: it is rolled in the week of the third Friday."""
    year, month = day.year, (day.month + 2) // 3 * 3
    first = dt.date(year, month, 1)
    third_friday = first + dt.timedelta(days=(4 - first.weekday()) % 7 + 14)
    if day >= third_friday - dt.timedelta(days=4):
        year, month = (year + 1, 3) if month == 12 else (year, month + 3)
    code = {3: "H", 6: "M", 9: "U", 12: "Z"}[month]
    return f"{code}{year % 10}", f"{dt.date(year, month, 1):%b %y}".upper()


def collateral_days(seed: int, fund: str, session: int) -> bool:
    """Whether the fund shows a counterparty's collateral: a few sessions a quarter."""
    start = int(share_of(f"collateral/{seed}/{fund}/{session // 63}") * 55)
    return fund in ("IWM", "IWV") and start <= session % 63 < start + 4


def _cash(seed: int, fund: str, code: str, session: int, aum: float, rest: float) -> list[Line]:
    """Cash, futures and collateral; together with the rest they make up the net assets to the cent."""
    lines: list[Line] = []
    if collateral_days(seed, fund, session):
        value = round(aum * 0.00008, 2)
        lines.append(
            Line("JPM", "CASH COLLATERAL USD JPM", CASH_SECTOR, "Cash Collateral and Margins", value, value, value, 1.0)
        )
    margin = round(aum * 0.00009, 2)
    lines.append(
        Line("MARGIN_USD", "FUTURES USD MARGIN BALANCE", CASH_SECTOR, "Cash Collateral and Margins", margin, margin,
             margin, 1.0)
    )  # fmt: skip
    usd = round(aum * (0.0006 * share_of(f"usd/{seed}/{fund}/{session}") - 0.0002), 2)
    lines.append(Line("USD", "USD CASH", CASH_SECTOR, "Cash", usd, usd, usd, 1.0))
    fund_value = round(rest - sum(line.market_value for line in lines), 2)
    name = "BLK CSH FND TREASURY SL AGENCY"
    lines.append(Line("XTSLA", name, CASH_SECTOR, "Money Market", fund_value, fund_value, fund_value, 1.0))
    if code == "R2000":
        lines.append(
            Line("CAD", "CAD CASH", CASH_SECTOR, "Cash", 0.01, 0.01, 0.01, 0.73, location="Canada", currency="CAD")
        )
    small = BITS[code] & (R2000 | MICRO) and not BITS[code] & R1000
    suffix, month = future_of(timeline().dates[session])
    root, title = ("RTY", "RUSSELL 2000 EMINI CME") if small else ("ES", "S&P500 EMINI CME")
    notional = round(max(aum * 0.002, 1e5), 2)
    contracts = float(max(1, round(notional / 110_000)))
    lines.append(
        Line(f"{root}{suffix}", f"{title} {month}", CASH_SECTOR, "Futures", 0.0, notional, contracts, 2200.0,
             "Chicago Mercantile Exchange", BLANK)
    )  # fmt: skip
    return lines


def is_served(session: dt.date) -> bool:
    """Whether files of a session exist at all."""
    return session >= FIRST_FILE
