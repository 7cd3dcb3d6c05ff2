"""One publication from gate to retention. A kill at any point leaves the release before whole; a rerun repairs.

The order is what makes it safe: the release folder gets its name when it is complete, the served database is
replaced when it is checked, and `latest` moves last.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from orchestration.calendars import NEW_YORK
from orchestration.lake.store import LakeError, file_state, raw_accounts
from orchestration.publish.audit import Audit, audit
from orchestration.publish.brief import write_brief
from orchestration.publish.edition import Edition, check_open_models
from orchestration.publish.exports import Export, ExportedFile, LastExport, export_tables, exported_tables
from orchestration.publish.files import duckdb_connection, remove_folder, replace_link, sync, sync_tree
from orchestration.publish.losses import check_anything, check_losses
from orchestration.publish.manifest import (
    RELEASE_TABLE,
    build_manifest,
    first_membership_dates,
    is_whole,
    load_manifest,
    same_content,
    write_manifest,
)
from orchestration.publish.parts import BIG_TABLE_ROWS
from orchestration.publish.served import NAME as SERVED
from orchestration.publish.served import build_served, remove_temporaries, served_release, swap_in
from orchestration.publish.standing import Standing, load_standing, note_standing
from orchestration.publish.tables import PublishRefused, Table, published_tables, with_stored_types
from orchestration.settings import Settings

LATEST = "latest"
PARTIAL = ".partial-"
RELEASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
LOCK_TIMEOUT_SECONDS = 600


@dataclass(frozen=True)
class Published:
    """What a publication did.

    Attributes:
        status: `published`, or `unchanged` where the standing release says the same already.
        release_id: The release `latest` points at now.
        release_path: Its folder.
        served_path: The served database.
        tables: Rows by table.
        warnings: Failed tests of severity warn.
        removed: Releases that retention removed.
    """

    status: Literal["published", "unchanged"]
    release_id: str
    release_path: Path
    served_path: Path
    tables: dict[str, int]
    warnings: tuple[str, ...]
    removed: tuple[str, ...]


def publish(
    settings: Settings,
    *,
    force: bool = False,
    big_table_rows: int = BIG_TABLE_ROWS,
    lock_timeout: float = LOCK_TIMEOUT_SECONDS,
) -> Published:
    """Publish the newest build, if it passed.

    Args:
        settings: Data directory, source, retention, and which edition is exported.
        force: Publish a new release even where nothing changed.
        big_table_rows: Tables with more rows are exported as one file a year.
        lock_timeout: Seconds to wait for another publication.

    Raises:
        PublishRefused: The build may not be published; what was published before stays.
    """
    data_dir = settings.data_dir
    # before the lock, and again below it: a refusal should not wait, and a build may have ended meanwhile
    audit(data_dir, settings.source)
    exports = data_dir / "exports"
    exports.mkdir(parents=True, exist_ok=True)
    lock = FileLock(data_dir / "build" / ".publish.lock", timeout=lock_timeout)
    try:
        with lock:
            return _publish(settings, audit(data_dir, settings.source), exports, force, big_table_rows)
    except Timeout as error:
        raise PublishRefused(
            f"Not published: another publication has held {lock.lock_file} for {lock_timeout:.0f} seconds. "
            "Let it end, then publish again."
        ) from error


def releases(exports: Path) -> list[str]:
    """Names of the releases in an exports folder, newest first."""
    if not exports.is_dir():
        return []
    found = [
        (manifest.stat().st_mtime_ns, folder.name)
        for folder in exports.iterdir()
        if not folder.name.startswith(".")
        and not folder.is_symlink()
        and (manifest := folder / "manifest.json").is_file()
    ]
    return [name for _, name in sorted(found, reverse=True)]


def latest_release(exports: Path) -> str | None:
    """The release `latest` points at; None where it points at nothing."""
    link = exports / LATEST
    return link.readlink().name if link.is_symlink() and link.exists() else None


def _publish(settings: Settings, found: Audit, exports: Path, force: bool, big_table_rows: int) -> Published:
    data_dir = settings.data_dir
    record = found.record
    if not RELEASE_ID.fullmatch(record.release_id):
        raise PublishRefused(
            f"Not published: the release id {record.release_id!r} is no file name. Build again: make run."
        )
    _remove_leftovers(data_dir, exports)
    _mend_link(exports)
    latest = latest_release(exports)
    standing = load_standing(data_dir)
    if latest and not force and _says_this_build(settings, exports / latest, standing, record.invocation_id):
        manifest = load_manifest(exports / latest) or {}
        removed = _retain(exports, latest, settings.releases_kept)
        return _result("unchanged", data_dir, exports / latest, manifest, removed)
    tables = _tables(settings, found)
    release_id = _free_name(exports, record.release_id)
    partial = exports / f"{PARTIAL}{release_id}"
    raw = _raw(data_dir)
    partial.mkdir()
    last = None if force else _last_export(exports, standing, _edition(settings))
    manifest, export = _write_release(settings, found, tables, partial, release_id, big_table_rows, last, raw)

    if latest and not settings.accept_losses:
        try:
            check_losses(load_manifest(exports / latest), manifest, tables)
        except PublishRefused:
            remove_folder(partial)
            raise
    if latest and not force and _stands(data_dir, exports / latest, manifest):
        remove_folder(partial)
        _note(settings, exports / latest, record.invocation_id, export, standing.served_bytes)
        removed = _retain(exports, latest, settings.releases_kept)
        return _result("unchanged", data_dir, exports / latest, manifest, removed)

    unfinished = None if force else _unfinished(exports, record.release_id, manifest)
    if unfinished:
        remove_folder(partial)
        release = exports / unfinished
    else:
        sync_tree(partial)
        release = partial.replace(exports / release_id)
        sync(exports)
    old = None if force else standing
    served, is_new = build_served(data_dir, record.database_path, tables, release.name, export.parts, old)
    swap_in(data_dir, served)
    replace_link(exports / LATEST, release.name)
    _note(settings, release, record.invocation_id, export, 0 if is_new else standing.served_bytes)
    removed = _retain(exports, release.name, settings.releases_kept)
    return _result("published", data_dir, release, manifest, removed)


def _note(settings: Settings, release: Path, invocation_id: str, export: Export, served_bytes: int) -> None:
    """Remember which build a release says, and what its files hold.

    `served_bytes` is the size of the served database when it was built from nothing; 0 where that was just now. The
    table that names the release is never noted: it is written for the name that a release would have, and always anew.
    """
    served = settings.data_dir / SERVED
    note_standing(
        settings.data_dir,
        Standing(
            release=release.name,
            invocation_id=invocation_id,
            edition=_edition(settings),
            files={
                path: (said, file_state(release / path))
                for path, said in export.fingerprints.items()
                if path != f"{RELEASE_TABLE}.parquet"
            },
            served={name: parts.months for name, parts in export.parts.items() if name != RELEASE_TABLE},
            served_state=file_state(served),
            served_bytes=served_bytes or served.stat().st_size,
        ),
    )


def _edition(settings: Settings) -> Edition:
    return Edition(with_restricted=settings.export_restricted, with_identifiers=settings.export_cusip)


def _last_export(exports: Path, standing: Standing, edition: Edition) -> LastExport | None:
    """The release noted last, to link unchanged files from; None where it is another edition."""
    folder = exports / standing.release
    manifest = load_manifest(folder) if standing.release and standing.edition == edition else None
    if manifest is None:
        return None
    files = [ExportedFile(**file) for table in manifest["tables"].values() for file in table["files"]]
    return LastExport(folder, {file.path: file for file in files}, standing.files)


def _says_this_build(settings: Settings, release: Path, standing: Standing, invocation_id: str) -> bool:
    """Whether a release is noted to say what this very build says, and still stands whole."""
    wanted = (release.name, invocation_id, _edition(settings))
    manifest = load_manifest(release)
    return (
        (standing.release, standing.invocation_id, standing.edition) == wanted
        and manifest is not None
        and is_whole(release, manifest)
        and served_release(settings.data_dir) == release.name
    )


def _raw(data_dir: Path) -> dict[str, dict[str, int | str]]:
    """What the accounts of the raw tables say, where all files are as stored."""
    try:
        return raw_accounts(data_dir)
    except LakeError as error:
        raise PublishRefused(f"Not published: {error}") from error


def _tables(settings: Settings, found: Audit) -> tuple[Table, ...]:
    tables = published_tables(found.manifest)
    if not tables:
        raise PublishRefused("Not published: the build holds no published model (dim_, fct_, mart_) in schema main.")
    database = found.record.database_path
    with duckdb_connection(settings.data_dir, database, read_only=True) as con:
        typed = tuple(with_stored_types(con, table, database.stem) for table in tables)
        check_anything(con, database.stem, typed)
        if not settings.export_restricted:
            check_open_models(con, typed, database.stem)
    return typed


def _write_release(
    settings: Settings,
    found: Audit,
    tables: Sequence[Table],
    folder: Path,
    release_id: str,
    big_table_rows: int,
    last: LastExport | None,
    raw: Mapping[str, Mapping[str, int | str]],
) -> tuple[dict[str, Any], Export]:
    record = found.record
    export = export_tables(
        settings.data_dir,
        record.database_path,
        tables,
        folder,
        clock_day=dt.datetime.fromisoformat(record.now_at).astimezone(NEW_YORK).date(),
        edition=_edition(settings),
        release_id=release_id,
        big_table_rows=big_table_rows,
        last=last,
    )
    with exported_tables(settings.data_dir, folder, export.tables) as con:
        first = first_membership_dates(con) if "fct_index_membership" in export.tables else None
        manifest = build_manifest(
            found, release_id, _edition(settings), settings.start, export.tables, export.left_out, first, raw
        )
        write_manifest(folder, manifest)
        write_brief(folder, manifest, con)
    return manifest, export


def _stands(data_dir: Path, release: Path, manifest: dict[str, Any]) -> bool:
    """Whether a release says the same as a new one, is whole, and is the one served."""
    old = load_manifest(release)
    return (
        old is not None
        and same_content(old, manifest)
        and is_whole(release, old)
        and served_release(data_dir) == release.name
    )


def _unfinished(exports: Path, wanted: str, manifest: dict[str, Any]) -> str | None:
    """A release of the same name and content, left by a run that was killed before `latest` moved."""
    for name in releases(exports):
        old = load_manifest(exports / name)
        if old and re.fullmatch(rf"{re.escape(wanted)}(-\d+)?", name) and same_content(old, manifest):
            return name if is_whole(exports / name, old) else None
    return None


def _free_name(exports: Path, wanted: str) -> str:
    name, number = wanted, 1
    while (exports / name).exists() or name == LATEST:
        number += 1
        name = f"{wanted}-{number}"
    return name


def _remove_leftovers(data_dir: Path, exports: Path) -> None:
    for folder in exports.glob(f"{PARTIAL}*"):
        remove_folder(folder)
    with suppress(FileNotFoundError):
        (exports / f".{LATEST}.tmp").unlink()
    remove_temporaries(data_dir)


def _mend_link(exports: Path) -> None:
    """A data directory that was copied without its links has a folder for `latest`: make it a release and a link again.

    Raises:
        PublishRefused: The folder is no release, so it is not ours to move.
    """
    link = exports / LATEST
    if link.is_symlink() or not link.exists():
        return
    manifest = load_manifest(link)
    name = str(manifest.get("release_id")) if manifest else ""
    if not RELEASE_ID.fullmatch(name):
        raise PublishRefused(
            f"Not published: {link} is neither a link to a release nor a copy of one. Move it away, then run again: "
            "make run."
        )
    if (exports / name).exists():
        remove_folder(link)
    else:
        link.rename(exports / name)
    replace_link(link, name)


def _retain(exports: Path, current: str, kept: int) -> tuple[str, ...]:
    """Remove the oldest releases beyond `kept`, never the current one."""
    others = [name for name in releases(exports) if name != current]
    doomed = others[max(kept - 1, 0) :]
    for name in doomed:
        remove_folder(exports / name)
    return tuple(doomed)


def _result(
    status: Literal["published", "unchanged"],
    data_dir: Path,
    release: Path,
    manifest: dict[str, Any],
    removed: tuple[str, ...],
) -> Published:
    return Published(
        status=status,
        release_id=release.name,
        release_path=release,
        served_path=data_dir / "smallcap.duckdb",
        tables={name: table["rows"] for name, table in manifest["tables"].items()},
        warnings=tuple(manifest["warnings"]),
        removed=removed,
    )
