"""No mart knows the future: what a release showed on its day is what the last one says was known that day.

RULES has one line for each published mart, which says how its rows of a day T are found in a later release. A mart
without a rule fails. Rows of symbols split since T are compared up to the rounding of their prices, levels after
re-basing; all others on all columns, to the last bit.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import duckdb
import pytest

from tests.realdata.conftest import AGAIN, DAY_BEFORE, STEPS, Walk

pytestmark = pytest.mark.realdata

DAYS = STEPS[: DAY_BEFORE + 1]
BY_SESSION = "session_date <= date '{day}'"
BY_AVAILABILITY = "available_at <= timestamptz '{moment}'"
BY_KNOWLEDGE = "known_at <= timestamptz '{moment}'"


@dataclass(frozen=True)
class Rule:
    """How the rows of a release of day T are found in a later release.

    Attributes:
        now: Condition on the later rows. {day} is T, {moment} its clock.
        then: Condition on the rows of T: what a running period shows is not final.
        now_from: Relation that replaces the later table: {table} names one, {moment} is T's clock.
        columns: Columns compared; all of the table where empty.
        per_share: Columns that a split divides by its ratio.
        shares: Columns that a split multiplies with its ratio.
        why: Why the rule is not simply "rows up to T, all columns".
    """

    now: str = "true"
    then: str = "true"
    now_from: str = ""
    columns: tuple[str, ...] = ()
    per_share: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()
    why: str = ""


# membership as known at T shows these boundaries; weights and kinds of changes rest on the files of T and are compared
# by the replay below
BOUNDARIES = """(
    with known as (
        select * from {fct_index_membership_revision}
        where
            known_from <= timestamptz '{moment}' and (known_to is null or known_to > timestamptz '{moment}')
            and not is_brief
    )
    select
        index_code, security_id, ticker, name, 'addition' as direction, valid_from as change_date,
        null::date as last_seen_before, first_seen as first_seen_after
    from known where is_point_in_time
    union all
    select
        index_code, security_id, ticker, name, 'deletion', valid_to, last_seen, null
    from known where valid_to is not null
)"""

# a file stays as it is: what two files show stands from the day both are known
SUMMARIES = """(
    select summary.*
    from {mart_reconstitution_summary} as summary
    inner join {dim_instrument} as fund on summary.index_code = fund.index_code
    where 2 = (
        select count(distinct as_of_date) from {fct_holding} as line
        where line.fund = fund.symbol and line.as_of_date in (summary.before_date, summary.after_date)
            and line.known_at <= timestamptz '{moment}'
    )
)"""

AHEAD = """(
    select
        event_type, event_date, event_id,
        cast((
            select count(*) from {dim_session} as s
            where s.session_date > date '{day}' and s.session_date <= event.event_date
        ) as integer) as sessions_ahead,
        date '{day}' as as_of_session
    from {then} as event
)"""

# what the later states and returns say, cut off at T: a return counts from the session on which it ends
SIGNAL_OUTCOMES = """(
    with followed as (
        select
            state.signal_id, horizon.n as horizon_sessions, coalesce(state.symbol, '^RUT') as symbol,
            state.session_date, coalesce(state.triggered_since = state.session_date, false) as is_new,
            cast(round(outcome.return_px, 12) as decimal(30, 12)) as r
        from {mart_signal} as state
        cross join (select unnest([5, 21, 63]) as n) as horizon
        inner join {mart_return} as outcome
            on outcome.symbol = coalesce(state.symbol, '^RUT') and outcome.base_date = state.session_date
            and outcome.window_code = horizon.n || 'd'
        where outcome.session_date <= date '{day}' and outcome.return_px is not null
    )
    select
        signal_id, horizon_sessions, symbol,
        cast(count(*) filter (is_new) as integer) as triggers,
        cast(count(*) as integer) as sessions,
        min(session_date) filter (is_new) as first_trigger,
        max(session_date) filter (is_new) as last_trigger,
        round(cast(sum(r) filter (is_new) as double) / nullif(count(*) filter (is_new), 0), 12) as mean_return,
        round(cast(sum(r) as double) / count(*), 12) as mean_return_all
    from followed group by all
)"""

RULES = {
    "mart_return": Rule(BY_SESSION),
    "mart_relative_performance": Rule(BY_SESSION),
    "mart_trend": Rule(
        BY_SESSION,
        per_share=("sma_20", "sma_50", "sma_100", "sma_200", "ema_20"),
        shares=("obv", "accumulation_distribution"),
    ),
    "mart_symbol_daily": Rule(
        BY_SESSION, per_share=("close", "sma_20", "sma_50", "sma_100", "sma_200", "ema_20", "high_252d")
    ),
    "mart_volume_quarter": Rule(
        "quarter_start < date_trunc('quarter', date '{day}')",
        then="quarter_start < date_trunc('quarter', date '{day}')",
        shares=("mean_volume",),
        why="the running quarter counts up to T",
    ),
    "mart_risk": Rule(BY_SESSION),
    "mart_leverage": Rule(BY_SESSION),
    "mart_leverage_rebalance": Rule(BY_SESSION),
    "mart_pair": Rule(BY_SESSION),
    "mart_macro_daily": Rule(BY_SESSION),
    "mart_curve_daily": Rule(BY_SESSION),
    "mart_inflation_monthly": Rule(BY_KNOWLEDGE, why="a revision is a row of its own"),
    "mart_signal": Rule(BY_SESSION),
    "mart_signal_outcome": Rule(
        then="sessions > 0",
        now_from=SIGNAL_OUTCOMES,
        columns=(
            *("signal_id", "horizon_sessions", "symbol", "triggers", "sessions", "first_trigger", "last_trigger"),
            *("mean_return", "mean_return_all"),
        ),
        why="each day adds returns that have ended: the later states and returns are counted up to T",
    ),
    "mart_trade_outcome": Rule(
        "first_touched is not null and coalesce(touched_date, horizon_end_date) <= date '{day}'",
        then="first_touched is not null",
        columns=(
            *("position_id", "rule_pair", "horizon_sessions", "symbol", "entry_date", "basis", "stop", "target"),
            *("horizon_end_date", "first_touched", "touched_date", "return_at_exit", "null_reason", "evidence"),
        ),
        why="a row is final once a level was touched or its horizon is over; what keeping the position would have "
        "brought is known at the end of the horizon",
    ),
    "mart_option_daily": Rule(BY_SESSION),
    "mart_option_strike": Rule(BY_SESSION),
    "mart_valuation_gap": Rule("as_of_date <= date '{day}'"),
    "mart_sector_weight": Rule(BY_KNOWLEDGE, why="a holdings file of T comes on the next session"),
    "mart_breadth": Rule(BY_KNOWLEDGE, why="a holdings file of T comes on the next session"),
    "mart_index_contribution": Rule(
        BY_KNOWLEDGE, why="a holdings file of T comes on the next session, and a split counts once a file shows it"
    ),
    "mart_security_daily": Rule(
        BY_KNOWLEDGE,
        columns=(
            *("security_id", "session_date", "return_1d", "return_5d", "return_21d", "return_63d", "return_126d"),
            *("return_252d", "return_ytd", "drawdown_252d", "realised_vol_63_pct", "beta_252", "in_r1000", "in_r2000"),
            *("in_rmicro", "in_sp500", "weight_r2000_pct", "index_code", "known_at"),
        ),
        why="a holdings file of T comes on the next session; levels are shown on the basis after all splits",
    ),
    "mart_index_replication": Rule(BY_KNOWLEDGE, why="a holdings file of T comes on the next session"),
    "mart_reconstitution_effect": Rule(
        BY_KNOWLEDGE,
        then="known_at is not null",
        why="a holdings file of T comes on the next session",
    ),
    "mart_catalyst": Rule(
        now_from=AHEAD,
        columns=("event_type", "event_date", "event_id", "sessions_ahead", "as_of_session"),
        why="what lies ahead of T is no longer ahead: the later calendar counts the sessions of the events of T; the "
        "replay below finds the same events",
    ),
    "mart_etf_flow": Rule(BY_AVAILABILITY, why="shares of T are published on the next session"),
    "mart_fund_flow_agreement": Rule(
        BY_AVAILABILITY, why="an amendment is a row of its own, and a report counts from its acceptance"
    ),
    "mart_source_agreement": Rule(
        "(index_code, as_of_date) in (select (index_code, as_of_date) from {then})",
        columns=("index_code", "as_of_date", "source_a", "source_b", "file_date", "names_a", "names_b", "in_both"),
        why="a row has the report in force, and an amendment of the replay changes no line",
    ),
    "mart_reconstitution_change": Rule(
        now_from=BOUNDARIES,
        columns=(
            *("index_code", "security_id", "ticker", "name", "direction", "change_date"),
            *("last_seen_before", "first_seen_after"),
        ),
        why="later files confirm, close and move what was open: the revisions known at T count",
    ),
    "mart_reconstitution_forecast": Rule(
        "moment <> 'newest' and known_at <= timestamptz '{moment}'",
        then="moment <> 'newest'",
        why="the forecast of the newest evening is replaced by that of the next one",
    ),
    "mart_reconstitution_forecast_score": Rule(
        "moment <> 'newest' and as_of_date <= date '{day}'",
        then="moment <> 'newest'",
        columns=("event_id", "as_of_date", "change_type", "moment"),
        why="what happened is known after the event; the forecasts it judges are compared above",
    ),
    "mart_migration_matrix": Rule(
        "event_id in (select event_id from {then})",
        why="an event has rows once files on both sides of it are known, and a file stays as it is",
    ),
    "mart_reconstitution_summary": Rule(
        now_from=SUMMARIES,
        columns=(
            *("index_code", "event_id", "effective_date", "before_date", "after_date"),
            *("one_way_turnover_pct", "active_share_pct"),
        ),
        why="counts follow the changes; distances stand once the file after the event is known",
    ),
}


def marts(walk: Walk, number: int) -> dict[str, dict]:
    tables = walk.manifest(number)["tables"]
    return {name: table for name, table in tables.items() if name.startswith("mart_")}


def test_every_published_mart_has_a_rule(walk):
    assert set(marts(walk, AGAIN)) == set(RULES)


# marts of what the replay does not serve
EMPTY = frozenset({"mart_option_daily", "mart_option_strike", "mart_reconstitution_forecast"})


def symbols(columns: list[str]) -> list[str]:
    return [c for c in ("symbol", "benchmark_symbol", "underlying") if c in columns]


@pytest.mark.parametrize("table", RULES)
@pytest.mark.parametrize("day", DAYS)
def test_a_release_is_what_a_later_one_says_was_known(walk, day, table):
    number, rule = STEPS.index(day), RULES[table]
    described = marts(walk, number)[table]
    names = [column["name"] for column in described["columns"]]
    assert names == [column["name"] for column in marts(walk, AGAIN)[table]["columns"]]
    columns = list(rule.columns) or names
    places = {name: walk.exported(AGAIN, name) for name in walk.manifest(AGAIN)["tables"]}
    then = walk.exported(number, table)
    fill = {"day": day, "moment": walk.clock(day), "then": then, **places}
    con = duckdb.connect()
    con.execute("set timezone = 'America/New_York'")
    con.execute(
        f"create table splits as select symbol, cast(product(value) as double) as new_per_old "
        f"from {places['fct_corporate_action']} where action_type = 'split' and ex_date > date '{day}' group by symbol"
    )
    listed = ", ".join(columns)
    later = (rule.now_from or places[table]).format(**fill)
    con.execute(f"create table before as select {listed} from {then} where {rule.then}".format(**fill))
    con.execute(f"create table after as select {listed} from {later} where {rule.now}".format(**fill))
    keys = symbols(columns)
    # a row of no symbol, such as a signal on rates, knows no split
    split = " or ".join(f"coalesce({key} in (select symbol from splits), false)" for key in keys) or "false"
    for name in ("before", "after"):
        con.execute(f"create table unsplit_{name} as select * from {name} where not ({split})")
    assert_same(con, "unsplit_before", "unsplit_after")
    if day == DAYS[-1] and table not in EMPTY:
        assert con.execute("select count(*) from before").fetchone() != (0,)
    if keys:
        assert_rebased(con, rule, described["primary_key"], columns, split)


@pytest.mark.parametrize("day", DAYS)
def test_no_catalyst_was_announced_after_its_session(walk, day):
    table = walk.exported(STEPS.index(day), "mart_catalyst")
    announced, early = duckdb.execute(
        f"select count(announced_on), count(*) filter (announced_on > as_of_session) from {table}"
    ).fetchone()
    assert announced > 0
    assert early == 0


def assert_same(con: duckdb.DuckDBPyConnection, left: str, right: str) -> None:
    """The same rows as often; sums of row hashes tell fast, and rows are shown only where they differ."""
    first, second = (con.execute(f"select count(*), sum(hash(r)) from {n} as r").fetchone() for n in (left, right))
    if first == second:
        return
    for one, other in ((left, right), (right, left)):
        rows = con.execute(f"select * from {one} except all select * from {other} limit 20").df()
        assert rows.empty, f"in {one} only:\n{rows.to_string()}"
    pytest.fail("rows differ that compare as equal")


def assert_rebased(con, rule: Rule, primary_key: list[str], columns: list[str], split: str) -> None:
    """Rows of split symbols: the same keys, numbers within the rounding of prices, everything else the same."""
    on = " and ".join(f"b.{key} is not distinct from a.{key}" for key in primary_key)
    both = con.execute(
        f"select count(*), count(b.{primary_key[0]}), count(a.{primary_key[0]}) "
        f"from (select * from before where {split}) as b full join (select * from after where {split}) as a on {on}"
    ).fetchone()
    assert both[0] == both[1] == both[2], both
    kinds = dict(
        con.execute("select column_name, data_type from duckdb_columns() where table_name = 'before'").fetchall()
    )
    ratio = "coalesce(new_per_old, 1)"
    for column in columns:
        factor, rounding = "1", "0"
        if column in rule.per_share:
            factor = ratio
        elif column in rule.shares:
            # volumes are whole shares of the newest basis, and sums gather what each session rounds
            factor, rounding = f"1 / {ratio}", f"0.5 / {ratio} * {both[0]}"
        same = f"b.{column} is not distinct from a.{column}"
        if kinds[column] in ("DOUBLE", "BIGINT"):
            near = f"abs(b.{column} - a.{column} * {factor}) <= 2e-4 * (1 + abs(b.{column})) + {rounding}"
            same = f"coalesce({near}, b.{column} is null and a.{column} is null)"
        wrong = con.execute(
            f"select b.*, a.{column} as later from before as b inner join after as a on {on} "
            f"left join splits on b.{symbols(columns)[0]} = splits.symbol where not ({same}) limit 20"
        ).df()
        assert wrong.empty, f"{column}:\n{wrong.to_string()}"


@pytest.mark.parametrize(
    ("macro", "table", "rounded"),
    [
        ("price_known_at", "fct_price_daily", "total_return_index"),
        ("macro_known_at", "fct_macro_observation", ""),
        ("flow_known_at", "mart_etf_flow", ""),
        ("membership_known_at", "fct_index_membership", ""),
    ],
)
@pytest.mark.parametrize("day", DAYS)
def test_the_last_database_shows_a_table_as_it_was_then(walk, day, macro, table, rounded):
    then = walk.exported(STEPS.index(day), table)
    newest = "true"
    if table == "fct_macro_observation":
        newest = "realtime_end = date '9999-12-31'"
    with duckdb.connect(str(walk.served), read_only=True) as con:
        con.execute("set timezone = 'America/New_York'")
        names = [row[0] for row in con.execute(f"describe {table}").fetchall() if row[0] != rounded]
        listed = ", ".join(names)
        con.execute(f"create temp table known as select {listed} from {macro}('{walk.clock(day)}')")
        con.execute(f"create temp table before as select {listed} from {then} where {newest}")
        assert_same(con, "before", "known")


def test_a_replay_of_the_past_publishes_what_was_published_then(walk, tmp_path):
    """The directory as it stands at the end, run again with the clock of an earlier step, gives that step's release."""
    day = "2025-12-18"
    replayed = Walk(tmp_path, walk.url, walk.extra)
    shutil.copytree(walk.data / "raw", replayed.data / "raw")
    replayed.run(day)
    replayed.releases = [(replayed.data / "exports" / "latest").readlink().name]
    then, now = (manifest["tables"] for manifest in (walk.manifest(STEPS.index(day)), replayed.manifest(0)))
    assert set(then) == set(now)
    # byte for byte; dim_release names the code as well, which may have been edited since
    changed = [name for name in then if then[name]["sha256"] != now[name]["sha256"]]
    assert set(changed) <= {"dim_release"}
