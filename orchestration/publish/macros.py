"""Table macros of the served database: what one is, how they are created, and returns between any two dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from orchestration.publish.tables import Table, literal


@dataclass(frozen=True)
class Macro:
    """A macro and the columns it needs; it is created where they are all there.

    Attributes:
        body: What follows `as`: `table select …`, or an expression.
    """

    name: str
    parameters: tuple[str, ...]
    body: str
    comment: str
    needs: Mapping[str, tuple[str, ...]]

    @property
    def is_table(self) -> bool:
        """Whether it stands in a `from`."""
        return self.body.lstrip().startswith("table")


PRICE_COLUMNS = ("symbol", "session_date", "close", "total_return_index")

RETURN_BETWEEN = Macro(
    name="return_between",
    parameters=("symbol", "from_date", "to_date"),
    # Columns are qualified throughout: a bare name is the parameter.
    body="""table
        with ends as (
            select
                p.symbol as instrument,
                max(p.session_date) filter (where p.session_date <= cast(from_date as date)) as base_session,
                max(p.session_date) filter (where p.session_date <= cast(to_date as date)) as end_session
            from main.fct_price_daily as p
            where p.symbol = symbol and p.close is not null
            group by p.symbol
        )
        select
            e.instrument as symbol,
            e.base_session as base_date,
            e.end_session as end_date,
            l.close / b.close - 1 as return_px,
            l.total_return_index / b.total_return_index - 1 as return_tr
        from ends as e
        left join main.fct_price_daily as b on b.symbol = e.instrument and b.session_date = e.base_session
        left join main.fct_price_daily as l on l.symbol = e.instrument and l.session_date = e.end_session
    """,
    comment="Price and total return of one symbol between two dates, as fractions. Base: last stored session on or "
    "before from_date (null before its first session); end: last stored session on or before to_date. "
    "Example: from return_between('^RUT', '2024-11-05', '2024-11-11')",
    needs={"fct_price_daily": PRICE_COLUMNS},
)
RELATIVE_BETWEEN = Macro(
    name="relative_between",
    parameters=("symbol", "benchmark", "from_date", "to_date"),
    body="""table
        with common as (
            select
                a.symbol as instrument,
                z.symbol as reference,
                a.session_date as session_date,
                a.close as close_a,
                z.close as close_z,
                a.total_return_index as total_a,
                z.total_return_index as total_z
            from main.fct_price_daily as a
            inner join main.fct_price_daily as z on a.session_date = z.session_date
            where a.symbol = symbol and z.symbol = benchmark and a.close is not null and z.close is not null
        ),
        ends as (
            select
                c.instrument as instrument,
                c.reference as reference,
                max(c.session_date) filter (where c.session_date <= cast(from_date as date)) as base_session,
                max(c.session_date) filter (where c.session_date <= cast(to_date as date)) as end_session
            from common as c
            group by c.instrument, c.reference
        )
        select
            e.instrument as symbol,
            e.reference as benchmark_symbol,
            e.base_session as base_date,
            e.end_session as end_date,
            100 * (l.close_a / b.close_a - l.close_z / b.close_z) as spread_px_pp,
            100 * (l.total_a / b.total_a - l.total_z / b.total_z) as spread_tr_pp,
            (l.close_a / b.close_a) / (l.close_z / b.close_z) - 1 as ratio_return_px
        from ends as e
        left join common as b on b.session_date = e.base_session
        left join common as l on l.session_date = e.end_session
    """,
    comment="Return of a symbol over a benchmark between two dates: spreads of simple returns in percentage points "
    "(price and total return) and the return of the price ratio as a fraction. Base and end are the last sessions "
    "stored for both on or before the dates. Example: from relative_between('IWM', 'SPY', '2025-06-18', '2025-12-18')",
    needs={"fct_price_daily": PRICE_COLUMNS},
)
CONTRIBUTION_BETWEEN = Macro(
    name="contribution_between",
    parameters=("index_code", "from_date", "to_date"),
    # What a member added to one step is added to what the index had become by then: such parts add up to the whole.
    body="""table
        with ends as (
            select
                max(d.day) filter (where d.day <= cast(from_date as date)) as base_session,
                max(d.day) filter (where d.day <= cast(to_date as date)) as end_session
            from (
                select r.session_date as day from main.mart_index_replication as r where r.index_code = index_code
                union all
                select r.previous_session_date from main.mart_index_replication as r where r.index_code = index_code
            ) as d
        ),
        steps as (
            select
                r.session_date as session_date,
                e.base_session as base_session,
                e.end_session as end_session,
                coalesce(
                    product(1 + r.replicated_return) over (
                        order by r.session_date rows between unbounded preceding and 1 preceding
                    ),
                    1
                ) as grown
            from main.mart_index_replication as r
            inner join ends as e on r.previous_session_date >= e.base_session and r.session_date <= e.end_session
            where r.index_code = index_code
        )
        select
            c.security_id as security_id,
            any_value(s.ticker) as ticker,
            any_value(s.name) as name,
            max_by(c.sector, c.session_date) as sector,
            sum(p.grown * c.contribution_pp) as contribution_pp,
            any_value(p.base_session) as base_date,
            any_value(p.end_session) as end_date
        from main.mart_index_contribution as c
        inner join steps as p on c.session_date = p.session_date
        left join main.dim_security as s on c.security_id = s.security_id
        where c.index_code = index_code and c.contribution_pp is not null
        group by c.security_id
    """,
    comment="What each member added to the return of an index between two dates, in percentage points, linked so that "
    "all add up to the whole. Base and end are the last sessions with a file of the fund on or before the dates. "
    "Example: from contribution_between('R2000', '2026-10-30', '2026-11-20') order by contribution_pp desc",
    needs={
        "mart_index_contribution": ("index_code", "session_date", "security_id", "sector", "contribution_pp"),
        "mart_index_replication": ("index_code", "session_date", "previous_session_date", "replicated_return"),
        "dim_security": ("security_id", "ticker", "name"),
    },
)
BETWEEN = (RETURN_BETWEEN, RELATIVE_BETWEEN, CONTRIBUTION_BETWEEN)
RELEASE_MACRO = "served_release"


def create_macros(
    con: duckdb.DuckDBPyConnection, macros: Sequence[Macro], tables: Sequence[Table], release_id: str
) -> tuple[str, ...]:
    """Create every macro whose tables are there, and the one that names the release, each with its comment.

    Returns:
        Names of the macros created.
    """
    columns = {table.name: set(table.column_names) for table in tables}
    made = [m for m in macros if all(set(cols) <= columns.get(name, set()) for name, cols in m.needs.items())]
    made.append(
        Macro(RELEASE_MACRO, (), literal(release_id), "The release this database holds: select served_release()", {})
    )
    for macro in made:
        con.execute(f"create macro {macro.name}({', '.join(macro.parameters)}) as {macro.body}")
        kind = "macro table" if macro.is_table else "macro"
        con.execute(f"comment on {kind} {macro.name} is {literal(macro.comment)}")
    return tuple(macro.name for macro in made)
