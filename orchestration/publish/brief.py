"""brief.html: one static page a release, readable without anything else."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from orchestration.publish.manifest import BRIEF_NAME

SYMBOLS = ("^RUT", "IWM", "^GSPC", "SPY", "QQQ")
PAIRS = (("IWM", "SPY"), ("IWM", "QQQ"))
SERIES = {"DGS10": "10-year Treasury yield", "BAMLH0A0HYM2": "High-yield option-adjusted spread"}
WINDOWS = ("1d", "5d", "ytd")
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c }
table { border-collapse: collapse; margin: .5rem 0 1.5rem }
th, td { padding: .25rem .8rem; border-bottom: 1px solid #ddd; text-align: left }
td.n { text-align: right; font-variant-numeric: tabular-nums }
.synthetic { background: #b00020; color: #fff; font-size: 1.6rem; font-weight: 700; padding: .8rem 1rem }
"""

Rows = Sequence[tuple[Any, ...]]


def write_brief(folder: Path, manifest: Mapping[str, Any], con: duckdb.DuckDBPyConnection) -> None:
    """Write brief.html into a release folder.

    Args:
        folder: The release folder.
        manifest: Its manifest.
        con: A connection that sees what was exported, so that the brief shows nothing else.
    """
    held = set(manifest["tables"])
    returns = _rows(con, held, "mart_return", _RETURNS, [list(SYMBOLS), list(WINDOWS)])
    spreads = _rows(con, held, "mart_relative_performance", _SPREADS, [list(WINDOWS)])
    rates = _rows(con, held, "mart_macro_daily", _RATES, [list(SERIES)])
    trends = _rows(con, held, "mart_trend", _TRENDS, [list(SYMBOLS)])
    flows = _rows(con, held, "mart_etf_flow", _FLOWS, [])
    signals = _rows(con, held, "mart_signal", _SIGNALS, [])
    catalysts = _rows(con, held, "mart_catalyst", _CATALYSTS, [])
    title = f"Small caps, session {manifest['as_of_session']}"
    parts = [
        f"<h1>{_text(title)}</h1>",
        '<p class="synthetic">SYNTHETIC: sandbox data, made up, not market prices</p>'
        if manifest["is_synthetic"]
        else "",
        _table(
            ("", ""),
            [
                ("Source", manifest["source"]),
                ("As of session", manifest["as_of_session"]),
                ("Release", manifest["release_id"]),
                ("Built at", manifest["built_at"]),
            ],
        ),
        *_section("Returns, price, %", ("Symbol", *WINDOWS), _pivot(returns, SYMBOLS, 100)),
        *_section(
            "Spreads of price returns, percentage points",
            ("Pair", *WINDOWS),
            _pivot(spreads, [f"{a} over {b}" for a, b in PAIRS], 1),
        ),
        *_section(
            "Rates",
            ("Series", "Value, %", "Observed"),
            [(f"{SERIES[name]} ({name})", f"{value:.2f}", str(day)) for name, value, day in rates],
        ),
        *_section(
            "Trend",
            ("Symbol", "Streak, sessions", "Below peak, %", "Peak", "Above its averages of"),
            [
                (symbol, f"{streak:+d}", f"{100 * drawdown:+.2f}", str(peak), averages or "none")
                for symbol, streak, drawdown, peak, averages in trends
            ],
        ),
        *_section(
            "Flows, million USD",
            ("Fund", "Day of flow", "5 sessions", "65 sessions", "65 sessions, % of assets"),
            [
                (symbol, str(day), _millions(five), _millions(quarter), "n/a" if part is None else f"{part:+.2f}")
                for symbol, day, five, quarter, part in flows
            ],
        ),
        *_section(
            "Signals on",
            ("Signal", "Since", "Value", "Threshold", "Definition"),
            [
                (name, str(since), f"{value:+,.4g}", f"{threshold:+,.4g} {unit}", definition)
                for name, since, value, threshold, unit, definition in signals
            ],
        ),
        *_section(
            "Ahead",
            ("Date", "Sessions ahead", "Event", "Status"),
            [(str(day), str(ahead), label, status) for day, ahead, label, status in catalysts],
        ),
        *_section("Warnings", ("Test",), [(warning,) for warning in manifest["warnings"]]),
        *_section(
            "Tables",
            ("Table", "Rows", "As of", "What it holds"),
            [
                (name, f"{table['rows']:,}", table["as_of_date"] or "", table["description"])
                for name, table in manifest["tables"].items()
            ],
        ),
    ]
    page = (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        f"<title>{_text(title)}</title><style>{STYLE}</style></head>\n<body>\n{_join(parts)}\n</body>\n</html>\n"
    )
    (folder / BRIEF_NAME).write_text(page, encoding="utf-8")


_RETURNS = """
    select symbol, window_code, return_px from main.mart_return
    where symbol in (select unnest(?)) and window_code in (select unnest(?))
        and session_date = (select max(session_date) from main.mart_return)
"""
_SPREADS = f"""
    select symbol || ' over ' || benchmark_symbol, window_code, spread_px_pp from main.mart_relative_performance
    where (symbol, benchmark_symbol) in ({", ".join(str(pair) for pair in PAIRS)})
        and window_code in (select unnest(?))
        and session_date = (select max(session_date) from main.mart_relative_performance)
"""
_RATES = """
    select series_id, value, observation_date from main.mart_macro_daily
    where series_id in (select unnest(?)) and value is not null
    qualify row_number() over (partition by series_id order by session_date desc) = 1
    order by series_id desc
"""
_TRENDS = """
    select
        symbol, streak_sessions, drawdown_px, peak_date,
        concat_ws(
            ', ',
            case when above_sma_20 then '20' end, case when above_sma_50 then '50' end,
            case when above_sma_100 then '100' end, case when above_sma_200 then '200 days' end
        )
    from main.mart_trend
    where symbol in (select unnest(?)) and session_date = (select max(session_date) from main.mart_trend)
    order by symbol
"""
_FLOWS = """
    select symbol, flow_date, flow_5d_usd, flow_65d_usd, flow_65d_pct_aum from main.mart_etf_flow
    qualify row_number() over (partition by symbol order by flow_date desc) = 1
    order by symbol
"""
_SIGNALS = """
    select signal_id, triggered_since, value, threshold, unit, definition from main.mart_signal
    where is_triggered and session_date = (select max(session_date) from main.mart_signal)
    order by triggered_since desc, signal_id
"""
_CATALYSTS = """
    select event_date, sessions_ahead, label, status from main.mart_catalyst
    order by event_date, event_type, event_id limit 12
"""


def _rows(con: duckdb.DuckDBPyConnection, held: set[str], table: str, sql: str, parameters: list[Any]) -> Rows:
    return con.execute(sql, parameters).fetchall() if table in held else []


def _pivot(rows: Rows, order: Iterable[str], scale: float) -> list[tuple[str, ...]]:
    values = {(name, window): value for name, window, value in rows if value is not None}
    named = [name for name in order if any((name, window) in values for window in WINDOWS)]
    return [(n, *(f"{values[n, w] * scale:+.2f}" if (n, w) in values else "n/a" for w in WINDOWS)) for n in named]


def _section(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    return (f"<h2>{_text(title)}</h2>", _table(header, rows)) if rows else ()


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{_text(cell)}</th>" for cell in header)
    body = _join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in rows)
    return f"<table>\n<tr>{head}</tr>\n{body}\n</table>" if any(header) else f"<table>\n{body}\n</table>"


def _cell(value: str) -> str:
    is_number = value[:1] in "+-0123456789" and value[1:].replace(",", "").replace(".", "").isdigit()
    return f'<td class="n">{_text(value)}</td>' if is_number else f"<td>{_text(value)}</td>"


def _millions(value: float | None) -> str:
    return "n/a" if value is None else f"{value / 1e6:+,.1f}"


def _text(value: str) -> str:
    return html.escape(str(value))


def _join(parts: Iterable[str]) -> str:
    return "\n".join(part for part in parts if part)
