"""A reader of the served file and of exports/latest: `python -m tests.chaos.readers DATA STOP SEED`, until STOP exists.

It prints, as JSON, how often it read, what failed, and how often one reading showed two releases. The served file and
`latest` are two names that move one after the other: how often a reader finds them apart is counted by itself.
"""

from __future__ import annotations

import json
import random
import sys
import time
from contextlib import closing
from pathlib import Path

import duckdb

TABLES_READ = 3


def read_once(data: Path, pick: random.Random) -> tuple[list[str], bool]:
    """Read both: what showed two releases, and whether the two names were apart."""
    mixed = []
    latest = data / "exports" / "latest"
    before = latest.readlink().name
    with closing(duckdb.connect(str(data / "smallcap.duckdb"), read_only=True, config={"threads": 1})) as con:
        ((served, named),) = con.execute("select served_release(), (select release_id from dim_release)").fetchall()
        if served != named:
            mixed.append(f"the served file says {served} and {named}")
        release = json.loads((data / "exports" / served / "manifest.json").read_text(encoding="utf-8"))
        for table in pick.sample(sorted(release["tables"]), TABLES_READ):
            ((rows,),) = con.execute(f"select count(*) from {table}").fetchall()
            if rows != release["tables"][table]["rows"]:
                mixed.append(f"{table} of the served file {served} has {rows} rows")
    after = latest.readlink().name
    # a program that reads several files follows the link once, as the page on tables says
    folder = data / "exports" / after
    release = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    if release["release_id"] != after:
        mixed.append(f"{after} says that it is {release['release_id']}")
    with closing(duckdb.connect(config={"threads": 1})) as con:
        for table in pick.sample(sorted(release["tables"]), TABLES_READ):
            files = [str(folder / file["path"]) for file in release["tables"][table]["files"]]
            ((rows,),) = con.execute("select count(*) from read_parquet(?)", [files]).fetchall()
            if rows != release["tables"][table]["rows"]:
                mixed.append(f"{table} of {after} has {rows} rows")
    return mixed, before == after != served


def main(data: Path, stop: Path, seed: int) -> None:
    """Read until told to stop."""
    pick = random.Random(seed)  # noqa: S311 - a sample that can be drawn again
    readings = apart = 0
    errors: list[str] = []
    mixed: list[str] = []
    while not stop.exists():
        try:
            found, is_apart = read_once(data, pick)
        except (duckdb.Error, OSError, ValueError, KeyError) as error:
            errors.append(f"{type(error).__name__}: {error}")
        else:
            readings += 1
            mixed += found
            apart += is_apart
        # sixteen readers must leave the runs their time
        time.sleep(pick.uniform(1, 4))
    print(json.dumps({"readings": readings, "errors": errors, "mixed": mixed, "apart": apart}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
