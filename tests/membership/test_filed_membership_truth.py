"""Membership and reconstitutions from reports to the SEC alone, against the market they were made of: seven years."""

from __future__ import annotations

import datetime as dt

import duckdb
import pytest

from orchestration.sandbox.companies import company_history
from orchestration.sandbox.prehistory import prehistory
from orchestration.sandbox.streams import DEFAULT_SEED as SEED
from orchestration.sandbox.timeline import timeline
from orchestration.sandbox.truth import members
from tests.conftest import SandboxDirectory

LAST = dt.date(2026, 11, 20)
# the Microcap fund holds a sample: what it shows can be judged, what it does not show cannot
FUNDS = {"R1000": "IWB", "R2000": "IWM", "R3000": "IWV", "SP500": "IVV", "RMICRO": "IWC"}
SAMPLED = {"RMICRO"}


@pytest.fixture(scope="module")
def con(tmp_path_factory):
    """The build database of seven years of reports and half a year of the sponsor's files."""
    directory = SandboxDirectory(tmp_path_factory.mktemp("filed"), start="2019-06-03", filings_start="2019-09-30")
    # membership needs no prices, and seven years of them are most of a build
    directory.run(f"{LAST}", SMALLCAP_VENDORS="blackrock,sec")
    with duckdb.connect(str(directory.data / "build" / "warehouse.duckdb"), read_only=True) as connection:
        connection.execute("set TimeZone = 'America/New_York'")
        yield connection


@pytest.fixture(scope="module")
def security_of(con) -> dict[str, str]:
    """Security by CUSIP, in reports that name it or its ISIN, and in the sponsor's files."""
    shown = con.execute(
        """
        select distinct coalesce(cusip, isin[3:11]), security_id
        from (
            select cusip, isin, security_id from intermediate.int_filed_holding
            union all
            select cusip, isin, security_id from fct_holding
        )
        where security_id is not null
        """
    ).fetchall()
    found = dict(shown)
    assert len(found) == len(shown), "one CUSIP, two securities"
    return found


def true_members(security_of: dict[str, str], index_code: str, day: dt.date) -> set[str]:
    return {security_of.get(cusip, cusip) for cusip in members(SEED, index_code, day)}


@pytest.mark.parametrize("index_code", FUNDS)
def test_members_at_every_quarter_end(con, security_of, index_code):
    books = con.execute(
        """
        select distinct as_of_date, next_session
        from intermediate.int_filed_holding
        inner join dim_session on as_of_date = session_date
        where fund = $1
        """,
        [FUNDS[index_code]],
    ).fetchall()
    assert len(books) >= 28
    common = shown = true = 0
    for book, next_session in books:
        found = {
            security
            for (security,) in con.execute(
                """
                select security_id
                from fct_index_membership_by_source
                where
                    source = 'sec' and index_code = $1 and not is_brief
                    and valid_from <= $2 and coalesce(valid_to > $2, true)
                """,
                [index_code, next_session],
            ).fetchall()
        }
        wanted = true_members(security_of, index_code, book)
        common, shown, true = common + len(found & wanted), shown + len(found), true + len(wanted)
    assert common / shown >= 0.995
    if index_code not in SAMPLED:
        assert common / true >= 0.995


def test_a_ticker_that_is_inferred_is_one_the_share_had(con, security_of):
    rows = con.execute(
        "select security_id, ticker, is_ticker_inferred from fct_index_membership_by_source where source = 'sec'"
    ).fetchall()
    assert {is_inferred for *_, is_inferred in rows} == {True, None}
    assert sum(ticker is not None for _, ticker, _ in rows) / len(rows) > 0.99
    had: dict[str, set[str]] = {}
    for item in (*prehistory(SEED).identities, *company_history(SEED, timeline().at(LAST)).identities):
        had.setdefault(security_of.get(item.cusip, item.cusip), set()).add(item.ticker)
    assert [(security, ticker) for security, ticker, _ in rows if ticker and ticker not in had[security]] == []


def true_changes(
    security_of: dict[str, str], index_code: str, thursday: dt.date, friday: dt.date
) -> set[tuple[str, str]]:
    before, after = (true_members(security_of, index_code, day) for day in (thursday, friday))
    return {(name, "addition") for name in after - before} | {(name, "deletion") for name in before - after}


@pytest.fixture(scope="module")
def events(con) -> list[tuple[str, dt.date, dt.date]]:
    """Reconstitutions with both reports; the report after that of June 2026 is filed later than the newest session."""
    found = con.execute(
        """
        select event_id, previous_session, event_date
        from fct_market_event
        inner join dim_session on event_date = session_date
        where event_type = 'RUSSELL_RECONSTITUTION' and event_date between date '2020-01-01' and date '2025-12-31'
        """
    ).fetchall()
    assert len(found) == 6
    return found


@pytest.mark.parametrize("index_code", ["R1000", "R2000", "R3000"])
def test_changes_at_every_reconstitution(con, security_of, events, index_code):
    """A company that left a quarter's book may have been bought before the Friday: such a row says it does not know."""
    true = found = shown = claimed = claimed_rightly = 0
    for event, thursday, friday in events:
        wanted = true_changes(security_of, index_code, thursday, friday)
        rows = con.execute(
            """
            select security_id, direction, change_type not like '%UNKNOWN'
            from intermediate.int_filed_reconstitution_change
            where index_code = $1 and event_id = $2
            """,
            [index_code, event],
        ).fetchall()
        true, found = true + len(wanted), found + len(wanted & {(name, direction) for name, direction, _ in rows})
        shown += len(rows)
        claims = {(name, direction) for name, direction, is_claimed in rows if is_claimed}
        claimed, claimed_rightly = claimed + len(claims), claimed_rightly + len(claims & wanted)
    assert claimed > true / 2
    assert claimed_rightly / claimed >= 0.97
    # with the rows that say they do not know
    assert found / shown >= 0.96
    assert found / true >= 0.97


@pytest.mark.parametrize(
    ("change_type", "joined", "left"),
    [("MIGRATE_UP_TO_R1000", "R1000", "R2000"), ("MIGRATE_DOWN_FROM_R1000", "R2000", "R1000")],
)
def test_migrations_between_the_tiers(con, security_of, events, change_type, joined, left):
    true = found = common = 0
    for event, thursday, friday in events:
        in_one, in_other = (true_changes(security_of, index, thursday, friday) for index in (joined, left))
        wanted = {name for name, way in in_one if way == "addition" and (name, "deletion") in in_other}
        shown = {
            name
            for (name,) in con.execute(
                """
                select security_id
                from intermediate.int_filed_reconstitution_change
                where index_code = 'R2000' and event_id = $1 and change_type = $2
                """,
                [event, change_type],
            ).fetchall()
        }
        true, found, common = true + len(wanted), found + len(shown), common + len(wanted & shown)
    assert true > 100
    assert min(common / found, common / true) >= 0.97


def test_june_2024_is_in_the_report_of_september(con):
    """Its reconstitution traded on the quarter's last session: the report of June shows the book before it."""
    shown = con.execute(
        """
        select distinct first_seen_after
        from intermediate.int_filed_reconstitution_change
        where event_id = 'RUSSELL-2024-06' and direction = 'addition'
        """
    ).fetchall()
    assert shown == [(dt.date(2024, 9, 27),)]
    [(accepted,)] = con.execute(
        """
        select min(cast(available_at as date))
        from fct_fund_filing
        where fund = 'IWM' and book_date >= date '2024-09-27'
        """
    ).fetchall()
    assert dt.date(2024, 11, 20) < accepted < dt.date(2024, 12, 10)


def test_boundaries_name_their_sources(con):
    """Before the sponsor's first file reports alone tell; among its daily files they tell nothing."""
    sources = con.execute(
        "select distinct entry_source from fct_index_membership where first_seen < date '2026-05-01'"
    ).fetchall()
    assert sources == [("sec",)]
    between = con.execute(
        """
        select count(*), count(*) filter (entry_source = 'blackrock'), count(*) filter (confidence = 'HIGH')
        from fct_index_membership
        where index_code = 'R2000' and valid_from = date '2026-06-29'
        """
    ).fetchone()
    assert between[0] == between[1] > 100
    assert between[2] > 0.95 * between[0]
