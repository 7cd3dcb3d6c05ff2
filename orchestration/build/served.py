"""Whether what was built is what is served, in words for the page of a table."""

from __future__ import annotations

from pathlib import Path

from orchestration.build.record import read_json

# written by publish at its end: the release that is served, and the build it says
NOTE = "published.json"


def publication(data_dir: Path, invocation_id: str, *, publishes: bool) -> tuple[bool, str]:
    """Whether a build is served, or will be at the end of the run; and a sentence that says so.

    Args:
        data_dir: The data directory.
        invocation_id: dbt's id of the build.
        publishes: Whether the run that built it goes on to publish it.
    """
    if publishes:
        return True, "This run publishes it at its end."
    try:
        note = read_json(data_dir / "build" / NOTE)
        release, published = note["release"], note["invocation_id"]
    except (OSError, ValueError, KeyError, TypeError):
        return False, "Not published: nothing was. Materialize `release` to publish it."
    if published == invocation_id:
        return True, f"Published as release {release}."
    return False, f"Not published: release {release}, which is served, is of an earlier build. Materialize `release`."
