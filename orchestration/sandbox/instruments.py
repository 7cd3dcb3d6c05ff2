"""How each quoted symbol hangs on the factors, what it pays and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from orchestration.sandbox.timeline import seed_table

Kind = Literal["index", "volatility", "yield", "fund", "leveraged", "bond", "stock", "other"]
Schedule = Literal["none", "monthly", "early", "middle", "late"]


@dataclass(frozen=True)
class Instrument:
    """One symbol of the sandbox.

    Attributes:
        symbol: As Yahoo writes it.
        name: As the seed names it, marked as synthetic.
        sponsor: Sponsor, or index provider.
        kind: Which model prices it.
        start: Price at the first session.
        loads: Sensitivity to market, size, style, tech and banks.
        noise: Annual volatility of its own.
        duration: Years, by point of the curve; bond funds only.
        spread: Years of sensitivity to a credit spread, and which one.
        payout: Dividend yield, or 0.
        schedule: When it pays.
        fee: Annual cost.
        leverage: Daily multiple.
        dollars: Usual turnover a day, USD; shares for an index.
        aum: Assets at the first session, USD.
        unit: Shares in a creation unit.
    """

    symbol: str
    name: str
    sponsor: str
    kind: Kind
    start: float
    loads: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    noise: float = 0.0
    duration: tuple[str, float] | None = None
    spread: tuple[str, float] | None = None
    payout: float = 0.0
    schedule: Schedule = "none"
    fee: float = 0.0
    leverage: float = 1.0
    dollars: float = 0.0
    aum: float = 0.0
    unit: int = 50_000


LARGE = (1.0, 0.0, 0.0, 0.0, 0.0)
SMALL = (1.27, 1.0, 0.0, 0.0, 0.0)

# kind, start price, loads, own noise, yield, schedule, fee, daily turnover, assets
_EQUITY: dict[str, tuple[float, tuple[float, ...], float, float, Schedule, float, float, float]] = {
    "IWM": (112.4, SMALL, 0.0, 0.0125, "middle", 0.0019, 4.2e9, 31e9),
    "IWB": (111.9, (1.015, 0.045, 0.0, 0.0, 0.0), 0.0, 0.0135, "middle", 0.0015, 1.4e8, 15e9),
    "IWV": (118.6, (1.03, 0.085, 0.0, 0.0, 0.0), 0.0, 0.0130, "middle", 0.0020, 5e7, 6.5e9),
    "IWC": (70.2, (1.22, 1.28, 0.05, 0.0, 0.05), 0.045, 0.0110, "middle", 0.0060, 4e6, 0.8e9),
    "IVV": (202.3, LARGE, 0.0, 0.0140, "middle", 0.0003, 1.1e9, 68e9),
    "IWN": (90.8, (1.22, 0.95, 0.55, 0.0, 0.22), 0.0, 0.0175, "middle", 0.0024, 1.3e8, 6e9),
    "IWO": (136.3, (1.33, 1.04, -0.58, 0.0, -0.22), 0.0, 0.0070, "middle", 0.0024, 1.4e8, 6.5e9),
    "IVW": (228.5, (1.07, -0.03, -0.45, 0.32, 0.0), 0.0, 0.0080, "middle", 0.0018, 1.6e8, 13e9),
    "IJR": (109.0, (1.23, 0.94, 0.18, 0.0, 0.05), 0.018, 0.0130, "middle", 0.0006, 2.4e8, 16e9),
    "SPY": (201.1, LARGE, 0.0, 0.0140, "early", 0.0009, 2.3e10, 180e9),
    "DIA": (171.2, (0.94, 0.0, 0.28, -0.05, 0.0), 0.035, 0.0170, "monthly", 0.0016, 9e8, 12e9),
    "KRE": (41.3, (1.20, 0.72, 0.40, 0.0, 1.10), 0.06, 0.0240, "late", 0.0035, 4e8, 2.5e9),
    "QQQ": (109.6, (1.15, -0.05, -0.50, 0.85, 0.0), 0.035, 0.0065, "late", 0.0020, 6e9, 38e9),
    "RSP": (76.4, (1.01, 0.17, 0.25, -0.1, 0.05), 0.012, 0.0155, "late", 0.0020, 2e8, 9e9),
}
# start price, multiple, fee, daily turnover, assets
_LEVERAGED: dict[str, tuple[float, float, float, float, float]] = {
    "TNA": (52.6, 3, 0.0101, 3.5e8, 0.9e9),
    "TZA": (47.3, -3, 0.0095, 3.0e8, 0.55e9),
    "URTY": (68.2, 3, 0.0095, 3e7, 0.15e9),
    "SRTY": (41.7, -3, 0.0095, 2e7, 0.11e9),
    "UWM": (74.8, 2, 0.0095, 3e7, 0.2e9),
    "TWM": (44.1, -2, 0.0095, 1.5e7, 0.09e9),
    "RWM": (61.3, -1, 0.0095, 3e7, 0.35e9),
}
# start price, rate duration, spread duration, own noise, fee, daily turnover, assets
_BONDS: dict[str, tuple[float, tuple[str, float], tuple[str, float] | None, float, float, float, float]] = {
    "HYG": (80.4, ("y5", 3.3), ("high_yield", 3.3), 0.012, 0.0049, 1.1e9, 15e9),
    "JNK": (102.2, ("y5", 3.2), ("high_yield", 3.4), 0.014, 0.0040, 5e8, 10e9),
    "LQD": (113.9, ("y10", 8.2), ("investment_grade", 7.6), 0.01, 0.0014, 6e8, 25e9),
    "IEF": (106.1, ("y10", 7.3), None, 0.004, 0.0015, 3e8, 9e9),
    "TLT": (121.2, ("y30", 16.6), None, 0.006, 0.0015, 1.3e9, 7e9),
}
_YIELDS = {"^TNX": "y10", "^FVX": "y5", "^TYX": "y30", "^IRX": "y3m"}


def yield_of(symbol: str) -> str:
    """The point of the curve that a yield index quotes."""
    return _YIELDS[symbol]


@cache
def instruments() -> dict[str, Instrument]:
    """Every symbol of the instrument seed; one without a model of its own behaves like its neighbours."""
    rows = seed_table("instrument").to_dict("records")
    return {row["symbol"]: _instrument(row) for row in rows}


def _instrument(row: dict[str, str]) -> Instrument:
    symbol, sponsor = row["symbol"], row["sponsor"]
    name = f"SYNTHETIC {row['name']}"
    if symbol in _YIELDS:
        return Instrument(symbol, name, sponsor, "yield", 0.0)
    if symbol in ("^VIX", "^RVX"):
        return Instrument(symbol, name, sponsor, "volatility", 0.0)
    if symbol == "^GSPC":
        return Instrument(symbol, name, sponsor, "index", 2010.0, LARGE, dollars=3.9e9)
    if symbol == "^RUT":
        return Instrument(symbol, name, sponsor, "index", 1120.0, SMALL, dollars=3.9e9)
    if symbol in _EQUITY:
        start, loads, noise, payout, schedule, fee, dollars, aum = _EQUITY[symbol]
        exact = (loads[0], loads[1], loads[2], loads[3], loads[4])
        return Instrument(
            symbol, name, sponsor, "fund", start, exact, noise,
            payout=payout, schedule=schedule, fee=fee, dollars=dollars, aum=aum,
        )  # fmt: skip
    if symbol in _LEVERAGED:
        start, leverage, fee, dollars, aum = _LEVERAGED[symbol]
        unit = 50_000 if sponsor == "Direxion" else 10_000
        return Instrument(
            symbol, name, sponsor, "leveraged", start,
            schedule="late", fee=fee, leverage=leverage, dollars=dollars, aum=aum, unit=unit,
        )  # fmt: skip
    if symbol in _BONDS:
        start, duration, spread, noise, fee, dollars, aum = _BONDS[symbol]
        return Instrument(
            symbol, name, sponsor, "bond", start, noise=noise, duration=duration, spread=spread,
            schedule="monthly", fee=fee, dollars=dollars, aum=aum,
        )  # fmt: skip
    # a symbol added to the seed later
    return Instrument(
        symbol, name, sponsor, "other", 50.0, LARGE, 0.05, payout=0.01, schedule="late", dollars=1e8, aum=1e9
    )
