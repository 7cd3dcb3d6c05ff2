"""`make backup TO=<folder>` and `make restore FROM=<folder>`: whole copies of the raw zone, read through.

The raw zone cannot be made again; everything else in the data directory is built from it.
"""

from __future__ import annotations

import argparse
import datetime as dt
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from orchestration.foreign_text import say
from orchestration.lake.account import LakeError
from orchestration.lake.inspection import inspect
from orchestration.lake.store import raw_lock
from orchestration.publish.files import sync_tree
from orchestration.settings import SettingsError, load_settings_to_read

PARTIAL = ".partial-"
# the lock is of this machine, a folder of merged parts and parts without a name are of a run
LEFT_OUT = shutil.ignore_patterns(".lock", ".merging", ".*.tmp")


def main(arguments: Sequence[str] | None = None) -> int:
    """Copy, and say where to; 1 with one line on standard error where that cannot be."""
    parser = argparse.ArgumentParser(prog="backup", description=__doc__)
    parser.add_argument("what", choices=["backup", "restore"])
    parser.add_argument("folder", help="where backups are kept, or the backup to restore")
    options = parser.parse_args(arguments)
    if not options.folder:
        say("Name a folder: make backup TO=/mnt/backups, or make restore FROM=/mnt/backups/<backup>.", error=True)
        return 1
    try:
        data_dir = load_settings_to_read().data_dir
        folder = Path(options.folder).expanduser().absolute()
        said = backup(data_dir, folder) if options.what == "backup" else restore(data_dir, folder)
    except (SettingsError, LakeError, OSError) as error:
        say(error, error=True)
        return 1
    say(said)
    return 0


def backup(data_dir: Path, folder: Path) -> str:
    """Copy the raw zone into a new folder named by the moment, and read the copy through.

    Raises:
        LakeError: There is nothing to copy, or the copy is not what the accounts say.
    """
    if not (data_dir / "raw" / "source.json").exists():
        raise LakeError(f"{data_dir / 'raw'} holds no raw zone: there is nothing to back up.")
    if folder.is_relative_to(data_dir):
        raise LakeError(f"{folder} lies in the data directory: name a folder elsewhere, on another disk at best.")
    target = folder / f"smallcap-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S%fZ}"
    with raw_lock(data_dir):
        _copy(data_dir, target)
    return f"{target}: {_size(target)}, read through. Restore it with: make restore FROM={target}"


def restore(data_dir: Path, source: Path) -> str:
    """Give a data directory without a raw zone that of a backup, read through.

    Raises:
        LakeError: This is no backup, or a damaged one, or there is a raw zone already.
    """
    if not (source / "raw" / "source.json").exists():
        raise LakeError(f"{source} is no backup: it has no raw/source.json. Name the folder that make backup printed.")
    raw = data_dir / "raw"
    if raw.exists():
        raise LakeError(f"{raw} exists, and a restore replaces nothing: move it away first, then restore again.")
    _copy(source, data_dir)
    return f"{raw}: {_size(data_dir)}, read through. Build from it with: make run, or make live"


def _copy(source: Path, target: Path) -> None:
    """Copy raw/ from one folder to another under a name nobody reads, and give it its name when it was read through."""
    partial = target.with_name(f"{PARTIAL}{target.name}")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source / "raw", partial / "raw", ignore=LEFT_OUT)
    found = inspect(partial)
    if found:
        shutil.rmtree(partial)
        told = "\n  - ".join(found).replace(str(partial), str(source))
        raise LakeError(f"Nothing was copied, for {source / 'raw'} is not what was stored:\n  - {told}")
    sync_tree(partial)
    target.mkdir(parents=True, exist_ok=True)
    (partial / "raw").replace(target / "raw")
    partial.rmdir()


def _size(folder: Path) -> str:
    files = [path for path in (folder / "raw").rglob("*") if path.is_file()]
    return f"{len(files):,} files, {sum(path.stat().st_size for path in files) / 1e6:,.0f} MB"


if __name__ == "__main__":
    sys.exit(main())
