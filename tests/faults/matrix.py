"""One cell of the matrix after the other: a lake of Thursday, a fault on Monday evening, a healthy run on Tuesday."""

from __future__ import annotations

import datetime as dt
import itertools
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from orchestration.automation import range_tags
from orchestration.ingest import common
from orchestration.ingest.constituents import constituents
from orchestration.ingest.etf_shares import etf_shares
from orchestration.ingest.events import events
from orchestration.ingest.filings import filings
from orchestration.ingest.ledger import request_ledger
from orchestration.ingest.macro import macro
from orchestration.ingest.prices import prices
from orchestration.ingest.snapshots import fund_valuation, options
from orchestration.lake.store import Lake
from orchestration.settings import VENDORS
from orchestration.vendors.http import Connection
from tests.faults.faulty import FAULTS, PATHS, PATIENCE, REFUSING, vendors

THURSDAY, MONDAY, LATER = "2026-08-20T20:00:00", "2026-08-24T20:00:00", "2026-08-25T08:00:00"
RANGE = {
    "SMALLCAP_START": "2026-08-03",
    "SMALLCAP_HOLDINGS_START": "2026-08-19",
    # the reports of this quarter come out between the two days
    "SMALLCAP_FILINGS_START": "2026-06-30",
}
EVERYBODY = [events, macro, prices, options, fund_valuation, etf_shares, constituents, filings, request_ledger]
# what fails in one run: the reports and the files of fails are only asked for where the lists before them were answered
PLACES = {
    "all": ("|".join(path for name, path in PATHS.items() if name not in ("filing", "fails")), EVERYBODY),
    "reports": (PATHS["filing"], [filings, request_ledger]),
    "files of fails": (PATHS["fails"], [filings, request_ledger]),
}
DATASETS = {
    "all": [
        ("yahoo", "prices"), ("yahoo", "options"), ("yahoo", "fund_valuation"), ("fred", "macro"), ("fred", "events"),
        ("blackrock", "etf_shares"), ("blackrock", "constituents"), ("ssga", "etf_shares"),
        ("proshares", "etf_shares"), ("direxion", "etf_shares"), ("sec", "filing_feed"),
    ],
    "reports": [("sec", "filing")],
    "files of fails": [("sec", "fails")],
}  # fmt: skip
STORED = {
    "prices": "yahoo_bar",
    "options": "option_quote",
    "fund_valuation": "fund_valuation",
    "macro": "fred_observation",
    "events": "fred_release_date",
    "etf_shares": "fund_day",
    "constituents": "holding",
    "filing_feed": "fund_filing_entry",
    "filing": "fund_month",
    "fails": "settlement_fail",
}
# what differs where the same is learnt on another day
MOMENTS = (
    "ingest_seq", "request_id", "fetched_at", "available_at", "is_availability_assumed", "payload_sha256",
    "split_basis_date", "file_path",
)  # fmt: skip
Cell = dict[str, str]
COLUMNS = (
    "fault", "vendor", "dataset", "outcomes", "http_status", "message", "rows_kept", "rows_added", "run", "told",
    "repaired",
)  # fmt: skip


class Matrix:
    """The lake of Thursday, and what becomes of copies of it."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.patch = patch
        self.data = root / "data"
        for name in ("SMALLCAP_VENDORS", "DAGSTER_HOME"):
            patch.delenv(name, raising=False)
        for name, value in {**RANGE, "SMALLCAP_SOURCE": "sandbox", "SMALLCAP_MAX_RPS": "10000"}.items():
            patch.setenv(name, value)
        patch.setenv("SMALLCAP_DATA_DIR", str(self.data))
        self.take(THURSDAY, EVERYBODY)
        shutil.copytree(self.data, root / "thursday")
        self.take(LATER, EVERYBODY)
        shutil.copytree(self.data, root / "undisturbed")

    def take(self, evening: str, assets: list[Any], fault: str = "", where: str = "^$") -> tuple[bool, str]:
        """Ask all vendors on an evening, some of whose answers fail; whether the run passed, and what it got less."""
        moment = dt.date.fromisoformat(evening[:10])
        with vendors(evening, fault, where) as url, self.patch.context() as patch:
            refused = bool(fault) and FAULTS[fault].is_refused
            patch.setenv("SMALLCAP_TODAY", evening)
            for vendor in VENDORS:
                patch.setenv(f"SMALLCAP_{vendor.upper()}_URL", REFUSING if refused else url)
            if fault:
                # real clients with less patience
                hasty = {"attempts": 1, "timeout_seconds": PATIENCE} if FAULTS[fault].seconds else {"attempts": 2}
                patch.setattr(common, "Connection", partial(Connection, backoff_seconds=0.001, **hasty))
            done = dg.materialize(
                assets,
                tags=range_tags(moment.replace(day=1), moment),
                instance=dg.DagsterInstance.ephemeral(),
                raise_on_error=False,
            )
        checks = {check.check_name: check.description or "" for check in done.get_asset_check_evaluations()}
        return done.success, checks.get("vendors_answer", "")

    def rows(self) -> dict[tuple[str, str], int]:
        """Rows stored of each vendor and dataset."""
        count = "select count(*) from read_parquet(?)"
        found = {}
        with closing(duckdb.connect()) as con:
            for vendor, dataset in itertools.chain.from_iterable(DATASETS.values()):
                # several sponsors share one table
                where = f" where vendor = '{vendor}'" if dataset == "etf_shares" else ""
                ((rows,),) = con.execute(count + where, [parts(self.data, STORED[dataset])]).fetchall()
                found[vendor, dataset] = rows
        return found

    def missing(self, table: str) -> int:
        """Rows of a table of the undisturbed history that this one lacks, whenever they were learnt."""
        with closing(duckdb.connect(config={"threads": 1})) as con:
            fields = con.execute("describe select * from read_parquet(?)", [parts(self.data, table)]).fetchall()
            columns = ", ".join(name for name, *_ in fields if name not in MOMENTS)
            sql = f"select {columns} from read_parquet(?)"
            given = [parts(self.root / "undisturbed", table), parts(self.data, table)]
            return con.execute(f"select count(*) from ({sql} except {sql})", given).fetchall()[0][0]

    def cells(self, fault: str, place: str) -> Iterator[Cell]:
        """What becomes of every dataset of a place where all answers fail in one manner."""
        shutil.rmtree(self.data)
        shutil.copytree(self.root / "thursday", self.data)
        before = self.rows()
        where, assets = PLACES[place]
        passed, less = self.take(MONDAY, assets, fault, where)
        after = self.rows()
        asked = Lake(self.data, "sandbox").query(
            "select vendor, dataset, outcome, detail, http_status from request "
            f"where fetched_at >= timestamptz '{MONDAY}-04:00' order by ingest_seq, request_id"
        )
        self.take(LATER, EVERYBODY)
        for vendor, dataset in DATASETS[place]:
            told = [row for row in asked.to_pylist() if (row["vendor"], row["dataset"]) == (vendor, dataset)]
            first = told[0] if told else {"outcome": "", "detail": "", "http_status": None}
            yield {
                "fault": fault,
                "vendor": vendor,
                "dataset": dataset,
                "outcomes": " ".join(dict.fromkeys(row["outcome"] for row in told)),
                "http_status": "" if first["http_status"] is None else str(first["http_status"]),
                "message": spoken(first["detail"]),
                "rows_kept": "yes" if after[vendor, dataset] >= before[vendor, dataset] else "no",
                "rows_added": "yes" if after[vendor, dataset] > before[vendor, dataset] else "no",
                "run": "passes" if passed else "fails",
                "told": "yes" if re.search(rf"^{vendor}: ", less, re.MULTILINE) else "no",
                "repaired": "yes" if not self.missing(STORED[dataset]) else "no",
            }


def parts(data: Path, table: str) -> str:
    """The files of a raw table."""
    return str(data / "raw" / table / "part-*.parquet")


def spoken(detail: str) -> str:
    """The beginning of a message, without addresses, numbers and words of libraries that differ from run to run."""
    detail = re.sub(r"(attempts?: \w+): .*", r"\1", detail)
    plain = re.sub(r"127\.0\.0\.1(:\d+)?|port=\d+|0x[0-9a-f]+", "…", detail)
    return re.sub(r"(?<!HTTP )\b\d{2,}", "…", plain)[:70].rstrip()
