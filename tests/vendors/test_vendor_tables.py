from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.lake.contracts import TABLES
from orchestration.vendors.tables import COLUMNS, table, table_of_columns
from orchestration.vendors.text import day, month_first, number, numbers_of, words, words_of


@pytest.mark.parametrize("name", COLUMNS)
def test_tables_fit_the_raw_contracts(name):
    assert list(COLUMNS[name]) == TABLES[name].columns.names
    for frame in (table(name, []), table(name, [{}])):
        stored = pa.Table.from_pandas(frame, schema=TABLES[name].columns, preserve_index=False)
        assert [column.null_count for column in stored.columns] == [len(frame)] * len(COLUMNS[name])


def test_nulls_and_zeros_stay_apart():
    rows = [{"symbol": "X", "volume": None, "close": 1.0}, {"symbol": "X", "volume": 0, "close": None}]
    frame = table("yahoo_bar", rows)
    stored = pa.Table.from_pandas(frame, schema=TABLES["yahoo_bar"].columns, preserve_index=False).to_pydict()
    assert stored["volume"] == [None, 0]
    assert stored["close"] == [1.0, None]


def test_a_stray_column_is_a_defect():
    with pytest.raises(ValueError, match="volumes"):
        table("yahoo_bar", [{"volumes": 1}])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,234.50", 1234.5),
        ("-0.32", -0.32),
        ("(12.5)", -12.5),
        ("$5", 5.0),
        ("0.5%", 0.5),
        ("-", None),
        ("--", None),
        ("", None),
        ("\u00a0", None),
        (None, None),
        (7, 7.0),
        (float("nan"), None),
    ],
)
def test_numbers(text, value):
    assert number(text) == value


@pytest.mark.parametrize("text", ["1.2.3", "abc", "12 shares", True, float("inf"), "1e999"])
def test_not_numbers(text):
    with pytest.raises(ValueError, match="not a"):
        number(text)


@pytest.mark.parametrize(
    "text", ["May 05, 2026", "May 5, 2026", "05-May-2026", "05/May/2026", "2026-05-05", "20260505", 20260505]
)
def test_dates(text):
    assert day(text) == dt.date(2026, 5, 5)


def test_dates_unknown_and_unreadable():
    assert day("-") is None
    with pytest.raises(ValueError, match="not a date"):
        day("05/06/2026")
    with pytest.raises(ValueError, match="not a date"):
        day("05-Foo-2026")
    with pytest.raises(ValueError, match="day"):
        day("Feb 30, 2026")


def test_words():
    assert words("\u00a0 ABC ") == "ABC"
    assert words("--") is None


cells = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(["-", "--", "", " ", "n/a", "1,234.5", "(7)", "1e999", "\u00a0", "A\u00a0B", " A ", "x"]),
    st.text(),
)


@given(values=st.lists(cells, max_size=12) | st.lists(st.sampled_from(["A", " A", "-", None]), max_size=40))
def test_a_column_of_words_is_read_as_each_of_them(values):
    assert words_of(values) == [words(value) for value in values]


@given(values=st.lists(cells, max_size=12) | st.lists(st.floats() | st.integers() | st.none(), max_size=12))
def test_a_column_of_numbers_is_read_as_each_of_them(values):
    found, faults = numbers_of(values)
    for place, value in enumerate(values):
        if place in faults:
            with pytest.raises(ValueError, match="not a"):
                number(value)
        else:
            known = number(value)
            assert np.isnan(found[place]) if known is None else found[place] == known


def test_whole_columns_make_the_same_table_as_rows():
    rows = [
        {"vendor": "v", "fund": "F", "as_of_date": dt.date(2026, 5, 5), "line_no": n, "name": name, "shares": shares}
        for n, name, shares in ((1, "A", 2.5), (2, None, None))
    ]
    columns = {"line_no": np.array([1, 2]), "name": ["A", None], "shares": np.array([2.5, np.nan])}
    built = table_of_columns("holding", 2, {"vendor": "v", "fund": "F", "as_of_date": dt.date(2026, 5, 5), **columns})
    pd.testing.assert_frame_equal(built, table("holding", rows))
    with pytest.raises(ValueError, match="no column sum"):
        table_of_columns("holding", 0, {"sum": []})


@pytest.mark.parametrize("text", ["05/06/2026", "5/6/2026", "5/6/2026 12:00:00 AM"])
def test_dates_with_the_month_first(text):
    assert month_first(text) == dt.date(2026, 5, 6)


@pytest.mark.parametrize("text", ["", "13/06/2026", "2026-05-06", "5/6/26", "5/6/2026 soon"])
def test_not_dates_with_the_month_first(text):
    with pytest.raises(ValueError, match=r"not a date|month must be"):
        month_first(text)
