"""One engine of the panel benchmark, run as `python -m benchmarks.panel_arms ENGINE FOLDER`; prints its seconds.

Every engine reads FOLDER/bars, computes the same columns and writes them below FOLDER/ENGINE with the same compression.
The bars have no gaps, which all but ours and DuckDB's take as given.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.panel import CALENDAR
from orchestration.panel.metrics import AVERAGES, COLUMNS, LOOKBACK_SESSIONS, RETURN_WINDOWS

YEAR = 252
VOL = 63


def ours(root: Path) -> Callable[[], None]:
    """numpy over blocks, a group of securities at a time."""
    import pyarrow.parquet as pq

    from orchestration.panel.store import build, matrix_of

    def work() -> None:
        bars = _all_bars(root)
        matrix = matrix_of(bars, pq.read_table(root / "bars" / "benchmark.parquet"), CALENDAR)
        del bars
        build(root / "ours", matrix)

    return work


def one_more_day(root: Path) -> Callable[[], None]:
    """The newest session added to a panel that ends the session before."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from orchestration.panel.store import build, extend, matrix_of

    benchmark = pq.read_table(root / "bars" / "benchmark.parquet")
    newest = benchmark["session_date"].to_pylist()[-1]
    if not (root / "grown").exists():
        bars = _all_bars(root)
        build(root / "grown_before", matrix_of(bars.filter(pc.field("session_date") < newest), benchmark, CALENDAR))
    shutil.rmtree(root / "grown", ignore_errors=True)
    shutil.copytree(root / "grown_before", root / "grown")
    since = CALENDAR[CALENDAR.index(newest) - LOOKBACK_SESSIONS - 1]

    def work() -> None:
        files = [root / "bars" / f"year={year}.parquet" for year in range(since.year, newest.year + 1)]
        recent = pa.concat_tables(pq.read_table(file, filters=[("session_date", ">=", since)]) for file in files)
        extend(root / "grown", matrix_of(recent, benchmark, CALENDAR))

    return work


def io_bound(root: Path) -> Callable[[], None]:
    """What reading the finished panel and writing it again takes."""
    import pyarrow.parquet as pq

    def work() -> None:
        for path in sorted((root / "ours").glob("year=*/*.parquet")):
            source = pq.ParquetFile(path)
            with pq.ParquetWriter(root / "again.parquet", source.schema_arrow, compression="zstd") as writer:
                for group in range(source.num_row_groups):
                    writer.write_table(source.read_row_group(group))

    return work


def polars(root: Path) -> Callable[[], None]:
    """One plan over the long table."""
    import polars as pl

    def work() -> None:
        close, ytd = pl.col("close"), pl.col("return_ytd")

        def own(expression: pl.Expr) -> pl.Expr:
            return expression.over("security_id")

        market = pl.read_parquet(root / "bars" / "benchmark.parquet").sort("session_date")
        market = market.with_columns(
            *((close / close.shift(n) - 1).alias(f"market_{n}d") for n in RETURN_WINDOWS),
            year=pl.col("session_date").dt.year(),
        )
        base = market.group_by("year").agg(close.last().alias("base")).with_columns(pl.col("year") + 1)
        market = market.join(base, on="year", how="left").with_columns(market_ytd=close / pl.col("base") - 1)
        market = market.drop("close", "year", "base")
        bars = pl.read_parquet([root / "bars" / f.name for f in sorted((root / "bars").glob("year=*"))])
        bars = bars.sort("security_id", "session_date")
        bars = bars.with_columns(
            *(own(close / close.shift(n) - 1).alias(f"return_{n}d") for n in RETURN_WINDOWS),
            year=pl.col("session_date").dt.year(),
            place=own(pl.int_range(pl.len())),
        )
        base = bars.group_by("security_id", "year").agg(close.last().alias("base")).with_columns(pl.col("year") + 1)
        bars = bars.join(base, on=["security_id", "year"], how="left", maintain_order="left")
        bars = bars.join(market, on="session_date", how="left", maintain_order="left")
        bars = bars.with_columns(return_ytd=close / pl.col("base") - 1)
        x, y = pl.col("market_1d"), pl.col("return_1d")
        bars = bars.with_columns(
            *(
                (100 * (pl.col(f"return_{n}d") - pl.col(f"market_{n}d"))).alias(f"spread_{n}d_pp")
                for n in RETURN_WINDOWS
            ),
            *(own(close.rolling_mean(n)).alias(f"sma_{n}") for n in AVERAGES),
            own(close.ewm_mean(alpha=2 / 21, adjust=False)).alias("ema_20"),
            own(close.rolling_max(YEAR)).alias("high_252d"),
            own((1 + y).log().rolling_std(VOL)).alias("deviation"),
            *(
                own(value.rolling_mean(YEAR)).alias(name)
                for name, value in {"mxy": x * y, "mx": x, "my": y, "mxx": x * x}.items()
            ),
            spread_ytd_pp=100 * (ytd - pl.col("market_ytd")),
            block=pl.col("place") // YEAR,
        )
        in_block = ["security_id", "block"]
        bars = bars.with_columns(
            high_ahead=close.cum_max().over(in_block),
            low_ahead=close.cum_min().over(in_block),
            high_behind=close.cum_max(reverse=True).over(in_block),
            low_behind=close.cum_min(reverse=True).over(in_block),
        )
        bars = bars.with_columns(
            fall_ahead=(close / pl.col("high_ahead") - 1).cum_min().over(in_block),
            fall_behind=(pl.col("low_behind") / close - 1).cum_min(reverse=True).over(in_block),
        )
        across = pl.min_horizontal(
            "fall_ahead",
            own(pl.col("fall_behind").shift(YEAR - 1)),
            pl.col("low_ahead") / own(pl.col("high_behind").shift(YEAR - 1)) - 1,
        )
        deepest = pl.when(pl.col("place") % YEAR == YEAR - 1).then(pl.col("fall_ahead")).otherwise(across)
        bars = bars.with_columns(
            drawdown_252d=close / pl.col("high_252d") - 1,
            max_drawdown_252d=pl.when(pl.col("place") >= YEAR - 1).then(deepest),
            realised_vol_63_pct=100 * pl.col("deviation") * YEAR**0.5,
            beta_252=(pl.col("mxy") - pl.col("mx") * pl.col("my")) / (pl.col("mxx") - pl.col("mx") ** 2),
        )
        out = root / "polars"
        out.mkdir(exist_ok=True)
        bars.select("security_id", "session_date", "close", *COLUMNS).write_parquet(
            out / "panel.parquet", compression="zstd", compression_level=1
        )

    return work


def pandas(root: Path) -> Callable[[], None]:
    """Wide frames, one column a security."""
    import numpy as np
    import pandas as pd

    def work() -> None:
        bars = pd.concat(pd.read_parquet(file) for file in sorted((root / "bars").glob("year=*")))
        close = bars.pivot(index="session_date", columns="security_id", values="close")
        del bars
        market = pd.read_parquet(root / "bars" / "benchmark.parquet").set_index("session_date")["close"]
        years = pd.Index([day.year for day in close.index])
        out: dict[str, pd.DataFrame] = {}

        def base_of_year(values):
            last = values.groupby(years).last()
            return last.reindex(years - 1).set_axis(values.index)

        bases = {f"{n}d": (close.shift(n), market.shift(n)) for n in RETURN_WINDOWS}
        bases["ytd"] = (base_of_year(close), base_of_year(market))
        for code, (base, market_base) in bases.items():
            out[f"return_{code}"] = close / base - 1
            out[f"spread_{code}_pp"] = 100 * out[f"return_{code}"].sub(market / market_base - 1, axis=0)
        for n in AVERAGES:
            out[f"sma_{n}"] = close.rolling(n).mean()
        out["ema_20"] = close.ewm(alpha=2 / 21, adjust=False).mean()
        high = out["high_252d"] = close.rolling(YEAR).max()
        out["drawdown_252d"] = close / high - 1
        block = np.arange(len(close)) // YEAR
        high_ahead, low_ahead = close.groupby(block).cummax(), close.groupby(block).cummin()
        backwards, blocks_back = close.iloc[::-1], block[::-1]
        high_behind = backwards.groupby(blocks_back).cummax().iloc[::-1]
        low_behind = backwards.groupby(blocks_back).cummin().iloc[::-1]
        fall_ahead = (close / high_ahead - 1).groupby(block).cummin()
        fall_behind = (low_behind / close - 1).iloc[::-1].groupby(blocks_back).cummin().iloc[::-1]
        crossing = np.fmin(fall_behind.shift(YEAR - 1), low_ahead / high_behind.shift(YEAR - 1) - 1)
        ends = pd.Series(np.arange(len(close)) % YEAR == YEAR - 1, index=close.index)
        deepest = np.fmin(fall_ahead, crossing).where(~ends, fall_ahead)
        out["max_drawdown_252d"] = deepest.where(high.notna())
        daily, market_daily = out["return_1d"], market / market.shift(1) - 1
        out["realised_vol_63_pct"] = 100 * np.log1p(daily).rolling(VOL).std() * YEAR**0.5
        mean, market_mean = daily.rolling(YEAR).mean(), market_daily.rolling(YEAR).mean()
        product = daily.mul(market_daily, axis=0).rolling(YEAR).mean()
        variance = (market_daily**2).rolling(YEAR).mean() - market_mean**2
        out["beta_252"] = (product - mean.mul(market_mean, axis=0)).div(variance, axis=0)
        frame = pd.DataFrame(
            {
                "security_id": np.repeat(close.columns.to_numpy(), len(close)),
                "session_date": np.tile(close.index.to_numpy(), close.shape[1]),
                "close": close.to_numpy().ravel(order="F"),
                **{name: out.pop(name).to_numpy().ravel(order="F") for name in COLUMNS},
            }
        )
        (root / "pandas").mkdir(exist_ok=True)
        frame.to_parquet(root / "pandas" / "panel.parquet", compression="zstd", index=False)

    return work


def duckdb(root: Path) -> Callable[[], None]:
    """The SQL of mart_symbol_daily, all securities at once."""
    import duckdb as engine
    import jinja2
    import pyarrow as pa

    project = Path(__file__).resolve().parent.parent / "dbt_project"
    jinja = jinja2.Environment(autoescape=False)  # noqa: S701 - SQL
    portable = jinja.from_string((project / "macros" / "portable.sql").read_text(encoding="utf-8"))
    model = project / "models" / "marts" / "performance" / "mart_symbol_daily.sql"
    sql = jinja.from_string(model.read_text(encoding="utf-8")).render(
        ref=lambda name: name,
        var=lambda name: "^BENCHMARK",
        period_start=vars(portable.make_module())["period_start"],
    )

    def work() -> None:
        with engine.connect(config={"threads": 2, "temp_directory": str(root / "tmp")}) as con:
            con.execute("set memory_limit = '14GB'")
            con.execute(f"""
                create view fct_price_daily as
                select security_id as symbol, session_date, close from '{root}/bars/year=*.parquet'
                union all select '^BENCHMARK', session_date, close from '{root}/bars/benchmark.parquet'
            """)
            sessions = pa.table(
                {
                    "session_date": CALENDAR,
                    "session_index": range(len(CALENDAR)),
                    "previous_session": [None, *CALENDAR[:-1]],
                }
            )
            con.register("dim_session", sessions)
            (root / "duckdb").mkdir(exist_ok=True)
            con.execute(f"""
                copy (
                    select symbol as security_id, * exclude (symbol, history_start) from ({sql})
                    where symbol <> '^BENCHMARK' order by security_id, session_date
                ) to '{root}/duckdb/panel.parquet' (format parquet, compression zstd, compression_level 1)
            """)

    return work


def _all_bars(root: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    # a dictionary of names and whole numbers instead of fifteen million texts
    return pa.concat_tables(
        pq.read_table(file, read_dictionary=["security_id"]) for file in sorted((root / "bars").glob("year=*"))
    ).unify_dictionaries()


ARMS = {arm.__name__: arm for arm in (ours, polars, pandas, duckdb, one_more_day, io_bound)}

if __name__ == "__main__":
    work = ARMS[sys.argv[1]](Path(sys.argv[2]))
    began = time.perf_counter()
    work()
    print(json.dumps({"seconds": time.perf_counter() - began}))
