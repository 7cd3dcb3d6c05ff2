"""make status: shows what there is, at every stage, failing builds included."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration.cli.diff import main as diff
from orchestration.cli.status import main, render, status
from orchestration.lake.contracts import FRED_OBSERVATION, QUARANTINE, REQUEST, RawTable
from orchestration.publish.release import publish
from tests.publish.tiny_project import NOW, Builds, settings


def store(data_dir: Path, table: RawTable, number: int, rows: list[dict[str, object]]) -> None:
    folder = data_dir / "raw" / table.name
    folder.mkdir(parents=True, exist_ok=True)
    complete = [dict.fromkeys(table.schema.names) | row for row in rows]
    pq.write_table(pa.Table.from_pylist(complete, schema=table.schema), folder / f"part-{number:08d}.parquet")


def request(key: str, outcome: str, day: int, dataset: str = "prices", detail: str | None = None) -> dict[str, object]:
    fetched_at = dt.datetime(2025, 2, day, 22, tzinfo=dt.UTC)
    return {
        "vendor": "yahoo",
        "dataset": dataset,
        "key": key,
        "outcome": outcome,
        "detail": detail,
        "fetched_at": fetched_at,
        "ingest_seq": day,
    }


def test_an_empty_directory_says_what_to_do_and_stays_empty(data_dir: Path) -> None:
    text = render(status(settings(data_dir)))
    assert "nothing built yet: run make run" in text
    assert "SYNTHETIC" in text
    assert "2025-02-28T18:00:00-05:00 (frozen by SMALLCAP_TODAY)" in text
    assert list(data_dir.iterdir()) == []


def test_a_published_release_is_described(builds: Builds, data_dir: Path) -> None:
    builds.put("warned", data_dir)
    publish(settings(data_dir))
    found = status(settings(data_dir))
    assert found.release is not None
    assert (found.release.release_id, found.release.served_release, found.release.kept) == ("r3", "r3", ("r3",))
    assert "warning       test no_low_volume warn: 1 rows" in render(found)
    prices = next(c for c in found.coverage if c.dataset == "prices")
    assert (prices.keys, prices.expected, prices.present, prices.missing) == (3, 193, 193, 0)
    assert prices.newest == "2025-03-03"


def test_a_refused_build_is_shown_beside_the_release_before(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    publish(settings(data_dir))
    builds.put("broken", data_dir)
    text = render(status(settings(data_dir)))
    assert "close_is_not_broken fail: 65 rows" in text
    assert "release       r1: session 2025-02-28" in text


def test_failures_are_the_newest_outcome_of_each_key(data_dir: Path) -> None:
    store(
        data_dir,
        REQUEST,
        1,
        [
            request("IWM", "ok", 3),
            request("IWM", "blocked", 4),
            request("IWM", "blocked", 5, detail="HTML instead of JSON"),
            request("SPY", "blocked", 5, detail="HTML instead of JSON"),
            request("QQQ", "blocked", 4),
            request("QQQ", "ok", 5),
            request("TNA", "ok", 5),
            request("TNA", "rate_limited", 6, dataset="actions"),
            request("TZA", "empty", 6),
        ],
    )
    found = status(settings(data_dir)).failures
    assert [(f.dataset, f.outcome, f.keys, f.since) for f in found] == [
        ("actions", "rate_limited", ("TNA",), "2025-02-06 17:00:00-05"),
        ("prices", "blocked", ("IWM", "SPY"), "2025-02-04 17:00:00-05"),
    ]
    text = render(status(settings(data_dir)))
    assert "yahoo prices: 2 keys blocked since 2025-02-04 17:00:00-05 (IWM, SPY): HTML instead of JSON" in text
    assert "nothing built yet" in text


def test_what_vendors_have_not_answered_is_a_line_each(data_dir: Path) -> None:
    def fred(key: str, outcome: str, day: int, detail: str = "") -> dict[str, object]:
        return request(key, outcome, day, "macro", detail) | {"vendor": "fred"}

    def observation(key: str, day: dt.date, value: float | None = 1.0) -> dict[str, object]:
        seen = {"realtime_start": day, "fetched_at": NOW, "available_at": NOW}
        return {"series_id": key, "observation_date": day, "value": value, **seen}

    http = "HTTP 503 after 4 attempts"
    rows = [fred(key, "ok", 3) for key in ("DGS2", "DGS10", "CPIAUCSL", "NEW")]
    rows += [fred("DGS2", "unreachable", 4, http), fred("DGS10", "unreachable", 4, http), fred("NEW", "blocked", 4)]
    rows += [request("IWM", "postponed", 4, "options", "not asked: the rest waits for the next run")]
    store(data_dir, REQUEST, 1, [*rows, fred("DGS10", "ok", 28)])
    days = {"DGS2": dt.date(2025, 1, 31), "DGS10": dt.date(2025, 2, 3)}
    store(data_dir, FRED_OBSERVATION, 2, [observation(key, day) for key, day in days.items()])
    found = status(settings(data_dir))
    assert found.unanswered == (
        "fred: 2 of 4 series not answered (HTTP 503 after 4 attempts, and 1 other reason); "
        "stored values stand until 2025-01-31, of 1 nothing is stored",
        "yahoo: 1 of 1 option chains not answered (the rest waits for the next run); nothing is stored of them",
    )
    assert f"not answered  {found.unanswered[0]}" in render(found)
    # a vendor that may not be asked is not waited for
    alone = settings(data_dir).model_copy(update={"vendors": ("yahoo",)})
    assert [line.partition(":")[0] for line in status(alone).unanswered] == ["yahoo"]


def test_quarantined_rows_are_counted_by_rule(data_dir: Path) -> None:
    row = {"vendor": "yahoo", "dataset": "prices", "rule": "high_below_low", "fetched_at": NOW}
    store(data_dir, QUARANTINE, 1, [{**row, "key": "IWM"}, {**row, "key": "SPY"}])
    (found,) = status(settings(data_dir)).quarantined
    assert (found.rule, found.rows) == ("high_below_low", 2)
    assert "high_below_low" in render(status(settings(data_dir)))


@pytest.mark.parametrize(
    ("budget", "says"), [(40, "65 snapshots missing; 40 a day, until 2025-03-02"), (0, "BUDGET is 0")]
)
def test_the_backfill_says_until_when(builds: Builds, data_dir: Path, budget: int, says: str) -> None:
    builds.put("good", data_dir)
    publish(settings(data_dir))
    live = settings(data_dir).model_copy(update={"source": "live", "holdings_daily_budget": budget})
    assert says in render(status(live))


def test_a_damaged_file_is_a_problem_not_a_crash(data_dir: Path) -> None:
    store(data_dir, REQUEST, 1, [request("IWM", "ok", 3)])
    (data_dir / "raw" / "request" / "part-00000002.parquet").write_bytes(b"not parquet")
    (data_dir / "smallcap.duckdb").write_bytes(b"not a database")
    problems = status(settings(data_dir)).problems
    assert any("request cannot be read" in p for p in problems)
    assert any("smallcap.duckdb cannot be read" in p for p in problems)


def test_mixed_sources_are_a_problem(data_dir: Path) -> None:
    (data_dir / "raw").mkdir()
    (data_dir / "raw" / "source.json").write_text('{"source": "live"}')
    found = status(settings(data_dir))
    assert (found.source, found.is_synthetic) == ("live", False)
    assert any("never mix" in p for p in found.problems)


def test_json_says_the_same(
    builds: Builds, data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SMALLCAP_DATA_DIR", str(data_dir))
    monkeypatch.setenv("DAGSTER_HOME", "/somewhere")
    builds.put("good", data_dir)
    publish(settings(data_dir))
    assert main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["release"]["release_id"], found["dagster_home"]) == ("r1", "/somewhere")


@pytest.mark.parametrize("command", [main, diff])
def test_a_reader_of_live_data_needs_no_key(
    builds: Builds, data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command
) -> None:
    monkeypatch.setenv("SMALLCAP_DATA_DIR", str(data_dir))
    monkeypatch.setenv("SMALLCAP_SOURCE", "live")
    for name in ("FRED_API_KEY", "SMALLCAP_SEC_USER_AGENT"):
        monkeypatch.delenv(name, raising=False)
    builds.put("good", data_dir)
    publish(settings(data_dir))
    assert command([] if command is main else ["latest"]) == 0
    assert "r1" in capsys.readouterr().out
