"""`make doctor`: reads every file of the raw zone and says what to restore."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from orchestration.foreign_text import say
from orchestration.lake.inspection import inspect
from orchestration.lake.store import raw_accounts, raw_lock
from orchestration.publish.losses import raw_losses
from orchestration.publish.manifest import load_manifest
from orchestration.publish.release import LATEST
from orchestration.settings import SettingsError, load_settings_to_read


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is wrong with the raw zone; 0 where nothing is."""
    argparse.ArgumentParser(prog="doctor", description=__doc__).parse_args(arguments)
    try:
        data_dir = load_settings_to_read().data_dir
    except SettingsError as error:
        say(error, error=True)
        return 1
    raw = data_dir / "raw"
    if not raw.is_dir():
        say(f"{raw} does not exist: nothing was stored yet. Run: make run", error=True)
        return 1
    with raw_lock(data_dir):
        found = inspect(data_dir)
    if not found:
        # a whole folder that is gone has no account that could miss it
        latest = load_manifest(data_dir / "exports" / LATEST) or {}
        found = list(raw_losses(latest.get("raw", {}), raw_accounts(data_dir)))
    for problem in found:
        say(problem)
    if found:
        say(f"\n{len(found)} problems in {raw}. Restore these files from a backup, and move foreign ones out.")
        return 1
    parts, received = (sum(1 for _ in raw.glob(pattern)) for pattern in ("*/part-*.parquet", "files/**/*.gz"))
    say(f"{raw}: {parts:,} parts and {received:,} files as received, all as they were stored")
    return 0


if __name__ == "__main__":
    sys.exit(main())
