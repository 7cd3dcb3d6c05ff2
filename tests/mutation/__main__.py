"""`make mutants`: change the SQL of the models a little, run their dbt unit tests, list the changes nobody noticed.

dbt parses the project once and builds it once over an empty lake, because a unit test takes the types of its input from
tables. Then every change is put into the parsed project in memory and `dbt test` is run on the unit tests of its model.
Unit tests see only their own model and what they are given, so one run of dbt can try one change of each model.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import multiprocessing
import os
import random
import resource
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from dbt.artifacts.schemas.results import RunStatus
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

from benchmarks.archive import write_reference
from orchestration.lake.store import Lake
from orchestration.settings import REPOSITORY
from tests.mutation.changes import Change, changes

PROJECT = REPOSITORY / "dbt_project"
EQUIVALENT = Path(__file__).with_name("equivalent.csv")
DEFAULT_MODELS = ("fct_*", "dim_*", "int_*", "mart_*")
LAST_SESSION = dt.date(2026, 8, 20)
# one run of dbt tries changes of so many models; its unit tests take a few seconds
MODELS_AT_ONCE = 8
SECONDS = 90
# DuckDB's own limit does not count everything: one change asked for 14 GB
DUCKDB_MEMORY = "2GB"
MEMORY_BYTES = 6 * 2**30
FORK = multiprocessing.get_context("fork")
# what DuckDB and dbt say of SQL that nobody could have run: such a change proves nothing about the tests
NEVER_RUNS = ("Compilation Error", "Parser Error", "Binder Error", "Catalog Error", "Syntax Error", "Parsing Error")


@dataclass(frozen=True)
class Mutant:
    """One change of one model.

    Attributes:
        model: Name of the model.
        text: Its SQL as it is written.
        change: What is changed.
    """

    model: str
    text: str
    change: Change

    @property
    def key(self) -> tuple[str, str, str]:
        """How the list of equivalent changes names it: model, line before, line after."""
        return (self.model, *self.change.lines(self.text))


def equivalents() -> dict[tuple[str, str, str], str]:
    """The reviewed changes that no test can notice: model, line before, line after → reason."""
    with EQUIVALENT.open(encoding="utf-8", newline="") as file:
        return {(row["model"], row["before"], row["after"]): row["reason"] for row in csv.DictReader(file)}


def models(patterns: Sequence[str]) -> dict[str, Path]:
    """The SQL models whose names match one of the patterns."""
    found = {path.stem: path for path in sorted((PROJECT / "models").rglob("*.sql"))}
    return {name: path for name, path in found.items() if any(fnmatch(name, pattern) for pattern in patterns)}


def mutants(patterns: Sequence[str]) -> list[Mutant]:
    """Every small change of the models that match."""
    texts = {name: path.read_text(encoding="utf-8") for name, path in models(patterns).items()}
    return [Mutant(name, text, change) for name, text in texts.items() for change in changes(text)]


class Trial:
    """The dbt project, built over an empty lake and parsed, whose models can be changed in memory."""

    def __init__(self, root: Path) -> None:
        os.environ["SMALLCAP_DATA_DIR"] = str(root)
        os.environ["SMALLCAP_DUCKDB_MEMORY"] = DUCKDB_MEMORY
        (root / "build" / "tmp").mkdir(parents=True)
        Lake(root, "sandbox")
        write_reference(root, LAST_SESSION)
        target = root / "target"
        built = subprocess.run(
            [sys.executable, "-m", "orchestration.build.steps", str(target), "--exclude", "resource_type:test"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
        if built.returncode:
            raise SystemExit(f"the project cannot be built over an empty lake:\n{built.stdout}\n{built.stderr}")
        self._arguments = [
            *("--quiet", "--log-level", "none", "--no-write-json", "--log-level-file", "none"),
            *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(target)),
        ]
        # dbt resolves the Python modules of the profile against the working directory
        os.chdir(PROJECT)
        self.manifest: Manifest = self._dbt(["parse"])
        self.tested = {test.model for test in self.manifest.unit_tests.values()}

    def _dbt(self, command: list[str], manifest: Manifest | None = None) -> Any:
        answer = dbtRunner(manifest=manifest).invoke([*command, *self._arguments])
        if answer.exception:
            raise answer.exception
        return answer.result

    def require_green(self, names: Iterable[str]) -> None:
        """Unit tests that fail on the models as they are would notice every change."""
        asked = sorted(set(names) & self.tested)
        for start in range(0, len(asked), MODELS_AT_ONCE):
            together = asked[start : start + MODELS_AT_ONCE]
            found = self.verdicts([Mutant(name, self._model(name).raw_code, Change(0, "", "")) for name in together])
            if failing := [name for name, verdict in found.items() if verdict != "unnoticed"]:
                raise SystemExit(f"unit tests of {', '.join(failing)} fail without any change: mend them first")

    def _model(self, name: str) -> Any:
        return next(
            node for node in self.manifest.nodes.values() if node.resource_type == "model" and node.name == name
        )

    def verdicts(self, tried: Sequence[Mutant]) -> dict[str, str]:
        """What the unit tests say of one change in each of several models: model → noticed, unnoticed or invalid.

        A change can make a query that does not end, takes all memory or kills its process, so a child of this process
        tries them within limits, which also closes the database. What ends so is tried alone, and noticed if it ends so
        again: a build would not get through.
        """
        receiver, sender = FORK.Pipe(duplex=False)
        child = FORK.Process(target=self._try_and_send, args=(tried, sender))
        child.start()
        sender.close()
        found: dict[str, str] | str | None = None
        with suppress(EOFError):
            found = receiver.recv() if receiver.poll(SECONDS) else None
        if found is None:
            child.kill()
        child.join()
        if isinstance(found, str):
            raise SystemExit(f"dbt could not test {[mutant.model for mutant in tried]}: {found}")
        if found is not None:
            return found
        if len(tried) == 1:
            return {tried[0].model: "noticed"}
        return {model: verdict for mutant in tried for model, verdict in self.verdicts([mutant]).items()}

    def _try_and_send(self, tried: Sequence[Mutant], sender: Connection) -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
        try:
            sender.send(self._try(tried))
        except Exception as error:
            sender.send(repr(error))

    def _try(self, tried: Sequence[Mutant]) -> dict[str, str]:
        asked = [mutant for mutant in tried if mutant.model in self.tested]
        for mutant in asked:
            self._model(mutant.model).raw_code = mutant.change.apply(mutant.text)
        said: dict[str, list[tuple[RunStatus, str]]] = defaultdict(list)
        if asked:
            selected = [f"{mutant.model},test_type:unit" for mutant in asked]
            for result in self._dbt(["test", "--select", *selected], self.manifest).results:
                said[result.node.unique_id.split(".")[2]].append((result.status, result.message or ""))
        return {mutant.model: _verdict(said[mutant.model]) for mutant in tried}


def _verdict(said: Sequence[tuple[RunStatus, str]]) -> str:
    failed = [message for status, message in said if status != "pass"]
    if not failed:
        return "unnoticed"
    return "invalid" if all(any(words in text for words in NEVER_RUNS) for text in failed) else "noticed"


def try_all(trial: Trial, candidates: Sequence[Mutant], count: int | None) -> Iterator[tuple[Mutant, str]]:
    """Try changes in their order until `count` of them were valid; each run of dbt takes at most one a model."""
    waiting = list(candidates)
    missing = len(waiting) if count is None else count
    while waiting and missing > 0:
        round_: dict[str, Mutant] = {}
        # only those that are surely part of the sample: which ones are tried depends on the seed, not on the rounds
        for mutant in waiting[:missing]:
            if len(round_) < MODELS_AT_ONCE:
                round_.setdefault(mutant.model, mutant)
        found = trial.verdicts(list(round_.values()))
        for mutant in round_.values():
            waiting.remove(mutant)
            missing -= found[mutant.model] != "invalid"
            yield mutant, found[mutant.model]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0; 1 if fewer than `--least` percent of the changes were noticed.
    """
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__.split("\n\n")[0])
    parser.add_argument("--seed", type=int, help="which random changes; a new one, printed, if not given")
    parser.add_argument("--count", type=int, default=100, help="how many valid changes; 0 tries all (default 100)")
    parser.add_argument(
        "--model", action="append", help="a model, * allowed, may be repeated (default fct dim int mart)"
    )
    parser.add_argument("--least", type=float, default=92, help="percent that must be noticed (default 92)")
    options = parser.parse_args(arguments)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)

    candidates = mutants(options.model or DEFAULT_MODELS)
    if not candidates:
        parser.error(f"no SQL model in dbt_project/models has a name like {' or '.join(options.model)}")
    if options.count:
        random.Random(seed).shuffle(candidates)  # noqa: S311 - a sample that can be drawn again
    known = equivalents()
    counts: Counter[str] = Counter()
    by_model: dict[str, Counter[str]] = defaultdict(Counter)
    with tempfile.TemporaryDirectory(prefix="smallcap-mutants-") as folder:
        trial = Trial(Path(folder))
        trial.require_green({mutant.model for mutant in candidates})
        print("Unnoticed:\n\n| model | line | before | after |\n|---|---|---|---|", flush=True)
        for mutant, verdict in try_all(trial, candidates, options.count or None):
            kind = "equivalent" if verdict == "unnoticed" and mutant.key in known else verdict
            counts[kind] += 1
            by_model[mutant.model][kind] += 1
            if kind == "unnoticed":
                before, after = (text.replace("|", "\\|") for text in mutant.key[1:])
                line = mutant.change.line_number(mutant.text)
                print(f"| {mutant.model} | {line} | `{before}` | `{after}` |", flush=True)

    print("\n| model | noticed | equivalent | unnoticed | invalid |\n|---|---|---|---|---|")
    for model, found in sorted(by_model.items()):
        print(f"| {model} | {found['noticed']} | {found['equivalent']} | {found['unnoticed']} | {found['invalid']} |")
    valid = counts.total() - counts["invalid"]
    share = 100 * counts["noticed"] / valid if valid else 0
    print(
        f"\nseed {seed}: {counts['noticed']} of {valid} changes noticed ({share:.1f} %), {counts['equivalent']} known "
        f"as equivalent, {counts['unnoticed']} unnoticed; {counts['invalid']} more are no valid SQL"
    )
    return int(share < options.least)


if __name__ == "__main__":
    sys.exit(main())
