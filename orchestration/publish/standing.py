"""What the last publication noted about its files, so that the next one does again only what changed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from orchestration.lake.store import write_atomically
from orchestration.publish.edition import Edition

NAME = "published.json"
FileState = tuple[int, int]


@dataclass(frozen=True)
class Standing:
    """The last publication. A file counts as standing only where its size and time are those noted.

    Attributes:
        release: Name of the release.
        invocation_id: The build it says.
        edition: What was exported of it.
        files: By path in the release, the fingerprint of the rows and the state of the file (bytes, nanoseconds).
        served: By table of the served database, the fingerprints of its months.
        served_state: Bytes and nanoseconds of the served database.
        served_bytes: Its size when it was last built from nothing.
    """

    release: str = ""
    invocation_id: str = ""
    edition: Edition = field(default_factory=Edition)
    files: Mapping[str, tuple[str, FileState | None]] = field(default_factory=dict)
    served: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    served_state: FileState | None = None
    served_bytes: int = 0


def load_standing(data_dir: Path) -> Standing:
    """What was noted last; nothing where it cannot be read, and then everything is done again."""
    try:
        noted: dict[str, Any] = json.loads((data_dir / "build" / NAME).read_text(encoding="utf-8"))
        files = {path: (fingerprint, _state(state)) for path, (fingerprint, state) in noted.pop("files").items()}
        served_state = _state(noted.pop("served_state"))
        edition = Edition(**noted.pop("edition"))
        return Standing(**noted, edition=edition, files=files, served_state=served_state)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Standing()


def note_standing(data_dir: Path, standing: Standing) -> None:
    """Write the note, whole or not at all."""
    write_atomically(data_dir / "build" / NAME, (json.dumps(asdict(standing), indent=1) + "\n").encode())


def _state(noted: Sequence[int] | None) -> FileState | None:
    if noted is None:
        return None
    size, modified = noted
    return size, modified


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name, or make a copy where the file system has no hard links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
