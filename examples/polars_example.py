"""The Parquet release in polars: lazy scans that read only the columns and rows asked for."""

import json
import sys
from pathlib import Path

import polars as pl

latest = Path(sys.argv[1] if len(sys.argv) > 1 else "data_lake") / "exports" / "latest"
manifest = json.loads((latest / "manifest.json").read_text(encoding="utf-8"))
print("release", manifest["release_id"], "synthetic" if manifest["is_synthetic"] else "live")


def scan(table: str) -> pl.LazyFrame:
    """One table; the big ones are a file a year, and the manifest names all files."""
    return pl.scan_parquet([latest / file["path"] for file in manifest["tables"][table]["files"]])


windows = (
    scan("mart_return")
    .filter(pl.col("symbol").is_in(["^RUT", "^GSPC"]), pl.col("window_code").is_in(["5d", "126d", "ytd"]))
    .filter(pl.col("session_date") == pl.col("session_date").max())
    .select("symbol", "window_code", "base_date", "return_px", "return_tr")
    .sort("symbol", "window_code")
    .collect()
)
print(windows)

additions = (
    scan("mart_reconstitution_change")
    .filter(pl.col("index_code") == "R2000", pl.col("event_id").str.starts_with("RUSSELL-"))
    .group_by("event_id", "change_type", "confidence")
    .len("names")
    .sort("event_id", "change_type", "confidence")
    .collect()
)
print(additions)
