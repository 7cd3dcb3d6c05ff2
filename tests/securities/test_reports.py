"""Lines of reports to the SEC, which name no ticker: which security of the sponsor's files they are."""

from __future__ import annotations

from dataclasses import replace

from orchestration.securities import Identity
from tests.securities.test_security_resolution import decide, line, seen

SPONSOR = line("AAA", "ALPHA INC", seen(0, 20, fund="R2000/blackrock"))


def report(name: str, first: int = 5, last: int = 5, **ids: str) -> Identity:
    return line("", name, seen(first, last, fund="R2000/sec"), **ids)


def decided(*identities: Identity, same_book=()):
    decisions = decide(*identities, same_book=same_book)
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
    sponsor, found = decided(replace(SPONSOR, cusip="111111111"), report("Alpha Inc", cusip="222222222"))
    assert found.security_id != sponsor.security_id


def test_no_ticker_is_not_one_ticker():
    one, other = decided(report("Alpha Inc", 0, 4), report("Alpine Insurance", 5, 9))
    assert one.security_id != other.security_id
