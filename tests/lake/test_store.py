"""The raw lake: append-only, idempotent, independent of order, atomic."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.lake.contracts import FRED_OBSERVATION, FRED_RELEASE_DATE, HOLDING, YAHOO_ACTION, YAHOO_BAR, RawTable
from orchestration.lake.store import Lake, LakeError

START = dt.datetime(2026, 7, 1, 22, 0, tzinfo=dt.UTC)


def bar(day: int, close: float, basis: dt.date = dt.date(2026, 7, 1), volume: int | None = 100) -> dict:
    return {
        "symbol": "TZA",
        "session_date": dt.date(2026, 6, day),
        "open": close,
        "high": close,
        "low": close,
        "close": close,
        "volume": volume,
        "split_basis_date": basis,
    }


def append(lake: Lake, table: RawTable, rows: list[dict], days_later: int = 0, identity=None) -> pa.Table:
    fetched = START + dt.timedelta(days=days_later)
    book = {
        "fetched_at": fetched,
        "available_at": START - dt.timedelta(days=30),
        "is_availability_assumed": True,
        "payload_sha256": "0" * 64,
        "request_id": "test",
    }
    schema = pa.schema([f for f in table.schema if f.name != "ingest_seq"])
    with lake.lock():
        incoming = pa.Table.from_pylist([{**row, **book} for row in rows], schema=schema)
        return lake.append(table, incoming, lake.next_sequence(), identity)


def closes(lake: Lake) -> dict[dt.date, float]:
    rows = lake.query(
        "select session_date, close from yahoo_bar "
        "qualify row_number() over (partition by symbol, session_date order by fetched_at desc, ingest_seq desc) = 1"
    ).to_pylist()
    return {row["session_date"]: row["close"] for row in rows}


def test_the_same_answer_twice_adds_nothing(tmp_path):
    lake = Lake(tmp_path, "live")
    assert append(lake, YAHOO_BAR, [bar(1, 10.0), bar(2, 11.0)]).num_rows == 2
    assert append(lake, YAHOO_BAR, [bar(1, 10.0), bar(2, 11.0)], days_later=1).num_rows == 0
    assert lake.query("select count(*) as n from yahoo_bar").to_pylist() == [{"n": 2}]


def test_a_changed_answer_adds_a_revision_and_keeps_the_first_availability(tmp_path):
    lake = Lake(tmp_path, "live")
    append(lake, YAHOO_BAR, [bar(1, 10.0), bar(2, 11.0)])
    added = append(lake, YAHOO_BAR, [bar(2, 11.5)], days_later=1).to_pylist()
    assert [(r["close"], r["is_revision"]) for r in added] == [(11.5, True)]
    assert added[0]["available_at"] == START - dt.timedelta(days=30)
    assert closes(lake) == {dt.date(2026, 6, 1): 10.0, dt.date(2026, 6, 2): 11.5}


def test_a_macro_revision_is_knowable_only_from_its_fetch(tmp_path):
    lake = Lake(tmp_path, "live")
    row = {"series_id": "DGS10", "observation_date": dt.date(2026, 6, 1), "realtime_start": dt.date(2026, 6, 2)}
    identity = ("series_id", "observation_date")
    append(lake, FRED_OBSERVATION, [{**row, "value": 4.1}], identity=identity)
    again = {**row, "realtime_start": dt.date(2026, 7, 2)}
    assert append(lake, FRED_OBSERVATION, [{**again, "value": 4.1}], 1, identity).num_rows == 0
    added = append(lake, FRED_OBSERVATION, [{**again, "value": 4.2}], 1, identity).to_pylist()
    assert added[0]["available_at"] == START + dt.timedelta(days=1)
    assert added[0]["is_availability_assumed"] is False


def test_single_precision_noise_is_no_revision(tmp_path):
    lake = Lake(tmp_path, "live")
    append(lake, YAHOO_BAR, [bar(1, 219.1399993896)])
    assert append(lake, YAHOO_BAR, [bar(1, 219.14)], days_later=1).num_rows == 0
    assert append(lake, YAHOO_BAR, [bar(1, 219.15)], days_later=1).num_rows == 1


def test_a_value_that_becomes_known_or_unknown_is_a_revision(tmp_path):
    lake = Lake(tmp_path, "live")
    append(lake, YAHOO_BAR, [bar(1, 10.0, volume=None)])
    assert append(lake, YAHOO_BAR, [bar(1, 10.0, volume=0)], days_later=1).num_rows == 1
    assert append(lake, YAHOO_BAR, [bar(1, 10.0, volume=None)], days_later=2).num_rows == 1


def test_a_shorter_answer_deletes_nothing(tmp_path):
    lake = Lake(tmp_path, "live")
    append(lake, YAHOO_BAR, [bar(day, 10.0) for day in range(1, 20)])
    append(lake, YAHOO_BAR, [bar(19, 10.0)], days_later=1)
    assert len(closes(lake)) == 19


def test_equal_values_on_a_newer_split_basis_are_stored_again_only_where_a_split_lies_between(tmp_path):
    lake = Lake(tmp_path, "live")
    append(lake, YAHOO_BAR, [bar(1, 10.0)])
    assert append(lake, YAHOO_BAR, [bar(1, 10.0, dt.date(2026, 7, 16))], 15).num_rows == 0
    split = {"symbol": "TZA", "ex_date": dt.date(2026, 7, 15), "action_type": "split", "value": 0.1}
    append(lake, YAHOO_ACTION, [{**split, "split_basis_date": dt.date(2026, 7, 15)}], 14)
    assert append(lake, YAHOO_BAR, [bar(1, 10.0, dt.date(2026, 7, 16))], 15).num_rows == 1
    assert append(lake, YAHOO_BAR, [bar(1, 10.0, dt.date(2026, 7, 17))], 16).num_rows == 0


def test_a_release_calendar_is_stored_whole_so_that_a_moved_date_is_seen(tmp_path):
    lake = Lake(tmp_path, "live")
    dates = [dt.date(2026, 11, 12), dt.date(2026, 12, 10)]
    rows = [{"release_id": 10, "release_date": d} for d in dates]
    assert append(lake, FRED_RELEASE_DATE, rows).num_rows == 2
    assert append(lake, FRED_RELEASE_DATE, rows, 1).num_rows == 0
    moved = [{"release_id": 10, "release_date": d} for d in (dt.date(2026, 11, 10), dt.date(2026, 12, 10))]
    assert append(lake, FRED_RELEASE_DATE, moved, 2).num_rows == 2


def test_snapshots_of_new_keys_come_with_compared_ones_in_one_append(tmp_path):
    lake = Lake(tmp_path, "live")

    def dates(release: int, *days: int) -> list[dict]:
        return [{"release_id": release, "release_date": dt.date(2026, 11, day)} for day in days]

    append(lake, FRED_RELEASE_DATE, dates(10, 12, 13) + dates(11, 5))
    added = append(lake, FRED_RELEASE_DATE, dates(12, 1) + dates(10, 12) + dates(11, 5) + dates(13, 2), 1).to_pylist()
    assert [(row["release_id"], row["is_revision"], row["is_availability_assumed"]) for row in added] == [
        (12, False, True),
        (10, True, False),
        (13, False, True),
    ]
    first, fetched = START - dt.timedelta(days=30), START + dt.timedelta(days=1)
    assert [row["available_at"] for row in added] == [first, fetched, first]
    # the newest stored set counts, not any older one
    assert append(lake, FRED_RELEASE_DATE, dates(10, 12), 2).num_rows == 0
    assert append(lake, FRED_RELEASE_DATE, dates(10, 12, 13), 2).num_rows == 2


def line(fund: str, number: int, weight: float | None = 1.0) -> dict:
    keys = {"vendor": "blackrock", "fund": fund, "as_of_date": dt.date(2026, 6, 1)}
    return {**keys, "line_no": number, "ticker": f"T{number}", "weight_pct": weight}


def test_a_holdings_file_is_stored_whole_in_its_order_and_once(tmp_path):
    lake = Lake(tmp_path, "live")
    lines = [line("IWM", number) for number in (2, 1, 3)]
    added = append(lake, HOLDING, lines)
    assert added.column("line_no").to_pylist() == [2, 1, 3]
    assert added.column("is_revision").to_pylist() == [False] * 3
    assert append(lake, HOLDING, lines, 1).num_rows == 0
    changed = [line("IWM", 2), line("IWM", 1, None), line("IWM", 3)]
    both = append(lake, HOLDING, [line("IWB", 1), *changed], 2)
    assert both.select(["fund", "is_revision"]).to_pylist() == [
        {"fund": "IWB", "is_revision": False},
        *[{"fund": "IWM", "is_revision": True}] * 3,
    ]
    # a second line with equal content is a difference
    assert append(lake, HOLDING, [*changed, line("IWM", 3)], 3).num_rows == 4


def test_a_directory_filled_by_one_source_refuses_another(tmp_path):
    Lake(tmp_path, "sandbox")
    with pytest.raises(LakeError, match=r"holds sandbox data and SMALLCAP_SOURCE is live.*SMALLCAP_DATA_DIR"):
        Lake(tmp_path, "live")


def test_a_frame_without_a_column_of_the_contract_is_named(tmp_path):
    lake = Lake(tmp_path, "live")
    with lake.lock(), pytest.raises(LakeError, match=r"yahoo_bar: the rows lack open"):
        lake.append(YAHOO_BAR, pa.table({"symbol": ["A"], "session_date": [dt.date(2026, 6, 1)]}), 1)


def test_files_carry_the_contract_and_no_temporary_file_stays(tmp_path):
    lake = Lake(tmp_path, "live")
    append(lake, YAHOO_BAR, [bar(1, 10.0)])
    files = sorted((tmp_path / "raw" / "yahoo_bar").iterdir())
    assert [f.name for f in files] == ["account.json", "part-00000000.parquet", "part-00000001.parquet"]
    assert pq.read_schema(files[-1]).equals(YAHOO_BAR.schema)


def test_a_file_is_archived_as_received_and_once(tmp_path):
    lake = Lake(tmp_path, "live")
    paths = {lake.archive(b"Ticker,Name\n", "csv", "blackrock", "holdings", "IWM") for _ in range(2)}
    (path,) = paths
    import gzip

    assert gzip.decompress((lake.root / path).read_bytes()) == b"Ticker,Name\n"


answers = st.lists(
    st.dictionaries(st.integers(1, 8), st.sampled_from([10.0, 20.0, 30.5]), min_size=1, max_size=6),
    min_size=1,
    max_size=5,
)


@given(answers=answers)
@settings(max_examples=25, deadline=None)
def test_each_day_shows_its_newest_answer_and_asking_again_adds_nothing(answers):
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder), "live")
        expected: dict[dt.date, float] = {}
        for later, answer in enumerate(answers):
            rows = [bar(day, close) for day, close in answer.items()]
            append(lake, YAHOO_BAR, rows, later)
            expected.update({row["session_date"]: row["close"] for row in rows})
            assert append(lake, YAHOO_BAR, rows, later).num_rows == 0
        assert closes(lake) == expected


@given(rows=st.permutations(range(1, 9)), cut=st.integers(1, 7))
@settings(max_examples=15, deadline=None)
def test_the_order_of_arrival_and_its_division_change_nothing(rows, cut):
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder), "live")
        for part in (rows[:cut], rows[cut:]):
            append(lake, YAHOO_BAR, [bar(day, float(day)) for day in part])
        assert closes(lake) == {dt.date(2026, 6, day): float(day) for day in range(1, 9)}
