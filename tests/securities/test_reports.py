"""Lines of reports to the SEC, which name no ticker: which security of the sponsor's files they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestration.securities import File, Identity, ReportedTicker
from tests.securities.test_security_resolution import DAYS, decide, line, seen

SPONSOR = line("AAA", "ALPHA INC", seen(0, 20, fund="R2000/blackrock"))


def report(name: str, first: int = 5, last: int = 5, **ids: str) -> Identity:
    return line("", name, seen(first, last, fund="R2000/sec"), **ids)


def decided(*identities: Identity, same_book=(), tickers=()):
    decisions = decide(*identities, same_book=same_book, tickers=tickers)
    return [decisions[item.key] for item in identities]


def test_lines_of_one_book_are_one_security_whatever_they_are_called():
    other = report("Omega, Inc.")
    sponsor, found = decided(SPONSOR, other, same_book={(other.key, SPONSOR.key)})
    assert found.security_id == sponsor.security_id
    # a ticker that was not named is none that changed
    assert (found.method, found.confidence, found.change) == ("same_book", "HIGH", "name")


def test_a_match_of_a_line_that_is_not_read_says_nothing():
    sponsor, found = decided(SPONSOR, report("Omega, Inc."), same_book={("gone", SPONSOR.key)})
    assert found.security_id != sponsor.security_id


def test_the_name_of_a_report_is_that_of_the_one_line_that_has_it():
    sponsor, found = decided(SPONSOR, report("Alpha Corporation (The)"))
    assert found.security_id == sponsor.security_id
    assert (found.method, found.confidence, found.change) == ("report_name", "MEDIUM", "wording")


def inferred(reported: Identity, ticker: str, first: int = 5, last: int = 5) -> ReportedTicker:
    return ReportedTicker(reported.key, ticker, DAYS[first], DAYS[last])


def test_the_ticker_inferred_for_a_report_is_that_of_the_line_named_like_it():
    reported = report("Alpha Industries, Inc.")
    sponsor = replace(SPONSOR, name="ALPHA INDUSTRS INC")
    assert len({decision.security_id for decision in decided(sponsor, reported)}) == 2
    named, found = decided(sponsor, reported, tickers=[inferred(reported, "AAA")])
    assert found.security_id == named.security_id
    assert (found.method, found.confidence) == ("report_ticker", "MEDIUM")


def test_an_inferred_ticker_is_compared_without_separators():
    reported = report("Alpha Industries Inc Class B")
    sponsor = line("AAA.B", "ALPHA INDUSTRS INC CLASS B", seen(0, 20, fund="R2000/blackrock"))
    named, found = decided(sponsor, reported, tickers=[inferred(reported, "AAAB")])
    assert found.security_id == named.security_id


@pytest.mark.parametrize(
    ("sponsor", "reported", "first", "last"),
    [
        # another company
        (SPONSOR, report("Omega Therapeutics, Inc."), 5, 5),
        # the ticker was another's by then, or not yet this one's
        (replace(SPONSOR, name="ALPHA INDUSTRS INC"), report("Alpha Industries, Inc.", 25, 25), 21, 25),
        (
            line("AAA", "ALPHA INDUSTRS INC", seen(6, 20, fund="R2000/blackrock")),
            report("Alpha Industries, Inc."),
            0,
            5,
        ),
        # identifiers, or classes, that contradict
        (
            replace(SPONSOR, name="ALPHA INDUSTRS INC", cusip="111111111"),
            report("Alpha Industries, Inc.", cusip="222222222"),
            5,
            5,
        ),
        (
            replace(SPONSOR, name="ALPHA INDUSTRS INC CLASS A"),
            report("Alpha Industries, Inc. Class B"),
            5,
            5,
        ),
    ],
)
def test_an_inferred_ticker_alone_joins_nothing(sponsor, reported, first, last):
    named, found = decided(sponsor, reported, tickers=[inferred(reported, "AAA", first, last)])
    assert found.security_id != named.security_id


def test_a_ticker_of_a_line_that_is_not_read_says_nothing():
    assert len(decided(SPONSOR, tickers=[ReportedTicker("gone", "AAA", DAYS[0], DAYS[9])])) == 1


def test_a_name_on_two_tickers_names_neither():
    twin = line("AAAB", "ALPHA INC", seen(0, 20, fund="R2000/blackrock"))
    sponsor, other, found = decided(SPONSOR, twin, report("Alpha Inc"))
    assert found.security_id not in (sponsor.security_id, other.security_id)


def test_the_class_tells_which_of_two_lines_of_a_name_is_meant():
    ids = {"A": line("AAA", "ALPHA INC CLASS A", seen(0, 20)), "B": line("AAAB", "ALPHA INC CLASS B", seen(0, 20))}
    one, other, found = decided(*ids.values(), report("Alpha, Inc. Class B"))
    assert (found.security_id, found.method) == (other.security_id, "report_name")
    assert found.security_id != one.security_id


def test_another_cusip_is_another_security():
    for code, other in (
        ({"cusip": "111111111"}, {"cusip": "222222222"}),
        ({"cusip": "111111111"}, {"isin": "US2222222220"}),
        ({"isin": "US1111111110"}, {"isin": "KY2222222220"}),
    ):
        sponsor, found = decided(replace(SPONSOR, **code), report("Alpha Inc", **other))
        assert found.security_id != sponsor.security_id


def test_no_ticker_is_not_one_ticker():
    one, other = decided(report("Alpha Inc", 0, 4), report("Alpine Insurance", 5, 9))
    assert one.security_id != other.security_id


def test_a_reverse_split_of_a_line_without_cusip_is_told_by_its_isin():
    """Reports name foreign shares by ISIN alone, and an American one holds the CUSIP."""
    files = [File("R2000/sec", day) for day in DAYS[:10]]
    old = line("", "Alpha Inc", seen(0, 4, fund="R2000/sec", shares=1_000_000, price=0.5), isin="US1234561090")
    new = line("", "Alpha, Inc.", seen(5, 9, fund="R2000/sec", shares=100_000, price=5.2), isin="US1234562080")
    decisions = decide(old, new, files=files)
    assert decisions[new.key].security_id == decisions[old.key].security_id
    assert (decisions[new.key].method, decisions[new.key].change) == ("issuer", "reverse_split")
    foreign = replace(new, isin="KY1234562080")
    decisions = decide(old, foreign, files=files)
    assert decisions[foreign.key].security_id != decisions[old.key].security_id


def test_a_change_is_told_between_lines_of_the_sponsor_where_a_report_links_them():
    """The report of the new CUSIP is linked first; the sponsor's line is compared with the one before it."""
    files = [File(fund, day) for fund in ("R2000/sec", "R2000/blackrock") for day in DAYS[:20]]
    held = {"shares": 1_000_000, "price": 0.5}, {"shares": 100_000, "price": 5.2}
    old = line("AAA", "ALPHA INC", seen(0, 9, fund="R2000/blackrock", **held[0]), cusip="123456109")
    reported_old = line("", "Alpha Inc", seen(5, 5, fund="R2000/sec", **held[0]), cusip="123456109")
    reported_new = line("", "Alpha Inc", seen(15, 15, fund="R2000/sec", **held[1]), cusip="123456208")
    new = line("AAA", "ALPHA INC", seen(10, 19, fund="R2000/blackrock", **held[1]), cusip="123456208")
    decisions = decide(old, reported_old, replace(reported_new, key="reported"), new, files=files)
    assert len({decision.security_id for decision in decisions.values()}) == 1
    assert decisions[new.key].change == "reverse_split"


def test_a_report_of_a_line_does_not_hide_that_it_changed_ticker_and_name():
    files = [File(fund, day, 1.0) for fund in ("R2000/sec", "R2000/blackrock") for day in DAYS]
    old = line("AAA", "ALPHA INC", seen(0, 9, fund="R2000/blackrock", shares=1234567))
    new = line("ZZZ", "OMEGA CORP", seen(10, 20, fund="R2000/blackrock", shares=1234567, price=10.1))
    reported = line("", "Alpha Inc", seen(5, 5, fund="R2000/sec", shares=1234567))
    decisions = decide(old, new, reported, files=files, same_book={(reported.key, old.key)})
    assert len({decision.security_id for decision in decisions.values()}) == 1
    assert decisions[new.key].method == "shares_continuity"


def test_a_security_keeps_its_id_when_a_report_of_the_past_comes():
    alone = decide(SPONSOR)[SPONSOR.key].security_id
    for first in (0, 5):
        past = report("Alpha Inc", first, first)
        assert decided(SPONSOR, past, same_book={(past.key, SPONSOR.key)})[0].security_id == alone
