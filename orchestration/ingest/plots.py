"""Small plots for the asset pages: what is stored, and the last year of it."""

from __future__ import annotations

import base64
import datetime as dt
import io
from collections.abc import Mapping

import dagster as dg
import pandas as pd

from orchestration.lake.store import Lake

WIDTH_INCHES, HEIGHT_INCHES, DPI = 7.2, 2.6, 80
# left, bottom, width and height of the drawn part, as fractions of the picture
MARGINS = (0.09, 0.12, 0.89, 0.77)
A_YEAR = dt.timedelta(days=366)


def line_plot(lines: Mapping[str, pd.Series], title: str, unit: str) -> dg.MetadataValue:
    """One picture with a line for each series, indexed by date; a note where there is nothing to draw."""
    drawn = {name: series.dropna() for name, series in lines.items() if series.notna().any()}
    if not drawn:
        return dg.MetadataValue.md(f"*{title}: nothing stored yet*")
    # a second of imports, which only a run that draws should pay
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=DPI)
    # fixed margins: finding them by drawing twice is half the time of a plot
    axes = figure.add_axes(MARGINS)
    for name, series in drawn.items():
        axes.plot(pd.to_datetime(series.index), series.to_numpy(), label=name, linewidth=1)
    axes.set_title(title, fontsize=9)
    axes.set_ylabel(unit, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="upper left")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    picture = base64.b64encode(buffer.getvalue()).decode()
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{picture})")


def last_year(
    lake: Lake, table: str, key: str, date: str, value: str, keys: tuple[str, ...], now: dt.datetime
) -> dict[str, pd.Series]:
    """The newest knowledge of the last year, a series by date for each key that has any."""
    frame = lake.query(
        f"select {key} as key, {date} as day, {value} as value from {table} "
        f"where list_contains(?, {key}) and {date} >= ? and fetched_at <= ? "
        f"qualify row_number() over (partition by {key}, {date} order by fetched_at desc, ingest_seq desc) = 1 "
        "order by day",
        [list(keys), (now - A_YEAR).date(), now],
    ).to_pandas()
    return {name: frame[frame["key"] == name].set_index("day")["value"] for name in keys if name in set(frame["key"])}


def rows_by_month(lake: Lake, table: str, date: str, now: dt.datetime) -> dict[str, pd.Series]:
    """Rows stored for each month, revisions included: a hole in the history shows."""
    frame = lake.query(
        f"select date_trunc('month', {date})::date as month, count(*) as rows from {table} "
        "where fetched_at <= ? group by 1 order by 1",
        [now],
    ).to_pandas()
    return {"rows": frame.set_index("month")["rows"]} if len(frame) else {}
