"""Membership and reconstitutions from reports to the SEC alone, against the market they were made of: seven years."""

from __future__ import annotations

import datetime as dt

import duckdb
import pytest

from orchestration.sandbox.streams import DEFAULT_SEED as SEED
from orchestration.sandbox.truth import members

# the Microcap fund holds a sample: what it shows can be judged, what it does not show cannot
FUNDS = {"R1000": "IWB", "R2000": "IWM", "R3000": "IWV", "SP500": "IVV", "RMICRO": "IWC"}
SAMPLED = {"RMICRO"}


@pytest.fixture(scope="module")
def con(sandbox_release):
    with duckdb.connect(str(sandbox_release.data / "build" / "warehouse.duckdb"), read_only=True) as connection:
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


@pytest.mark.parametrize("index_code", ["R1000", "R2000", "R3000"])
def test_changes_at_every_reconstitution(con, security_of, index_code):
    """What joined and left at each Friday, deletions found by absence or by what the fund had sold."""
    events = con.execute(
        """
        select event_id, event_date, previous_session
        from fct_market_event
        inner join dim_session on event_date = session_date
        where event_type = 'RUSSELL_RECONSTITUTION' and event_date between date '2020-01-01' and date '2026-06-30'
        """
    ).fetchall()
    assert len(events) == 7
    common = shown = true = 0
    for event, friday, thursday in events:
        before, after = (true_members(security_of, index_code, day) for day in (thursday, friday))
        wanted = {(name, "addition") for name in after - before} | {(name, "deletion") for name in before - after}
        found = set(
            con.execute(
                """
                select security_id, direction
                from intermediate.int_filed_reconstitution_change
                where index_code = $1 and event_id = $2 and change_type <> 'DELETE_ACQUIRED_OR_DELISTED'
                """,
                [index_code, event],
            ).fetchall()
        )
        print(index_code, event, len(wanted), len(found), len(wanted & found), sorted(d for _, d in wanted - found).count("deletion"), sorted(d for _, d in found - wanted).count("deletion"))
        common, shown, true = common + len(found & wanted), shown + len(found), true + len(wanted)
    assert common / shown >= 0.97
    assert common / true >= 0.97
