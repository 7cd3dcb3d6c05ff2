"""The performance marts computed a second time with pandas and numpy, and compared row by row.

Each check takes a connection to a published database, recomputes a mart from the prices, yields and seeds in it and
returns how many values agreed. Nothing here follows the SQL: windows are cut out and looked at, not differences of
running sums.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from orchestration.calendars import nyse

SEEDS = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds"
AVERAGES = (20, 50, 100, 200)
WINDOWS = (21, 63, 126, 252)
RISK_VALUES = (
    *("observations", "beta", "beta_se", "correlation", "realised_vol_pct", "rate_observations", "beta_to_ust10_bp"),
    *("beta_to_ust10_se", "beta_to_ust10_t", "beta_to_ust10_r2"),
)
CLOSING_GAP = 0.005  # the dbt var closing_gap_limit
RELATIVE = 1e-9
ROUNDED = 1e-12  # ratios are published with twelve decimals


def bars(con: duckdb.DuckDBPyConnection) -> dict[str, pd.DataFrame]:
    """The bars of each symbol by session."""
    frame = con.execute("select * from fct_price_daily order by symbol, session_date").df()
    return {symbol: part.set_index("session_date") for symbol, part in frame.groupby("symbol")}


def sessions(con: duckdb.DuckDBPyConnection) -> pd.DatetimeIndex:
    """All sessions of the exchange from the first bar to the release's as-of session."""
    first, last = con.execute(
        "select (select min(session_date) from fct_price_daily), max(as_of_session) from dim_release"
    ).fetchone()
    return nyse().sessions_in_range(str(first), str(last)).as_unit("us")


def agree(ours: pd.Series, expected: np.ndarray | pd.Series, what: str, absolute: float | np.ndarray = ROUNDED) -> int:
    """Assert equal nulls and values within 1e-9 of the expected one (or within an absolute noise)."""
    ours_values = pd.to_numeric(ours).to_numpy(dtype=float, na_value=np.nan)
    wanted = np.asarray(expected, dtype=float)
    nulls = np.isnan(ours_values) != np.isnan(wanted)
    assert not nulls.any(), f"{what}: {nulls.sum()} nulls differ, first at {ours.index[nulls][0]}"
    with np.errstate(invalid="ignore"):
        wrong = np.abs(ours_values - wanted) > np.maximum(RELATIVE * np.abs(wanted), absolute)
    assert not wrong.any(), (
        f"{what}: {wrong.sum()} of {len(wrong)} differ, first at {ours.index[wrong][0]}: "
        f"{ours_values[wrong][0]!r}, expected {wanted[wrong][0]!r}"
    )
    return int((~np.isnan(wanted)).sum())


def same(ours: pd.Series, expected: list, what: str, skip: np.ndarray | None = None) -> int:
    """Assert exact equality, nulls included, except where skipped."""
    left = [None if pd.isna(v) else v for v in ours]
    right = [None if pd.isna(v) else v for v in expected]
    skip = np.zeros(len(left), dtype=bool) if skip is None else skip
    wrong = [i for i, (a, b) in enumerate(zip(left, right, strict=True)) if a != b and not skip[i]]
    assert not wrong, (
        f"{what}: {len(wrong)} differ, first at {ours.index[wrong[0]]}: {left[wrong[0]]}, {right[wrong[0]]}"
    )
    return len(left) - int(skip.sum())


def peaks(values: np.ndarray) -> list[int]:
    """For each position that of the highest value so far, the first of equal ones."""
    out, best = [], 0
    for i, value in enumerate(values):
        if value > values[best]:
            best = i
        out.append(best)
    return out


def check_trend(con: duckdb.DuckDBPyConnection) -> int:
    published = con.execute("select * from mart_trend order by symbol, session_date").df()
    prices = bars(con)
    assert len(published) == sum(len(p) for p in prices.values())
    grid = sessions(con)
    return sum(
        _check_trend_of(symbol, rows.set_index("session_date"), prices[symbol], grid)
        for symbol, rows in published.groupby("symbol")
    )


def _check_trend_of(symbol: str, rows: pd.DataFrame, price: pd.DataFrame, grid: pd.DatetimeIndex) -> int:
    assert rows.index.equals(price.index), symbol
    close, days = price["close"], price.index
    c = close.to_numpy()
    checked = 0
    averages = {f"sma_{n}": close.rolling(n).mean() for n in AVERAGES}
    averages["ema_20"] = close.ewm(alpha=2 / 21, adjust=False).mean()
    for name, average in averages.items():
        noise = 1e-9 if name == "ema_20" else 1e-9 * float(np.abs(c).max())
        # rolling means of pandas carry the noise of the largest closes they have seen
        checked += agree(rows[name], average, f"{symbol} {name}", noise if name == "ema_20" else noise * 1e-3)
        checked += _check_side(symbol, rows, f"above_{name}", f"crossed_{name}", close, average)
    golden = rows["sma_50"] > rows["sma_200"]
    _, crossed, near = _sides(rows["sma_50"], rows["sma_200"])
    checked += same(rows["crossed_sma_50_200"], crossed, f"{symbol} crossed_sma_50_200", near)
    assert golden.any() or len(rows) < 400, symbol

    streaks = [0]
    for before, now in pairwise(c):
        sign = int(np.sign(now - before))
        streaks.append(0 if sign == 0 else streaks[-1] + sign if streaks[-1] * sign > 0 else sign)
    checked += same(rows["streak_sessions"], streaks, f"{symbol} streak_sessions")

    top = peaks(c)
    position = grid.get_indexer(days)
    checked += same(rows["peak_date"], list(days[top]), f"{symbol} peak_date")
    checked += same(rows["sessions_since_peak"], list(position - position[top]), f"{symbol} sessions_since_peak")
    checked += agree(rows["drawdown_px"], _ratio(c, c[top]), f"{symbol} drawdown_px")
    index = price["total_return_index"].to_numpy(dtype=float, na_value=np.nan)
    checked += agree(rows["drawdown_tr"], _ratio(index, np.fmax.accumulate(index)), f"{symbol} drawdown_tr")

    highs = [i - 251 + int(np.argmax(c[i - 251 : i + 1])) if i >= 251 else None for i in range(len(c))]
    checked += same(rows["peak_252d_date"], [None if i is None else days[i] for i in highs], f"{symbol} peak_252d_date")
    high_closes = np.array([np.nan if i is None else c[i] for i in highs])
    checked += agree(rows["drawdown_252d_px"], _ratio(c, high_closes), f"{symbol} drawdown_252d_px")

    year_highs = []
    for i, day in enumerate(days):
        start = int(np.searchsorted(days.year, day.year))
        year_highs.append(c[max(start - 1, 0) : i + 1].max())
    checked += agree(rows["drawdown_ytd_high_px"], _ratio(c, np.array(year_highs)), f"{symbol} drawdown_ytd_high_px")

    before = close.shift(1).where(close.shift(1) > 0)
    moves = np.maximum((price["high"] / before - 1).abs(), (price["low"] / before - 1).abs())
    checked += agree(rows["max_excursion"], moves, f"{symbol} max_excursion")

    volume = pd.to_numeric(price["volume"]).astype(float)
    obv, lines, total, moved = [], [], 0.0, 0.0
    for i, v in enumerate(volume):
        if np.isnan(v):
            obv.append(np.nan)
            lines.append(np.nan)
            continue
        total += v * (np.sign(c[i] - c[i - 1]) if i else 0)
        high, low = price["high"].iat[i], price["low"].iat[i]
        moved += v * ((c[i] - low) - (high - c[i])) / (high - low) if high > low else 0.0
        obv.append(total)
        lines.append(moved)
    checked += same(rows["obv"], obv, f"{symbol} obv")
    noise = 1e-9 * max(float(volume.fillna(0).cumsum().iloc[-1]), 1.0)
    return checked + agree(rows["accumulation_distribution"], lines, f"{symbol} accumulation_distribution", noise)


def _ratio(value: np.ndarray, base: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(base > 0, value / base - 1, np.nan)


def _sides(value: pd.Series, average: pd.Series) -> tuple[list, list, np.ndarray]:
    """Above, crossed, and where the distance is too small to tell."""
    known = (value.notna() & average.notna() & (average != 0)).to_numpy()
    above = [bool(v > a) if k else None for v, a, k in zip(value, average, known, strict=True)]
    near = known & ((value - average).abs() <= 2e-9 * average.abs()).to_numpy()
    crossed: list[int | None] = [None]
    crossed += [None if a is None or b is None else int(b) - int(a) for a, b in pairwise(above)]
    return above, crossed, near | np.concatenate([[False], near[:-1]])


def _check_side(
    symbol: str, rows: pd.DataFrame, above_column: str, crossed_column: str, close: pd.Series, average: pd.Series
) -> int:
    above, crossed, near = _sides(close, average)
    at_average = ((close - average).abs() <= 2e-9 * average.abs()).to_numpy()
    checked = same(rows[above_column], above, f"{symbol} {above_column}", at_average)
    return checked + same(rows[crossed_column], crossed, f"{symbol} {crossed_column}", near)


def check_volume_quarter(con: duckdb.DuckDBPyConnection) -> int:
    published = (
        con.execute("select * from mart_volume_quarter").df().set_index(["symbol", "quarter_start"]).sort_index()
    )
    held = con.execute("select session_date from dim_session").df()["session_date"].dt.to_period("Q").value_counts()
    wanted = {}
    for symbol, price in bars(con).items():
        volume = pd.to_numeric(price["volume"]).astype(float)
        means = volume.groupby(price.index.to_period("Q")).mean()
        known = volume.notna().groupby(price.index.to_period("Q")).sum()
        for quarter, mean in means.items():
            before = means.get(quarter - 1, np.nan)
            ratio = mean / before if before > 0 else np.nan
            wanted[symbol, quarter.start_time] = (mean, ratio, known[quarter], known[quarter] == held[quarter])
    expected = pd.DataFrame.from_dict(
        wanted, orient="index", columns=["mean_volume", "ratio_to_previous", "sessions", "is_complete"]
    )
    assert set(published.index) == set(wanted)
    expected = expected.loc[list(published.index)]
    return (
        agree(published["mean_volume"], expected["mean_volume"], "mean_volume")
        + agree(published["ratio_to_previous"], expected["ratio_to_previous"], "ratio_to_previous")
        + same(published["sessions"], list(expected["sessions"]), "sessions")
        + same(published["is_complete"], list(expected["is_complete"]), "is_complete")
    )


def daily_returns(prices: dict[str, pd.DataFrame], grid: pd.DatetimeIndex, column: str) -> pd.DataFrame:
    """Simple returns on the sessions of the exchange; none over a missing session."""
    frame = pd.DataFrame({s: pd.to_numeric(p[column]).astype(float).reindex(grid) for s, p in prices.items()})
    closes = pd.DataFrame({s: p["close"].reindex(grid) for s, p in prices.items()})
    return (frame / frame.shift(1) - 1).where(closes.shift(1) > 0)


def risk_pairs(con: duckdb.DuckDBPyConnection, prices: dict[str, pd.DataFrame]) -> list[tuple[str, str]]:
    """The pairs mart_risk covers, from the seeds."""
    instruments = pd.read_csv(SEEDS / "instrument.csv")
    pairs = set(pd.read_csv(SEEDS / "pair.csv")[["symbol", "benchmark_symbol"]].itertuples(index=False, name=None))
    linked = instruments.dropna(subset=["benchmark_symbol"])
    pairs |= set(linked[["symbol", "benchmark_symbol"]].itertuples(index=False, name=None))
    shares = instruments[instruments["instrument_type"].isin(["etf", "index"])]["symbol"]
    pairs |= {(symbol, "SPY") for symbol in shares if symbol != "SPY"}
    return sorted((a, b) for a, b in pairs if a in prices and b in prices)


def known_yield_changes(con: duckdb.DuckDBPyConnection, grid: pd.DatetimeIndex) -> pd.DataFrame:
    """Changes of the 10-year yield as first printed, with the position of the session that could know each."""
    prints = con.execute(
        "select observation_date, value, cast(timezone('America/New_York', available_at) as date) as known "
        "from fct_macro_observation where series_id = 'DGS10' and value is not null "
        "order by available_at, observation_date"
    ).df()
    rows, newest = [], None
    for item in prints.itertuples(index=False):
        if newest is not None and item.observation_date <= newest.observation_date:
            continue
        if newest is not None:
            rows.append((item.observation_date, 100 * (item.value - newest.value), grid.searchsorted(item.known)))
        newest = item
    frame = pd.DataFrame(rows, columns=["observed", "change_bp", "known_at"])
    return frame[frame["known_at"] < len(grid)]


def _slopes(x: np.ndarray, y: np.ndarray, enough: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Slope of x on y, its standard error from the residuals, their correlation and count, column by column.

    Only rows where both are known count.
    """
    both = ~np.isnan(x) & ~np.isnan(y)
    n = both.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        dx = np.where(both, x - np.where(both, x, 0).sum(axis=0) / n, 0)
        dy = np.where(both, y - np.where(both, y, 0).sum(axis=0) / n, 0)
        xy, xx, yy = (dx * dy).sum(axis=0), (dx * dx).sum(axis=0), (dy * dy).sum(axis=0)
        slope, correlation = xy / yy, xy / np.sqrt(xx * yy)
        left = dx - slope * dy
        squares = (left * left).sum(axis=0)
        # a perfect fit leaves noise
        error = np.sqrt(np.where(squares < 1e-12 * xx, 0, squares) / (n - 2) / yy)
    few = n < enough
    slope[few] = error[few] = correlation[few] = np.nan
    return slope, error, correlation, n


def reference_risk(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Every value of mart_risk, by cutting out each window."""
    prices, grid = bars(con), sessions(con)
    pairs = risk_pairs(con, prices)
    total, price = daily_returns(prices, grid, "total_return_index"), daily_returns(prices, grid, "close")
    logs = np.log1p(price.where(price > -1)).to_numpy()
    own, other = [a for a, _ in pairs], [b for _, b in pairs]
    own_at = price.columns.get_indexer(own)
    x, y = total[own].to_numpy(), total[other].to_numpy()
    held = np.array([[day in prices[a].index and day in prices[b].index for a, b in pairs] for day in grid])
    changes = known_yield_changes(con, grid)
    at = grid.get_indexer(pd.DatetimeIndex(changes["observed"]))
    changes, at = changes[at >= 0], at[at >= 0]
    spreads, known = (x - y)[at], changes["known_at"].to_numpy()
    moves = changes["change_bp"].to_numpy()[:, None] + np.zeros_like(spreads)
    parts = []
    for window in WINDOWS:
        enough = 0.8 * window - 1e-9
        shape = (len(grid), len(pairs))
        columns = {name: np.full(shape, np.nan) for name in RISK_VALUES}
        for t in range(len(grid)):
            cut = slice(max(0, t - window + 1), t + 1)
            columns["observations"][t] = (~np.isnan(x[cut]) & ~np.isnan(y[cut])).sum(axis=0)
            columns["realised_vol_pct"][t] = 100 * np.sqrt(252) * _deviation(logs[cut], enough)[own_at]
            if window == 21:
                continue
            columns["beta"][t], columns["beta_se"][t], columns["correlation"][t], _ = _slopes(x[cut], y[cut], enough)
            rows = slice(*np.searchsorted(known, [t - window + 1, t + 1]))
            slope, error, correlation, count = _slopes(10_000 * spreads[rows], moves[rows], enough)
            columns["beta_to_ust10_bp"][t], columns["beta_to_ust10_se"][t] = slope, error
            columns["beta_to_ust10_r2"][t], columns["rate_observations"][t] = correlation * correlation, count
            with np.errstate(divide="ignore", invalid="ignore"):
                columns["beta_to_ust10_t"][t] = np.where(error > 0, slope / error, np.nan)
        at_session, at_pair = np.nonzero(held)
        parts.append(
            pd.DataFrame(
                {
                    "symbol": np.array(own)[at_pair],
                    "benchmark_symbol": np.array(other)[at_pair],
                    "session_date": grid[at_session],
                    "window_sessions": window,
                    **{name: values[held] for name, values in columns.items()},
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _deviation(values: np.ndarray, enough: float) -> np.ndarray:
    """Sample standard deviation of each column over its known rows."""
    n = (~np.isnan(values)).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        centred = np.nan_to_num(values - np.nansum(values, axis=0) / n)
        out = np.sqrt((centred * centred).sum(axis=0) / (n - 1))
    out[n < enough] = np.nan
    return out


def check_risk(con: duckdb.DuckDBPyConnection) -> int:
    key = ["symbol", "benchmark_symbol", "session_date", "window_sessions"]
    published = con.execute("select * from mart_risk").df().set_index(key).sort_index()
    expected = reference_risk(con).set_index(key).sort_index()
    assert published.index.equals(expected.index)
    # returns to 1e-14 each: between two funds on one index that is 1e-8 of their difference's slope over its error
    noise = {"beta_to_ust10_t": 1e-8, "beta_to_ust10_r2": 1e-9}
    return sum(agree(published[name], expected[name], name, noise.get(name, 1e-11)) for name in RISK_VALUES)


def leveraged_funds() -> list[tuple[str, int, str]]:
    """Symbol, multiple and benchmark of the leveraged funds, from the seed."""
    instruments = pd.read_csv(SEEDS / "instrument.csv").dropna(subset=["benchmark_symbol"])
    chosen = instruments[instruments["leverage"] != 1]
    return list(chosen[["symbol", "leverage", "benchmark_symbol"]].itertuples(index=False, name=None))


def check_leverage_rebalance(con: duckdb.DuckDBPyConnection) -> int:
    """Assets of the evening before, looked up print by print, times L (L - 1) times the day's step of the index."""
    published = con.execute("select * from mart_leverage_rebalance").df()
    prints = con.execute("select * from fct_etf_shares order by known_at").df()
    prints["assets"] = prints["aum_usd"].where(
        prints["vendor"] == "proshares", prints["shares_outstanding"] * prints["nav_usd"]
    )
    prices, grid, checked = bars(con), sessions(con), 0
    funds = [fund for fund in leveraged_funds() if fund[0] in prices]
    assert set(published["symbol"]) == {symbol for symbol, _, _ in funds}
    iwm = prices["IWM"].reindex(grid)
    volume = (iwm["close"] * iwm["volume"]).to_numpy()
    for symbol, leverage, benchmark in funds:
        rows = published[published["symbol"] == symbol].set_index("session_date").sort_index()
        days = grid[grid >= prices[symbol].index.min()]
        assert list(rows.index) == list(days)
        close = prices[benchmark]["close"].reindex(grid)
        step = (close / close.shift(1) - 1).reindex(days).to_numpy()
        own, assets = prints[prints["symbol"] == symbol], []
        ends = (days + pd.Timedelta("23:59:59")).tz_localize("America/New_York")
        by_day = dict(list(own.groupby("as_of_date")))
        for before, end in zip(grid.to_series().shift(1).reindex(days), ends, strict=True):
            part = by_day.get(before)
            known = [] if part is None else part.loc[part["available_at"] <= end, "assets"].tolist()
            assets.append(known[-1] if known and known[-1] > 0 else np.nan)
        trade = np.array(assets) * leverage * (leverage - 1) * step
        share = 100 * trade / pd.Series(volume, grid).reindex(days).to_numpy()
        assert set(rows["leverage"]) == {leverage}
        checked += agree(rows["aum_usd"], assets, f"{symbol} aum_usd")
        checked += agree(rows["index_return_px"], step, f"{symbol} index_return_px")
        checked += agree(rows["rebalance_usd"], trade, f"{symbol} rebalance_usd", 0.01)
        checked += agree(rows["pct_of_index_fund_volume"], share, f"{symbol} share of volume", 1e-9)
    return checked


def check_leverage(con: duckdb.DuckDBPyConnection) -> int:
    """Products day by day over each window, instead of differences of sums of logarithms."""
    published = con.execute(
        "select m.*, r.base_date as wanted_base, r.return_px, r.return_tr, r.symbol is not null as has_window "
        "from mart_leverage m left join mart_return r using (symbol, session_date, window_code)"
    ).df()
    funds = [fund for fund in leveraged_funds() if fund[0] in set(published["symbol"])]
    windows = con.execute(
        "select count(*) from mart_return where symbol in (select unnest(?))", [[symbol for symbol, _, _ in funds]]
    ).fetchone()
    assert len(published) == windows[0]
    assert published["has_window"].all()
    prices, grid, checked = bars(con), sessions(con), 0
    for symbol, leverage, benchmark in funds:
        rows = published[published["symbol"] == symbol].set_index(["session_date", "window_code"])
        close = prices[benchmark]["close"].reindex(grid).to_numpy()
        steps = np.concatenate([[np.nan], close[1:] / close[:-1] - 1])
        ends = grid.get_indexer(rows.index.get_level_values("session_date"))
        bases = grid.get_indexer(pd.DatetimeIndex(rows["base_date"]))
        wanted = np.full((len(rows), 3), np.nan)
        for i, (base, end) in enumerate(zip(bases, ends, strict=True)):
            path = steps[base + 1 : end + 1]
            if base < 0 or np.isnan(path).any() or np.isnan(close[base]) or (1 + leverage * path <= 0).any():
                continue
            change = close[end] / close[base] - 1
            squares = np.sum(np.log1p(path) ** 2)
            decay = np.exp(-0.5 * leverage * (leverage - 1) * squares)
            wanted[i] = change, np.prod(1 + leverage * path) - 1, (1 + change) ** leverage * decay - 1
        change, ideal, closed = wanted.T
        assert set(rows["leverage"]) == {leverage}
        checked += same(rows["base_date"], list(rows["wanted_base"]), f"{symbol} base_date")
        for column, value in {
            "fund_return": rows["return_px"],
            "fund_return_tr": rows["return_tr"],
            "benchmark_return_px": change,
            "multiple_of_benchmark": leverage * change,
            "ideal_daily_reset": ideal,
            "closed_form": closed,
            "compounding_effect": ideal - leverage * change,
            "tracking_residual": rows["return_tr"] - ideal,
        }.items():
            # 252 logarithms to 1e-15 each
            checked += agree(rows[column], value, f"{symbol} {column}", 1e-11)
        kinds = _closing_gaps(prices, grid, symbol, leverage, benchmark, steps)
        unknown = rows["tracking_residual"].isna().to_numpy()
        counts, reasons = [], []
        for base, end, is_unknown in zip(bases, ends, unknown, strict=True):
            found = [] if is_unknown else [kind for kind in kinds[base + 1 : end + 1] if kind]
            counts.append(None if is_unknown else len(found))
            names = set(found) - {"unknown"} or set(found)
            reasons.append(None if not found else "index_and_fund_close" if len(names) > 1 else names.pop())
        checked += same(rows["flagged_sessions"], counts, f"{symbol} flagged_sessions")
        checked += same(rows["residual_reason"], reasons, f"{symbol} residual_reason")
    return checked


def _closing_gaps(
    prices: dict[str, pd.DataFrame],
    grid: pd.DatetimeIndex,
    symbol: str,
    leverage: int,
    benchmark: str,
    steps: np.ndarray,
) -> list[str | None]:
    """By session of the grid, whether the fund's day left the index and whether its plain fund went with it."""
    instruments = pd.read_csv(SEEDS / "instrument.csv")
    plain = instruments[
        (instruments["benchmark_symbol"] == benchmark)
        & (instruments["leverage"] == 1)
        & (instruments["instrument_type"] == "etf")
    ]["symbol"].min()
    total = daily_returns(prices, grid, "total_return_index")
    gaps = (total[symbol].to_numpy() / leverage - steps).round(12)
    beside = (total[plain].to_numpy() - steps).round(12)
    kinds: list[str | None] = []
    for gap, other in zip(gaps, beside, strict=True):
        if np.isnan(gap) or abs(gap) <= CLOSING_GAP:
            kinds.append(None)
        elif np.isnan(other):
            kinds.append("unknown")
        else:
            kinds.append("index_close" if 2 * other * np.sign(gap) >= abs(gap) else "fund_close")
    return kinds


def check_pair(con: duckdb.DuckDBPyConnection) -> int:
    """The legs' levels and daily returns walked from each entry; betas by numpy's covariance."""
    published = con.execute("select * from mart_pair").df()
    prices, grid = bars(con), sessions(con)
    total = daily_returns(prices, grid, "total_return_index")
    pairs = pd.read_csv(SEEDS / "pair.csv").set_index("pair_id")
    entries = pd.read_csv(SEEDS / "pair_entry.csv", parse_dates=["entry_date"])
    checked, rows_expected = 0, 0
    for entry in entries.itertuples(index=False):
        own, other = pairs.loc[entry.pair_id, ["symbol", "benchmark_symbol"]]
        rows = published[(published["pair_id"] == entry.pair_id) & (published["entry_date"] == entry.entry_date)]
        rows = rows.set_index("session_date").sort_index()
        what = f"{entry.pair_id} {entry.entry_date.date()}"
        levels = pd.DataFrame({s: prices[s]["total_return_index"] for s in (own, other) if s in prices}).dropna()
        if levels.shape[1] < 2 or entry.entry_date not in levels.index:
            assert rows.empty, what
            continue
        levels = levels.loc[entry.entry_date :]
        rows_expected += len(levels)
        assert rows.index.equals(levels.index), what
        grown = levels / levels.iloc[0] - 1
        since = (total[own] - total[other]).loc[entry.entry_date : levels.index[-1]].to_numpy(copy=True)
        since[0] = 0
        running = pd.Series(np.cumsum(since), index=grid[grid.searchsorted(entry.entry_date) :][: len(since)])
        betas = {day: _beta(total[own], total[other], grid.get_loc(day)) for day in levels.index}
        at_entry = betas[entry.entry_date]
        for column, value in {
            "pnl_buy_and_hold": grown[own] - grown[other],
            "pnl_daily_rebalanced": running.reindex(levels.index),
            "beta_neutral_weight": np.full(len(levels), at_entry),
            "pnl_beta_neutral": grown[own] - at_entry * grown[other],
            "beta_252": list(betas.values()),
            "sessions_held": grid.get_indexer(levels.index) - grid.get_loc(entry.entry_date),
        }.items():
            checked += agree(rows[column], value, f"{what} {column}", 1e-11)
        assert set(rows["symbol"]) == {own}
        assert set(rows["benchmark_symbol"]) == {other}
    assert len(published) == rows_expected
    return checked


def _beta(x: pd.Series, y: pd.Series, t: int) -> float:
    both = pd.DataFrame({"x": x, "y": y}).iloc[max(0, t - 251) : t + 1].dropna()
    if len(both) < 0.8 * 252:
        return np.nan
    covariance = np.cov(both["x"], both["y"])
    return float(covariance[0, 1] / covariance[1, 1])
