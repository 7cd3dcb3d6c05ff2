"""A release that holds less than the standing one is refused, and so is one that holds nothing."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from orchestration.lake.contracts import YAHOO_BAR
from orchestration.publish.losses import check_losses
from orchestration.publish.release import latest_release, publish
from orchestration.publish.tables import PublishRefused, Table
from tests.lake.test_account import PART, filled
from tests.lake.test_store import append, bar
from tests.publish.tiny_project import settings

if TYPE_CHECKING:
    from tests.publish.tiny_project import Builds


@pytest.mark.parametrize(
    ("build", "said"),
    [
        ("nine tenths gone", "fct_price_daily has 18 rows, 177 fewer than the 195 it had"),
        ("no last week", "fct_price_daily ends on 2025-02-21, and reached 2025-02-28"),
        ("no last day of IWM", r"fct_price_daily ends on 2025-02-27 for IWM, and reached 2025-02-28\n"),
        ("no IWM", "fct_price_daily ends on no day for IWM, and reached 2025-02-28"),
        ("no reports", "fct_fund_filing has 0 rows, 1 fewer than the 1 it had"),
    ],
)
def test_a_release_that_lost_rows_is_refused_by_name(builds: Builds, data_dir: Path, build: str, said: str) -> None:
    builds.put("good", data_dir)
    publish(settings(data_dir))
    builds.put(build, data_dir, release_id="r2")
    with pytest.raises(PublishRefused, match=said) as refused:
        publish(settings(data_dir))
    assert "r1 stays in place" in str(refused.value)
    assert "SMALLCAP_ACCEPT_LOSSES=true" in str(refused.value)
    assert latest_release(data_dir / "exports") == "r1"
    assert sorted(path.name for path in (data_dir / "exports").iterdir()) == ["latest", "r1"]
    with duckdb.connect(str(data_dir / "smallcap.duckdb"), read_only=True) as con:
        assert con.execute("select count(*) from fct_price_daily").fetchone() == (195,)


def test_a_symbol_that_is_no_headline_may_end_earlier(builds: Builds, data_dir: Path) -> None:
    """Its vendor answers for it no more, as for one that was delisted."""
    builds.put("good", data_dir)
    publish(settings(data_dir))
    builds.put("no last day of SPY", data_dir, release_id="r2")
    assert publish(settings(data_dir)).release_id == "r2"


def test_a_release_from_before_headlines_were_noted_is_compared_without_them(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    standing = publish(settings(data_dir)).release_path / "manifest.json"
    manifest = json.loads(standing.read_text(encoding="utf-8"))
    assert manifest["tables"]["fct_price_daily"].pop("headlines") == {"IWM": "2025-02-28", "^RUT": "2025-02-28"}
    standing.write_text(json.dumps(manifest), encoding="utf-8")
    builds.put("no last day of IWM", data_dir, release_id="r2")
    assert publish(settings(data_dir)).release_id == "r2"


def test_a_loss_that_is_meant_is_published(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    publish(settings(data_dir))
    builds.put("nine tenths gone", data_dir, release_id="r2")
    assert publish(settings(data_dir, accept_losses=True)).release_id == "r2"
    # what stands now is compared from now on
    builds.put("good", data_dir, release_id="r3")
    assert publish(settings(data_dir)).release_id == "r3"


def test_a_later_first_session_explains_what_is_gone(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    publish(settings(data_dir, start="2024-12-02"))
    builds.put("nine tenths gone", data_dir, release_id="r2")
    assert publish(settings(data_dir, start="2024-12-03")).release_id == "r2"


def test_the_other_edition_may_hold_less(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    publish(settings(data_dir))
    builds.put("good", data_dir, release_id="r2")
    assert publish(settings(data_dir, export_restricted=False)).release_id == "r2"


def test_nothing_at_all_is_no_release(builds: Builds, data_dir: Path) -> None:
    builds.put("nothing", data_dir)
    with pytest.raises(PublishRefused, match="no vendor has told anything yet"):
        publish(settings(data_dir))
    assert latest_release(data_dir / "exports") is None
    assert not (data_dir / "smallcap.duckdb").exists()


@pytest.mark.parametrize(
    ("table", "before", "now", "refused"),
    [
        ("fct_holding", 10_000, 9_500, False),
        ("fct_holding", 10_000, 9_499, True),
        ("fct_holding", 200, 100, False),
        ("fct_holding", 200, 99, True),
        ("fct_holding", 1, 0, True),
        ("fct_holding", 0, 0, False),
        ("mart_reconstitution_change", 10_000, 5_000, False),
        ("mart_reconstitution_change", 10_000, 4_999, True),
        ("mart_reconstitution_change", 1, 0, True),
        ("mart_catalyst", 10_000, 0, False),
    ],
)
def test_what_vendors_tell_may_lose_less_than_what_is_concluded(
    table: str, before: int, now: int, refused: bool
) -> None:
    def manifest(rows: int) -> dict[str, object]:
        said = {"rows": rows, "as_of_date": None}
        return {"release_id": "r", "built_at": "2026-11-20T18:00:00-05:00", "raw": {}, "tables": {table: said}}

    tables = [
        Table("fct_holding", "", "", (), (), told_by_vendors=True),
        Table("mart_reconstitution_change", "", "", (), ()),
        Table("mart_catalyst", "", "", (), (), may_shrink="what lies ahead gets less"),
    ]
    with pytest.raises(PublishRefused, match=table) if refused else nullcontext():
        check_losses(manifest(before), manifest(now), tables)


def test_a_damaged_raw_zone_is_not_published_from(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    filled(data_dir)
    publish(settings(data_dir))
    (data_dir / "raw" / YAHOO_BAR.name / PART).unlink()
    builds.put("good", data_dir, release_id="r2")
    with pytest.raises(PublishRefused, match=rf"Not published: The raw zone is not(?s:.*){PART} is missing"):
        publish(settings(data_dir), force=True)
    assert latest_release(data_dir / "exports") == "r1"


def test_an_older_copy_of_the_raw_zone_is_not_published_from(builds: Builds, data_dir: Path, tmp_path: Path) -> None:
    builds.put("good", data_dir)
    lake = filled(data_dir)
    older = shutil.copytree(data_dir / "raw", tmp_path / "older")
    append(lake, YAHOO_BAR, [bar(4, 14.0)])
    publish(settings(data_dir))
    shutil.rmtree(data_dir / "raw")
    shutil.move(older, data_dir / "raw")
    builds.put("good", data_dir, release_id="r2")
    with pytest.raises(PublishRefused, match="raw/yahoo_bar has 3 rows, 1 fewer than the 4 it had"):
        publish(settings(data_dir), force=True)
