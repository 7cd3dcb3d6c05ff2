"""Which lines are one security: each rule by hand, and what must hold for any input."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.securities import Decision, File, Identity, Override, Sighting, resolve
from orchestration.securities.names import name_score, plain_name

DAYS = [dt.date(2025, 6, 2) + dt.timedelta(days=n) for n in range(40)]
FILES = [File(fund, day, 1.0) for fund in ("IWM", "IWC") for day in DAYS]


def seen(
    first: int,
    last: int,
    *,
    fund: str = "IWM",
    shares: float | tuple[float, float] | None = None,
    price: float | tuple[float, float] = 10.0,
    weight: float | None = 0.1,
) -> Sighting:
    """Held in every daily file from one day to another."""
    begin, end = shares if isinstance(shares, tuple) else (shares, shares)
    opening, closing = price if isinstance(price, tuple) else (price, price)
    priced = shares is not None
    return Sighting(
        fund,
        DAYS[first],
        DAYS[last],
        ((first, last),),
        weight,
        weight,
        DAYS[first] if priced else None,
        begin,
        opening if priced else None,
        DAYS[last] if priced else None,
        end,
        closing if priced else None,
    )


def line(ticker: str, name: str, *sightings: Sighting, **ids: str) -> Identity:
    """An identity under the key of its description."""
    return Identity(key_of(ticker, name, ids.get("cusip")), ticker, name, sightings=sightings, **ids)


def key_of(ticker: str, name: str, cusip: str | None) -> str:
    return hashlib.md5(f"{ticker}|{name}|{cusip}".encode(), usedforsecurity=False).hexdigest()


def decide(
    *identities: Identity, files=FILES, overrides=(), classes=None, same_book=(), tickers=()
) -> dict[str, Decision]:
    decisions = resolve(identities, files, overrides, classes or {}, same_book, tickers)
    return {decision.key: decision for decision in decisions}


def together(one: Identity, other: Identity, **arguments) -> Decision | None:
    """The decision about the later one, where both are one security."""
    decisions = decide(one, other, **arguments)
    later = decisions[other.key]
    return later if decisions[one.key].security_id == later.security_id else None


@pytest.mark.parametrize("kind", ["cusip", "isin", "sedol"])
def test_an_equal_identifier_decides_whatever_ticker_and_name_say(kind):
    old = line("AAA", "ALPHA INC", seen(0, 9), **{kind: "123456789"})
    new = replace(line("ZZZ", "OMEGA PLC", seen(10, 20), **{kind: "123456789"}), key="new")
    found = together(old, new)
    assert found is not None
    assert (found.method, found.change, found.confidence) == (kind, "ticker_and_name", "HIGH")
    assert found.linked_to == old.key


def test_an_equal_cusip_holds_even_for_two_lines_of_one_file():
    assert together(
        line("AAA", "ALPHA INC", seen(0, 9), cusip="123456789"),
        line("AAAV", "ALPHA INC WHEN ISSUED", seen(5, 9), cusip="123456789"),
    )


def test_a_reverse_split_keeps_ticker_and_value_and_changes_the_cusip():
    found = together(
        line("AAA", "ALPHA INC", seen(0, 9, shares=1_000_000, price=0.5), cusip="123456109"),
        line("AAA", "ALPHA INC", seen(10, 20, shares=50_000, price=9.8), cusip="123456208"),
    )
    assert found is not None
    assert (found.method, found.change) == ("issuer", "reverse_split")


def test_a_reverse_split_under_a_new_issuer_code_goes_by_ticker_and_name():
    found = together(
        line("AAA", "ALPHA INC", seen(0, 9, shares=1_000_000, price=0.5), cusip="123456109"),
        line("AAA", "ALPHA INC", seen(10, 20, shares=100_000, price=5.0), cusip="999999208"),
    )
    assert found is not None
    assert (found.method, found.change) == ("ticker_name", "reverse_split")


def test_a_forward_split():
    found = together(
        line("AAA", "ALPHA INC", seen(0, 9, shares=10_000, price=900), cusip="123456109"),
        line("AAA", "ALPHA INC", seen(10, 20, shares=40_000, price=230), cusip="123456208"),
    )
    assert found is not None
    assert found.change == "forward_split"


def test_a_reincorporation_changes_the_cusip_and_nothing_else():
    found = together(
        line("AAA", "ALPHA INC", seen(0, 9, shares=10_000), cusip="123456109"),
        line("AAA", "ALPHA HOLDINGS PLC", seen(10, 20, shares=10_000), cusip="G12345102"),
    )
    assert found is not None
    assert found.change == "reissue"


def test_a_ticker_that_another_company_uses_again_is_another_security():
    old = line("AAA", "ALPHA INC", seen(0, 9, shares=10_000, price=50), cusip="123456109")
    new = line("AAA", "OMEGA THERAPEUTICS", seen(12, 20, shares=700, price=14), cusip="987654109")
    decisions = decide(old, new)
    assert decisions[old.key].security_id != decisions[new.key].security_id
    assert decisions[new.key].method == "new"
    assert decisions[new.key].rival == old.key


def test_a_ticker_without_identifiers_is_reused_where_shares_and_price_break():
    old = line("RNA", "AVIDITY BIOSCIENCES INC", seen(0, 9, shares=2_866_786, price=72.65))
    new = line("RNA", "ATRIUM THERAPEUTICS INC", seen(10, 20, shares=288_593, price=12.71))
    assert together(old, new) is None
    assert "no proof that the holding goes on" in decide(old, new)[new.key].rival_reason


def test_a_ticker_that_turns_up_in_another_fund_under_another_name_is_left_to_the_reviewer():
    old = line("AAA", "ALPHA INC", seen(0, 9, fund="IWC"))
    new = line("AAA", "OMEGA THERAPEUTICS", seen(12, 20, fund="IWM"))
    decisions = decide(old, new)
    assert decisions[old.key].security_id != decisions[new.key].security_id
    assert decisions[new.key].rival == old.key


def test_one_ticker_at_one_time_is_one_security_however_two_funds_call_it():
    assert together(
        line("FUBO", "FUBOTV", seen(0, 20, fund="IWC")), line("FUBO", "OMEGA STREAMING INC", seen(5, 15, fund="IWM"))
    )


def test_a_company_that_takes_a_new_name_keeps_its_ticker_and_its_holding():
    found = together(
        line("CIFR", "CIPHER MINING INC", seen(0, 9, shares=8_048_159, price=17.72)),
        line("CIFR", "BITDEER STARS CORP", seen(10, 20, shares=7_675_722, price=16.53)),
    )
    assert found is not None
    assert (found.method, found.change, found.confidence) == ("ticker_continuity", "name", "MEDIUM")


def test_a_ticker_belongs_to_whoever_carried_it_last():
    """SPWR: SunPower Corp, then Complete Solaria, which took the name SunPower Inc later."""
    former = line("SPWR", "SUNPOWER CORP", replace(seen(0, 0), last_seen=DAYS[0] - dt.timedelta(days=1000)))
    former = replace(former, sightings=(replace(former.sightings[0], first_seen=former.sightings[0].last_seen),))
    bought = line("SPWR", "COMPLETE SOLARIA INC", seen(5, 9, weight=0.0))
    renamed = line("SPWR", "SUNPOWER INC", seen(10, 20, weight=0.0))
    decisions = decide(former, bought, renamed)
    assert decisions[bought.key].security_id == decisions[renamed.key].security_id
    assert decisions[former.key].security_id != decisions[renamed.key].security_id


def test_a_new_ticker_under_the_same_name():
    found = together(
        line("CSWI", "CSW INDUSTRIALS INC", seen(0, 9)),
        line("CSW", "CSW INDUSTRIALS INC", seen(10, 20)),
    )
    assert found is not None
    assert (found.method, found.change) == ("name", "ticker")


def test_a_new_ticker_under_the_same_name_in_another_fund():
    """SATS left IWM, ECHO came to IWB."""
    assert together(
        line("SATS", "ECHOSTAR CORP CLASS A", seen(0, 9)),
        line("ECHO", "ECHOSTAR CORP CLASS A", seen(25, 30, fund="IWC")),
    )


def test_the_same_name_much_later_is_not_the_same_company():
    early = line("DELL", "DELL INC", replace(seen(0, 0), first_seen=dt.date(2013, 1, 2), last_seen=dt.date(2013, 6, 3)))
    assert together(early, line("DELX", "DELL INC", seen(1, 9))) is None


def test_share_classes_held_at_one_time_are_never_one_security():
    a = line("GOOGL", "ALPHABET INC CLASS A", seen(0, 20, shares=500), cusip="02079K305")
    c = line("GOOG", "ALPHABET INC CLASS C", seen(0, 20, shares=500), cusip="02079K107")
    assert together(a, c) is None


def test_share_classes_without_a_class_in_the_name_are_told_apart_by_one_file():
    one = line("BATRA", "LIBERTY MEDIA LIBERTY BRAVES CORP", seen(0, 20))
    other = line("BATRK", "LIBERTY MEDIA LIBERTY BRAVES CORP", seen(0, 9))
    third = line("BATRX", "LIBERTY MEDIA LIBERTY BRAVES CORP", seen(10, 20))
    decisions = decide(one, other, third)
    assert decisions[one.key].security_id != decisions[other.key].security_id
    # which of two classes became the third cannot be told by name
    assert len({decision.security_id for decision in decisions.values()}) == 3
    assert decisions[third.key].rival == other.key


def test_one_file_with_both_keeps_apart_what_a_chain_of_links_would_join():
    first = line("AAA", "ALPHA INC", seen(0, 5))
    both = line("AAA", "ALPHA INC NEW ISSUE", seen(6, 20))
    second = line("AAB", "ALPHA INC", seen(6, 9), seen(6, 9, fund="IWC"))
    decisions = decide(first, both, second)
    assert decisions[both.key].security_id != decisions[second.key].security_id


def test_tickers_of_share_classes_with_and_without_separator():
    found = together(
        line("BF.B", "BROWN FORMAN CORP CLASS B", seen(0, 9)),
        line("BFB", "BROWN-FORMAN CORP CLASS B", seen(10, 20)),
        classes={"BFB": "BF-B"},
    )
    assert found is not None
    assert (found.method, found.change) == ("ticker_name", "wording")


def test_class_a_does_not_become_class_b():
    assert together(line("BFA", "BROWN FORMAN CORP", seen(0, 9)), line("BFB", "BROWN FORMAN CORP", seen(10, 20)),
                    classes={"BFA": "BF-A", "BFB": "BF-B"}) is None  # fmt: skip


def test_the_when_issued_ticker_becomes_the_regular_one():
    found = together(
        line("METCV", "RAMACO RESOURCES INC CLASS A", seen(0, 9)),
        line("METC", "RAMACO RESOURCES INC CLASS A", seen(10, 20)),
    )
    assert found is not None
    assert found.method == "name"


def test_equal_shares_prove_a_new_ticker_and_name():
    found = together(
        line("MEG", "MONTROSE ENVIRONMENTAL GRP INC", seen(0, 9, shares=766_345, price=20.90)),
        line("ONT", "ONTERRIS INC", seen(10, 20, shares=783_985, price=22.07)),
        files=[File("IWM", day, 1.023008 if day == DAYS[10] else 1.0) for day in DAYS],
    )
    assert found is not None
    assert (found.method, found.change) == ("shares_continuity", "ticker_and_name")


def test_equal_shares_of_two_candidates_prove_nothing():
    old = line("OLD", "OLD INC", seen(0, 9, shares=100_000))
    one, two = (line(t, f"{t} CORP", seen(10, 20, shares=100_000)) for t in ("ONE", "TWO"))
    decisions = decide(old, one, two)
    assert len({decision.security_id for decision in decisions.values()}) == 3
    assert {decisions[one.key].rival, decisions[two.key].rival} == {old.key}


def test_a_second_fund_decides_between_two_candidates():
    old = line("OLD", "OLD INC", seen(0, 9, shares=100_000), seen(0, 9, fund="IWC", shares=777))
    one = line("ONE", "ONE CORP", seen(10, 20, shares=100_000), seen(10, 20, fund="IWC", shares=777))
    two = line("TWO", "TWO CORP", seen(10, 20, shares=100_000))
    decisions = decide(old, one, two)
    assert decisions[one.key].security_id == decisions[old.key].security_id
    assert decisions[two.key].security_id != decisions[old.key].security_id


def test_a_takeover_for_shares_is_no_rename():
    """GOGL became 0.95 CMBT."""
    old = line("GOGL", "GOLDEN OCEAN GROUP LTD", seen(0, 9, shares=3_113_715, price=7.95))
    new = line("CMBT", "CMB.TECH NV", seen(10, 20, shares=2_958_029, price=8.37))
    assert together(old, new) is None


def test_equal_weights_alone_are_a_hint_for_the_reviewer():
    old = line("LANC", "LANCASTER COLONY CORP", seen(0, 9, weight=0.14))
    new = line("MZTI", "MARZETTI", seen(10, 20, weight=0.14))
    decisions = decide(old, new)
    assert decisions[old.key].security_id != decisions[new.key].security_id
    assert decisions[new.key].rival == old.key
    assert "weights 0.14 and 0.14" in decisions[new.key].rival_reason


def test_a_review_joins_and_keeps_apart():
    old = line("LANC", "LANCASTER COLONY CORP", seen(0, 9))
    new = line("MZTI", "MARZETTI", seen(10, 20))
    same = Override("same", ticker="LANC", other_ticker="MZTI", other_name="MARZETTI")
    found = together(old, new, overrides=[same])
    assert found is not None
    assert found.method == "override"
    retailer = line("BBBY", "BED BATH AND BEYOND INC", seen(0, 9), cusip="075896100")
    other = line("BBBY", "BED BATH AND BEYOND INC", seen(10, 20))
    assert together(retailer, other)
    apart = Override("different", ticker="BBBY", cusip="075896100", other_ticker="BBBY")
    assert together(retailer, other, overrides=[apart]) is None
    assert decide(retailer, other, overrides=[apart])[other.key].rival is None


def test_a_line_that_comes_back_is_no_successor():
    """ETWO and SEAT traded places for a day."""
    steady = line("SEAT", "VIVID SEATS INC CLASS A", replace(seen(0, 20), nodes=((0, 9), (11, 20))))
    glitch = line("ETWO", "E2OPEN PARENT HOLDINGS INC CLASS A", seen(10, 10))
    assert together(steady, glitch) is None


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ("CSW INDUSTRIALS INC", "CSW INDUSTRIALS, INC.", 100, 100),
        ("ARDENT HEALTH PARTNERS INC", "ARDENT HEALTH INC", 100, 100),
        # one cut at 34 characters, the other spelled in full
        ("APPLIED INDUSTRIAL TECHNOLOGIES IN", "APPLIED INDUSTRIAL TECHNOLOGIES INC", 100, 100),
        ("KRATOS DEFENSE AND SECURITY SOLUTI", "KRATOS DEFENSE & SECURITY SOLUTIONS", 100, 100),
        ("AMC NETWORKS CLASS A INC", "AMC NETWORKS INC CLASS A", 100, 100),
        ("INTER PARFUMS INC", "INTERPARFUMS INC", 90, 99),
        ("AVIDITY BIOSCIENCES INC", "ATRIUM THERAPEUTICS INC", 0, 60),
        ("FIRST BANCORP", "FIRST BANCSHARES INC", 0, 84),
        ("", "ALPHA INC", 0, 0),
        ("-", "-", 0, 0),
    ],
)
def test_names_are_compared_without_form_class_and_cut(one, other, low, high):
    assert low <= name_score(one, other) <= high
    assert name_score(one, other) == name_score(other, one)


def test_a_name_made_of_legal_forms_only_stays_a_name():
    assert plain_name("THE CO INC") == "THE CO INC"


def test_an_empty_warehouse_has_no_securities():
    assert resolve([]) == []


def test_the_id_stays_as_history_grows_forward():
    old = line("CSWI", "CSW INDUSTRIALS INC", seen(0, 9))
    new = line("CSW", "CSW INDUSTRIALS INC", seen(10, 20))
    later = line("CSX", "CSW INDUSTRIALS INC", seen(21, 30))
    ids = [
        {d.security_id for d in resolve(known, FILES)} for known in ([old], [old, new], [old, new, later])
    ]  # fmt: skip
    assert ids[0] == ids[1] == ids[2]
    assert len(ids[0]) == 1


# A small market: few tickers and names, so that collisions of every kind happen.
TICKERS = ["AAA", "AAB", "BF.B", "BFB", "CCC"]
NAMES = ["ALPHA INC", "ALPHA CORP CLASS A", "ALPHA CORP CLASS B", "OMEGA HOLDINGS PLC", "ZETA THERAPEUTICS INC"]
CUSIPS = [None, None, "111111109", "111111208", "222222109"]


@st.composite
def markets(draw) -> list[Identity]:
    """Descriptions with one to two funds' sightings."""
    described = draw(
        st.lists(
            st.tuples(st.sampled_from(TICKERS), st.sampled_from(NAMES), st.sampled_from(CUSIPS)),
            min_size=1, max_size=9, unique=True,
        )
    )  # fmt: skip
    found = []
    for ticker, name, cusip in described:
        sightings = []
        for fund in draw(st.sampled_from([("IWM",), ("IWC",), ("IWM", "IWC")])):
            first = draw(st.integers(0, 30))
            last = draw(st.integers(first, min(first + 15, 39)))
            shares = draw(st.sampled_from([None, 1000.0, 1010.0, 100.0]))
            price = draw(st.sampled_from([1.0, 10.0, 10.5]))
            sightings.append(seen(first, last, fund=fund, shares=shares, price=price))
        found.append(Identity(key_of(ticker, name, cusip), ticker, name, cusip, sightings=tuple(sightings)))
    return found


@settings(max_examples=200, deadline=None)
@given(markets(), st.randoms(use_true_random=False), st.data())
def test_order_and_repetition_of_rows_change_nothing(market, shuffler: random.Random, data):
    expected = resolve(market, FILES)
    shuffled = [
        replace(identity, sightings=tuple(shuffler.sample(identity.sightings, len(identity.sightings))))
        for identity in market
    ]
    repeated = shuffled + data.draw(st.lists(st.sampled_from(shuffled), max_size=4))
    shuffler.shuffle(repeated)
    files = shuffler.sample(FILES, len(FILES)) + FILES[:5]
    assert resolve(repeated, files) == expected


@settings(max_examples=200, deadline=None)
@given(markets())
def test_every_identity_gets_one_decision_and_a_way_back_to_the_first(market):
    decisions = {decision.key: decision for decision in resolve(market, FILES)}
    assert decisions.keys() == {identity.key for identity in market}
    first_seen = {identity.key: identity.first_seen for identity in market}
    for decision in decisions.values():
        steps, key = 0, decision.key
        while decisions[key].linked_to is not None:
            key, steps = decisions[key].linked_to, steps + 1
            assert steps <= len(market)
        assert decision.security_id == decisions[key].security_id == "S" + key[:12]
        assert first_seen[key] == min(first_seen[k] for k in decisions if decisions[k].security_id == "S" + key[:12])


@settings(max_examples=200, deadline=None)
@given(markets())
def test_lines_of_one_file_are_one_security_only_by_cusip(market):
    decisions = {decision.key: decision for decision in resolve(market, FILES)}
    for one in market:
        for other in market:
            if one.key >= other.key or decisions[one.key].security_id != decisions[other.key].security_id:
                continue
            theirs = {sighting.fund: sighting.nodes[0] for sighting in other.sightings}
            overlap = any(
                s.fund in theirs and s.nodes[0][0] <= theirs[s.fund][1] and theirs[s.fund][0] <= s.nodes[0][1]
                for s in one.sightings
            )
            if overlap:
                members = [d for d in decisions.values() if d.security_id == decisions[one.key].security_id]
                assert any(decision.method == "cusip" for decision in members)


def test_fifty_thousand_identities_take_seconds():
    draws = random.Random(7)  # noqa: S311
    words = ["".join(draws.choices("ABCDEFGHILMNOPRSTUV", k=draws.randint(4, 9))) for _ in range(4000)]
    trades = ["THERAPEUTICS", "BANCORP", "ENERGY", "SYSTEMS", "FINANCIAL", "HOLDINGS", "FIRST"]
    dates = [dt.date(2006, 1, 2) + dt.timedelta(days=7 * n) for n in range(1040)]
    market = []
    for n in range(50_000):
        first = draws.randrange(1030)
        last = min(first + draws.randrange(200), 1039)
        ticker = "".join(draws.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=4))
        name = f"{draws.choice(words)} {draws.choice(words)} {draws.choice(trades)} INC"
        shares, price = draws.uniform(1e3, 1e7), draws.uniform(1, 500)
        sighting = Sighting(
            draws.choice(["IWM", "IWB", "IWV", "IWC"]), dates[first], dates[last], ((first, last),), 0.1, 0.1,
            dates[first], shares, price, dates[last], shares, price,
        )  # fmt: skip
        market.append(Identity(f"{n:012d}", ticker, name, sightings=(sighting,)))
    files = [File(fund, day, 1.0) for fund in ("IWM", "IWB", "IWV", "IWC") for day in dates]
    start = time.perf_counter()
    decisions = resolve(market, files)
    assert len(decisions) == 50_000
    assert time.perf_counter() - start < 60
