"""Whether a build may keep rows of the last one.

Tables that grow copy the rows whose inputs did not change from the table they replace, see dbt_project/macros/
incremental.sql. That is exact where the last build came to its end with the same code, seeds and settings, and nobody
wrote to its database since. Everywhere else, all is computed anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from orchestration.build.inputs import code_digest
from orchestration.build.record import database_state, read_json
from orchestration.lake.store import write_atomically

MARK = "growth.json"
# the clock may move: what it changes in the data is compared row by row
FACTS = ("source", "start_date", "version")


class Growth:
    """The mark that a build leaves at its end, and takes away when it begins."""

    def __init__(self, data_dir: Path, project: Path, selection: Sequence[str]) -> None:
        """What the tables of a build rest on besides the raw lake: code, seeds, settings, and what of it is built."""
        self._mark = data_dir / "build" / MARK
        self._database = data_dir / "build" / "warehouse.duckdb"
        (facts,) = pq.read_table(data_dir / "build" / "reference" / "run.parquet").to_pylist()
        digest = hashlib.sha256(code_digest(project).encode())
        digest.update(json.dumps([list(selection), *(str(facts.get(name)) for name in FACTS)]).encode())
        self._basis = digest.hexdigest()

    def is_possible(self) -> bool:
        """Whether the database is as a whole build of the same code left it."""
        try:
            mark = read_json(self._mark)
        except (OSError, ValueError):
            return False
        return mark == self._content() and mark["database"] is not None

    def begin(self) -> None:
        """Take the mark away: a build that does not come to its end leaves none."""
        self._mark.unlink(missing_ok=True)

    def end(self) -> None:
        """Leave the mark; call it when all steps passed and the database is closed."""
        write_atomically(self._mark, (json.dumps(self._content(), indent=2) + "\n").encode())

    def _content(self) -> dict[str, Any]:
        state = database_state(self._database)
        return {"basis": self._basis, "database": list(state) if state else None}
