from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from orchestration.lake.contracts import TABLES
from orchestration.vendors.tables import COLUMNS, table
from orchestration.vendors.text import day, number, words


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
