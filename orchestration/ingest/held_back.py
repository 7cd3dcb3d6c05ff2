"""What cannot be true is held back: it goes to quarantine, the last good value stands, and the next run asks again.

A value that is only unlikely is stored, and the check `bounds` warns. What is held back although it is true is let
through by a row of the seed `accepted_answer`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Mapping
from dataclasses import replace
from functools import cache

import pandas as pd

from orchestration.ingest.common import seed
from orchestration.vendors.answer import Answer, Rejected

RULE = "held_back"
# Rates, spreads and volatilities in percent: no series of the list has left these bounds since 1990. -99.99 stands for
# "no value" in many systems. CPI began below 10 in 1913 and passed 330 in 2026.
LOWEST_PCT, HIGHEST_PCT, HIGHEST_CPI = -5, 90, 1000
# A fund of leverage 3 moves by some 40 percent on the wildest days, and the market halts at -20. What moves by more
# than this between two sessions is a split that the vendor does not tell, or another security's price.
MOST_TIMES, LEAST_TIMES = 3, 0.25
FIRST_BARS = 5
# Weights printed with two decimals sum to 98 where thousands of lines round to zero.
LEAST_WEIGHT_PCT, MOST_WEIGHT_PCT = 97, 103
# A reconstitution changes a tenth of the lines of a fund, and a file that lacks more than this share of them was cut.
LEAST_SHARE_OF_LINES = 0.75
NEAR = dt.timedelta(days=200)
# Creations of a day are a few percent of a fund's assets.
MOST_TIMES_ASSETS = 10


Accepted = frozenset[tuple[str, str, str, str]]


@cache
def reviewed() -> Accepted:
    """Vendor, dataset, key and date of what somebody reviewed and found true."""
    rows = seed("accepted_answer")
    return frozenset(zip(rows["vendor"], rows["dataset"], rows["key"], rows["row_date"], strict=True))


def without(
    answer: Answer,
    table: str,
    date_column: str,
    reasons: Mapping[Hashable, str],
    accepted: Accepted | None = None,
) -> Answer:
    """An answer without the rows that cannot be true, which are among its rejected rows instead.

    Args:
        answer: What the vendor said.
        table: Raw table of the rows.
        date_column: Column of their date.
        reasons: Why a row cannot be true, by its label in the frame.
        accepted: What is true all the same; `reviewed` by default.
    """
    frame = answer.rows[table]
    reasons = {
        label: why for label, why in reasons.items() if not _is_accepted(answer, frame.at[label, date_column], accepted)
    }
    if not reasons:
        return answer
    rejected = tuple(
        Rejected(table, answer.key, frame.at[label, date_column], RULE, why, frame.loc[label].to_dict())
        for label, why in reasons.items()
    )
    kept = frame.drop(index=list(reasons))
    return replace(answer, rows=answer.rows | {table: kept}, rejected=answer.rejected + rejected)


def whole(answer: Answer, table: str, day: dt.date, why: str, accepted: Accepted | None = None) -> Answer:
    """An answer of which nothing is believed; its first row of a table stands for it in quarantine."""
    if _is_accepted(answer, day, accepted):
        return answer
    row = Rejected(table, answer.key, day, RULE, why, answer.rows[table].iloc[0].to_dict())
    return replace(answer, outcome="malformed", detail=f"held back: {why}", rows={}, rejected=(*answer.rejected, row))


def _is_accepted(answer: Answer, day: dt.date, accepted: Accepted | None) -> bool:
    found = reviewed() if accepted is None else accepted
    return (answer.vendor, answer.dataset, answer.key, day.isoformat()) in found


def impossible_observations(series_id: str, frame: pd.DataFrame) -> dict[Hashable, str]:
    """Observations out of all bounds, by label."""
    highest = HIGHEST_CPI if series_id.startswith("CPI") else HIGHEST_PCT
    out = frame.loc[(frame["value"] < LOWEST_PCT) | (frame["value"] > highest), "value"]
    return {label: f"{series_id} of {value:g} lies outside {LOWEST_PCT} to {highest}" for label, value in out.items()}


def impossible_bars(frame: pd.DataFrame) -> dict[Hashable, str]:
    """Bars of a fund or index of stocks that cannot follow the one before, by label.

    Args:
        frame: Bars of one answer, which are all on one split basis, by session.
    """
    reasons: dict[Hashable, str] = {}
    # the first bar itself may be the wrong one
    before, of = frame["close"].head(FIRST_BARS).median(), "the first bars"
    for label, day, close in zip(frame.index, frame["session_date"], frame["close"], strict=True):
        if LEAST_TIMES <= close / before <= MOST_TIMES:
            before, of = close, str(day)
        else:
            reasons[label] = (
                f"close {close:g} is {close / before:.3g} times the {before:g} of {of}, and no split is told"
            )
    return reasons | _repeated(frame)


def _repeated(frame: pd.DataFrame) -> dict[Hashable, str]:
    """The newest bar, where it is the one before under another date."""
    if len(frame) < 2:
        return {}
    columns = ["open", "high", "low", "close", "volume"]
    before, newest = frame.iloc[-2], frame.iloc[-1]
    if newest["high"] == newest["low"] or not all(newest[name] == before[name] for name in columns):
        return {}
    return {frame.index[-1]: f"the bar is that of {before['session_date']} once more"}


def impossible_assets(frame: pd.DataFrame, newest_stored: dt.date | None) -> dict[Hashable, str]:
    """New days of a fund whose assets cannot follow those of the day before, by label.

    Args:
        frame: Days of a fund in one file.
        newest_stored: Its newest stored day: misprints of before are reviewed in `sponsor_print_override`.
    """
    days = frame.sort_values("as_of_date")
    assets = days["nav_usd"] * days["shares_outstanding"]
    times = assets / assets.shift()
    doubtful = (times > MOST_TIMES_ASSETS) | (times < 1 / MOST_TIMES_ASSETS)
    if newest_stored is None:
        return {}
    doubtful &= days["as_of_date"] > newest_stored
    return {
        label: f"NAV times shares is {times[label]:.3g} times that of the day before" for label in days.index[doubtful]
    }


def cut_file(weight_sum_pct: float, lines: int, neighbour: tuple[dt.date, int] | None) -> str:
    """Why a holdings file is not whole; empty where it may be.

    Args:
        weight_sum_pct: Sum of its printed weights.
        lines: Its lines.
        neighbour: Date and lines of the fund's stored file nearest to it, where there is one within `NEAR`.
    """
    if not LEAST_WEIGHT_PCT <= weight_sum_pct <= MOST_WEIGHT_PCT:
        return f"the weights of its {lines:,} lines sum to {weight_sum_pct:.2f} percent"
    if neighbour and lines < LEAST_SHARE_OF_LINES * neighbour[1]:
        return f"it has {lines:,} lines, and the file of {neighbour[0]} has {neighbour[1]:,}"
    return ""
