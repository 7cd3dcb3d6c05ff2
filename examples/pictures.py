"""One picture for each query on the names inside an index; the queries are those of query.sql beside this file."""

import sys
from pathlib import Path

import duckdb
from matplotlib.figure import Figure

HERE = Path(__file__).resolve().parent
data = Path(sys.argv[1] if len(sys.argv) > 1 else "data_lake")
out = Path(sys.argv[2] if len(sys.argv) > 2 else "pictures")


def bars(axes, rows, label, value):
    """A bar for each row, falls in red."""
    axes.barh(rows[label].astype(str), rows[value], color=["tab:red" if v < 0 else "tab:blue" for v in rows[value]])
    axes.invert_yaxis()


def lines(axes, rows, x, values):
    """A line over time for each of the columns."""
    for value in values:
        axes.plot(rows[x], rows[value], marker=".", label=value)
    axes.legend()


def dots(axes, rows, x, value, by):
    """A dot for each row, in a colour for each group."""
    for name, part in rows.sort_values(x).groupby(by):
        axes.plot(part[x].astype(str), part[value], "o", label=name)
    axes.axhline(0, color="black", linewidth=0.5)
    axes.legend(fontsize=7)


# file name: (how its query begins in query.sql, its unit, what draws it, of which columns)
PICTURES = {
    "members_contribution": ("What moved the Russell 2000", "percentage points", bars, "ticker", "contribution_pp"),
    "members_sectors": ("The same by sector", "percentage points", bars, "sector", "contribution_pp"),
    "members_replication": ("How well the members", "percentage points", lines, "session_date", ["error_pp"]),
    "members_split": ("The prices of a name", "USD per share", lines, "session_date", ["close_usd", "close"]),
    "members_splits": ("Splits of members", "new shares per old", bars, "ticker", "ratio"),
    "members_falls": ("The members of the Russell 2000 that fell", "percent", bars, "ticker", "return_21d_pct"),
    "members_breadth": ("How broad the last rises", "names that rose", bars, "as_of_date", "advancing"),
    "members_effect": ("Price effect of reconstitutions", "percent", dots, "event_id", "mean_pct", "change_type"),
    "members_forecast": ("Who is likely to change tier", "probability", bars, "ticker", "probability"),
    "members_score": ("How far such forecasts", "Brier score", dots, "event_id", "brier", "change_type"),
}  # fmt: skip

queries = (HERE / "query.sql").read_text(encoding="utf-8").split("\n\n")
out.mkdir(parents=True, exist_ok=True)
with duckdb.connect(str(data / "smallcap.duckdb"), read_only=True) as con:
    release, source = con.sql("select release_id, source from dim_release").fetchone()
    for name, (title, unit, draw, *columns) in PICTURES.items():
        query = next(text for text in queries if text.startswith(f"-- {title}"))
        figure = Figure(figsize=(8, 3.6), dpi=110, layout="constrained")
        axes = figure.add_subplot()
        draw(axes, con.sql(query).df().dropna(subset=columns[:1]), *columns)
        axes.set_title(query.partition("\n")[0].removeprefix("-- "), fontsize=9)
        axes.set_xlabel(unit if draw is bars else columns[0])
        axes.set_ylabel("" if draw is bars else unit)
        axes.tick_params(labelsize=7)
        if source == "sandbox":
            axes.text(0.5, 0.5, "synthetic", transform=axes.transAxes, size=40, alpha=0.12, ha="center", va="center")
        figure.savefig(out / f"{name}.png")
        print(f"{out / f'{name}.png'}: {release}")
