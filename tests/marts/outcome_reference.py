"""What followed signals and entries, computed a second time with numpy from prices and states.

Each check takes a connection to a published database and returns how many values agreed. Nothing here follows the SQL:
prices lie on a grid of sessions, the error comes from autocovariances over that grid, and a trade is walked bar by bar.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from tests.marts.performance_reference import agree, bars, sessions

SEEDS = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds"
HORIZONS = (5, 21, 63)
ENOUGH = 30


def without_overlap(places: np.ndarray, horizon: int) -> int:
    """How many of the ascending places are taken if each stays clear of the one taken before."""
    taken, free_from = 0, -1
    for place in places:
        if place >= free_from:
            taken, free_from = taken + 1, place + horizon
    return taken


def newey_west(series: np.ndarray, triggers: np.ndarray, horizon: int) -> float:
    """Standard error of the mean at the triggers, by autocovariances up to horizon - 1; nan where it is unknown."""
    groups = without_overlap(np.flatnonzero(triggers), horizon)
    if groups < 2:
        return np.nan
    residual = np.where(triggers, series - series[triggers].mean(), 0.0)
    total = residual @ residual
    for lag in range(1, horizon):
        total += 2 * (1 - lag / horizon) * (residual[lag:] @ residual[:-lag])
    return float(np.sqrt(max(total, 0) * groups / (groups - 1)) / triggers.sum())


def check_signal_outcome(con: duckdb.DuckDBPyConnection) -> int:
    """mart_signal_outcome against closes and the states of mart_signal; returns the values compared."""
    grid = sessions(con)
    closes = {symbol: frame["close"].reindex(grid) for symbol, frame in bars(con).items()}
    states = con.execute(
        "select signal_id, session_date, coalesce(symbol, '^RUT') as symbol, triggered_since from mart_signal"
    ).df()
    published = con.execute("select * from mart_signal_outcome").df().set_index(["signal_id", "horizon_sessions"])
    published = published.sort_index()
    expected = []
    for name, rows in states.groupby("signal_id"):
        symbol = rows["symbol"].iloc[0]
        # a symbol that was never fetched has no bars
        close = closes.get(symbol, pd.Series(np.nan, grid))
        new = pd.Series(rows["triggered_since"].eq(rows["session_date"]).to_numpy(), rows["session_date"])
        new = new.reindex(grid, fill_value=False).to_numpy()
        seen = grid >= rows["session_date"].min()
        for horizon in HORIZONS:
            ahead = (close.shift(-horizon) / close - 1).to_numpy()
            following = np.append(ahead[1:], np.nan)
            counted = seen & ~np.isnan(ahead)
            on = counted & new
            after = ahead[on]
            days = grid[on]
            independent = without_overlap(np.flatnonzero(on), horizon)
            next_close = following[on & ~np.isnan(following)]
            some, several = len(after) > 0, counted.any()
            expected.append(
                {
                    "signal_id": name,
                    "horizon_sessions": horizon,
                    "symbol": symbol,
                    "triggers": len(after),
                    "independent_triggers": independent,
                    "sessions": int(counted.sum()),
                    "first_trigger": days[0] if some else pd.NaT,
                    "last_trigger": days[-1] if some else pd.NaT,
                    "mean_return": after.mean() if some else np.nan,
                    "mean_return_all": ahead[counted].mean() if several else np.nan,
                    "difference": after.mean() - ahead[counted].mean() if some else np.nan,
                    "standard_error": newey_west(np.nan_to_num(ahead), on, horizon),
                    "median_return": np.median(after) if some else np.nan,
                    "median_return_all": np.median(ahead[counted]) if several else np.nan,
                    "hit_rate": (after > 0).mean() if some else np.nan,
                    "hit_rate_all": (ahead[counted] > 0).mean() if several else np.nan,
                    "mean_return_next_close": next_close.mean() if len(next_close) else np.nan,
                    "evidence": "no trigger"
                    if not some
                    else ("too few" if independent < ENOUGH else "enough to estimate"),
                }
            )
    theirs = pd.DataFrame(expected).set_index(["signal_id", "horizon_sessions"]).sort_index()
    silent = published[~published.index.isin(theirs.index)]
    # a rule without a value on any session is listed and has nothing to show
    assert (silent[["triggers", "independent_triggers", "sessions"]] == 0).all(axis=None)
    assert (silent["evidence"] == "no trigger").all()
    ours = published.loc[theirs.index]
    checked = 0
    for column in theirs.columns:
        if column in ("symbol", "evidence"):
            assert list(ours[column]) == list(theirs[column]), column
        elif column.endswith("trigger"):
            assert list(pd.to_datetime(ours[column]).dropna()) == list(theirs[column].dropna()), column
        else:
            checked += agree(ours[column], theirs[column].astype(float), column, 1e-9)
    return checked


def walk_trade(path: pd.DataFrame, entry: float, stop: float, target: float, basis: str) -> tuple:
    """What was touched first on the bars after the entry, on which of them and the return; nothing if nothing was."""
    highest = entry
    for day, bar in path.iterrows():
        move = {name: round(bar[name] / entry - 1, 12) for name in ("open", "high", "low", "close")}
        highest = max(highest, bar["close"])
        if basis == "intraday":
            stopped, reached = move["low"] <= stop, move["high"] >= target
            if stopped and reached and stop < move["open"] < target:
                return "both", day, np.nan
            if stopped and (not reached or move["open"] <= stop):
                return "stop", day, min(stop, move["open"])
            if reached:
                return "target", day, max(target, move["open"])
            continue
        fall = round(bar["close"] / highest - 1, 12) if basis == "trailing" else move["close"]
        if fall <= stop:
            return "stop", day, move["close"]
        if move["close"] >= target:
            return "target", day, move["close"]
    return None, pd.NaT, np.nan


def check_trade_outcome(con: duckdb.DuckDBPyConnection) -> int:
    """mart_trade_outcome against a walk from bar to bar; returns the rows compared."""
    grid, prices = sessions(con), bars(con)
    keys = ["position_id", "rule_pair", "horizon_sessions"]
    published = con.execute("select * from mart_trade_outcome").df().set_index(keys)
    wanted = 0
    for position in pd.read_csv(SEEDS / "position.csv", parse_dates=["entry_date"]).itertuples():
        own = prices.get(position.symbol)
        if own is None or position.entry_date not in own.index:
            continue
        entry, place = own.loc[position.entry_date, "close"], grid.get_loc(position.entry_date)
        for basis in ("close", "intraday", "trailing"):
            for target in ("target_low", "target_high"):
                for horizon in HORIZONS:
                    wanted += 1
                    row = published.loc[(position.position_id, f"stop_{basis}_{target}", horizon)]
                    last = grid[place + horizon] if place + horizon < len(grid) else None
                    path = own[(own.index > position.entry_date) & (own.index <= (last or grid[-1]))]
                    at_end = own["close"].get(last, np.nan) / entry - 1
                    levels = position.stop_pct / 100, getattr(position, f"{target}_pct") / 100
                    touched, day, result = walk_trade(path, entry, *levels, basis)
                    if touched is None and last is not None:
                        touched, result = "neither", at_end
                    assert (row["first_touched"] if pd.notna(row["first_touched"]) else None) == touched, row
                    assert row["touched_date"] == day or (pd.isna(row["touched_date"]) and pd.isna(day)), row
                    for column, value in (("return_at_exit", result), ("return_at_horizon", at_end)):
                        np.testing.assert_allclose(row[column], value, atol=1e-11, err_msg=f"{row.name} {column}")
    assert len(published) == wanted
    return wanted
