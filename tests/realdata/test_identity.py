"""Real files, most without identifiers: who was renamed, who was not, and what is no constituent."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def securities(walk) -> dict[tuple[str, str], set[str]]:
    """Securities by ticker and name, upper case."""
    rows = walk.sql(
        "select distinct upper(ticker) as ticker, upper(name) as name, security_id from fct_holding "
        "where is_constituent order by all"
    )
    found: dict[tuple[str, str], set[str]] = {}
    for row in rows.itertuples():
        found.setdefault((row.ticker, row.name), set()).add(row.security_id)
    return found


RENAMES = [
    # a new ticker under the same name
    (("CSWI", "CSW INDUSTRIALS INC"), ("CSW", "CSW INDUSTRIALS INC"), "2025-06-06", "name"),
    (("FWAC", "MOBILE INFRASTRUCTURE CORP"), ("BEEP", "MOBILE INFRASTRUCTURE CORP"), "2025-07-01", "name"),
    (("KIND", "NEXTDOOR HOLDINGS INC CLASS A"), ("NXDR", "NEXTDOOR HOLDINGS INC CLASS A"), "2025-07-21", "name"),
    (("BIGC", "BIGCOMMERCE HOLDINGS INC SERIES"), ("CMRC", "BIGCOMMERCE HOLDINGS INC SERIES"), "2025-08-01", "name"),
    (("PCSHD", "AEBI SCHMIDT HOLDING AG"), ("AEBI", "AEBI SCHMIDT HOLDING AG"), "2025-07-07", "name"),
    (("METCV", "RAMACO RESOURCES INC CLASS A"), ("METC", "RAMACO RESOURCES INC CLASS A"), "2025-06-04", "name"),
    (("SATS", "ECHOSTAR CORP CLASS A"), ("ECHO", "ECHOSTAR CORP CLASS A"), "2026-07-17", "name"),
    (("KAR", "OPENLANE INC"), ("OPLN", "OPENLANE INC"), "2026-01-21", "name"),
    (("VSCO", "VICTORIA S SECRET"), ("VSXY", "VICTORIA S SECRET"), "2026-07-17", "name"),
    # ticker and name, by an equal number of shares
    (("MEG", "MONTROSE ENVIRONMENTAL GRP INC"), ("ONT", "ONTERRIS INC"), "2026-05-05", "shares_continuity"),
    # a new name under the same ticker
    (("NWPX", "NORTHWEST PIPE INC"), ("NWPX", "NWPX INFRASTRUCTURE INC"), "2025-06-26", "ticker_continuity"),
    (("CHRS", "COHERUS BIOSCIENCES INC"), ("CHRS", "COHERUS ONCOLOGY INC"), "2025-06-04", "ticker_continuity"),
    (("SPWR", "COMPLETE SOLARIA INC"), ("SPWR", "SUNPOWER INC"), "2025-11-05", "ticker_continuity"),
    (("NXT", "NEXTRACKER INC CLASS A"), ("NXT", "NEXTPOWER INC CLASS A"), "2026-01-21", "ticker_continuity"),
    # reviewed by hand: the files had tickers, names and weights only
    (("LANC", "LANCASTER COLONY CORP"), ("MZTI", "MARZETTI"), "2025-07-01", "override"),
    (("IGT", "INTERNATIONAL GAME TECHNOLOGY PLC"), ("BRSL", "BRIGHTSTAR LOTTERY PLC"), "2025-07-02", "override"),
    (("SHYF", "SHYFT GROUP INC"), ("PCSHD", "AEBI SCHMIDT HOLDING AG"), "2025-07-02", "override"),
    (("BYON", "BEYOND INC"), ("BBBY", "BED BATH AND BEYOND INC"), "2025-09-26", "override"),
]


@pytest.mark.parametrize(("old", "new", "day", "method"), RENAMES, ids=[f"{r[0][0]}-{r[1][0]}" for r in RENAMES])
def test_a_rename_is_one_security(walk, securities, old, new, day, method):
    shared = securities[old] & securities[new]
    assert len(shared) == 1
    kind, value = ("ticker", new[0]) if old[0] != new[0] else ("name", new[1])
    rows = walk.sql(
        f"select * from dim_security_identifier where security_id = '{shared.pop()}' and id_type = '{kind}' "
        "order by valid_from"
    )
    row = rows[(rows["id_value"] == value) & (rows["valid_from"] == day)].iloc[0]
    assert row["method"] == method
    before = rows[rows["valid_to"] == day].iloc[0]
    assert before["id_value"] == (old[0] if kind == "ticker" else old[1])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (("SPWR", "SUNPOWER CORP"), ("SPWR", "COMPLETE SOLARIA INC")),
        (("SPWR", "SUNPOWER CORP"), ("SPWR", "SUNPOWER INC")),
        (("RNA", "AVIDITY BIOSCIENCES INC"), ("RNA", "ATRIUM THERAPEUTICS INC")),
        (("ECHO", "ECHO GLOBAL LOGISTICS INC"), ("ECHO", "ECHOSTAR CORP CLASS A")),
        (("RDUS", "RADIUS HEALTH INC"), ("RDUS", "RADIUS RECYCLING INC CLASS A")),
        (("CNR", "CORNERSTONE BUILDING BRANDS INC"), ("CNR", "CORE NATURAL RESOURCES INC")),
        (("SAIL", "SAILPOINT TECHNOLOGIES HOLDINGS IN"), ("SAIL", "SAILPOINT INC")),
        (("BHVN", "BIOHAVEN PHARMACEUTICAL HOLDING CO"), ("BHVN", "BIOHAVEN LTD")),
        # a takeover for shares
        (("GOGL", "GOLDEN OCEAN GROUP LTD"), ("CMBT", "CMB.TECH NV")),
        # share classes
        (("METCB", "RAMACO RESOURCES INC CLASS B"), ("METC", "RAMACO RESOURCES INC CLASS A")),
        (("BATRA", "ATLANTA BRAVES HOLDINGS INC SERIES"), ("BATRK", "ATLANTA BRAVES HOLDINGS INC SERIES")),
        (("GOOGL", "ALPHABET INC CLASS A"), ("GOOG", "ALPHABET INC CLASS C")),
        # one line vanished and another came back on the same day
        (("SEAT", "VIVID SEATS INC CLASS A"), ("ETWO", "E2OPEN PARENT HOLDINGS INC CLASS A")),
    ],
    ids=lambda line: line[0],
)
def test_different_securities_stay_apart(securities, old, new):
    assert securities[old].isdisjoint(securities[new])


def test_the_two_companies_called_bed_bath_and_beyond_are_two(walk):
    days = walk.sql(
        "select security_id, min(as_of_date) as day from fct_holding "
        "where ticker = 'BBBY' and is_constituent group by 1"
    )
    assert sorted(str(day.date()) for day in days["day"]) == ["2021-01-26", "2025-09-26"]


def test_a_file_never_shows_one_security_twice(walk):
    twice = walk.sql(
        "select fund, as_of_date, security_id, string_agg(ticker, ' ' order by ticker) as tickers from fct_holding "
        "where is_constituent group by all having count(*) > 1 and count(distinct upper(ticker) || upper(name)) > 1"
    )
    assert len(twice) == 0


def test_every_security_of_a_usable_file_is_described(walk):
    assert walk.sql(
        "select count(*) as n from fct_index_membership m left join dim_security s using (security_id) "
        "left join dim_security_identifier i on i.security_id = m.security_id and i.id_type = 'ticker' "
        "and i.valid_from <= m.first_seen and coalesce(i.valid_to > m.first_seen, true) "
        "where s.security_id is null or (i.id_value is null and m.entry_source like '%blackrock')"
    )["n"][0] == 0  # fmt: skip


def test_no_membership_ends_or_begins_with_a_rename(walk):
    """Of the renames between two daily files of IWM."""
    for ticker, day in (("CSW", "2025-06-06"), ("NXDR", "2025-07-21"), ("CMRC", "2025-08-01"), ("MZTI", "2025-07-01")):
        row = walk.sql(
            "select m.valid_from, m.valid_to from fct_index_membership m join dim_security s using (security_id) "
            f"where m.index_code = 'R2000' and s.ticker = '{ticker}'"
        )
        assert len(row) == 1
        assert str(row["valid_from"][0].date()) < day


@pytest.mark.parametrize(
    ("key", "words"),
    [("CMBT", None), ("RNA", "AVIDITY BIOSCIENCES INC"), ("RILY", "B RILEY FINANCIAL INC"), ("MZTI", None)],
)
def test_near_misses_are_shown_to_a_reviewer_until_decided(walk, key, words):
    issues = walk.sql(
        f"select detail, resolution from data_quality_issue where rule = 'ambiguous_identity' and key = '{key}'"
    )
    assert len(issues) == (1 if words else 0)
    if words:
        assert words in issues["detail"][0]
        assert "security_override" in issues["resolution"][0]


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("ticker = 'JPM' and fund = 'IWM'", "cash_line"),
        ("ticker = 'GS' and fund = 'IWM'", "cash_line"),
        ("ticker in ('USD', 'XTSLA', 'MSFUT', 'SGAFT', 'ETD_USD', 'CAD')", "cash_line"),
        ("ticker = 'INH'", "contingent_value_right"),
        ("ticker = 'AKE'", "contingent_value_right"),
        ("ticker = 'GTXI'", "contingent_value_right"),
        ("ticker = 'ADRO' and name ilike '%CVR'", "contingent_value_right"),
        ("ticker = 'ADRO' and name not ilike '%CVR'", "stub_chinook"),
        ("ticker = 'PDLI'", "stub_pdl"),
        ("ticker = 'P5N994'", "escrow"),
        ("ticker = 'WLLBW'", "warrant"),
        ("ticker = 'MPTI RT'", "right"),
        ("name like '% EMINI %'", "future_name"),
    ],
)
def test_a_line_that_is_no_constituent_is_left_out_by_its_rule(walk, condition, reason):
    rows = walk.sql(f"select distinct excluded_reason, is_constituent from fct_holding where {condition}")
    assert rows.to_numpy().tolist() == [[reason, False]]


@pytest.mark.parametrize("ticker", ["CVI", "CVRX", "FFAI", "GS", "JPM", "MOGA", "UHALB"])
def test_a_company_whose_name_or_ticker_looks_like_one_stays(walk, ticker):
    rows = walk.sql(
        f"select count(*) as n from fct_holding where ticker = '{ticker}' and is_constituent "
        "and name not ilike '%collateral%'"
    )
    assert rows["n"][0] > 0


def test_the_catch_of_every_rule_is_counted(walk):
    issues = walk.sql("select rule, detail from data_quality_issue where key = 'IWM' and rule like 'line_%'")
    lines = walk.sql("select 'line_' || excluded_reason as rule, count(*) as n from fct_holding "
                     "where fund = 'IWM' and not is_constituent group by 1")  # fmt: skip
    counted = {row.rule: int(row.detail.split(" ")[0]) for row in issues.itertuples()}
    assert counted == dict(zip(lines["rule"], lines["n"], strict=True))
