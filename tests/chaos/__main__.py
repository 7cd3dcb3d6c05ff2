"""`make chaos`: kill runs at named points and at random moments, let the next run repair, and compare.

A small sandbox history is prepared once. Every chain of kills starts from a copy of it, at one of the stages of a run.
After each kill what readers see is checked; after the chain a run is left to its end, and the directory must be the one
that nobody disturbed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestration.calendars import NEW_YORK
from orchestration.sandbox.server import sandbox_server
from orchestration.settings import REPOSITORY
from tests.chaos import checks
from tests.chaos.directory import Directory, passed
from tests.chaos.disks import ROOMS, can_mount, on_a_bad_disk
from tests.chaos.points import STAGES, Stage

# the cheapest history in which every stage has something to do: seven weeks of prices, four days of holdings
RANGE = {
    "SMALLCAP_START": "2026-10-01",
    "SMALLCAP_HOLDINGS_START": "2026-11-16",
    "SMALLCAP_FILINGS_START": "2026-09-30",
}
BEFORE, DAY = "2026-11-19", "2026-11-20"
# the days of the readers
DAYS = (DAY, "2026-11-23", "2026-11-24")
MOMENT = "at a random moment"
# of the kills that are left when every named point had one
SHARES = {"ask": 3, "merge": 1, "build": 2, "publish": 3, "retention": 1, "whole run": 2}


@dataclass
class Row:
    """What happened at one point."""

    kills: int = 0
    not_reached: int = 0
    repaired: int = 0
    found: list[str] = field(default_factory=list)


class Harness:
    """The prepared history, and the chains of kills on it."""

    def __init__(self, root: Path, seed: int, range_: dict[str, str], before: str, day: str) -> None:
        self.root = root
        self.random = random.Random(seed)  # noqa: S311 - kills that can be drawn again
        self.directory = Directory(root, range_)
        self.before, self.day = before, day
        self.rows: dict[tuple[str, str], Row] = defaultdict(Row)
        self.apart = 0
        self.counts: dict[str, Counter[str]] = {}
        self.seconds: dict[str, float] = {}
        self.wanted: dict[str, dict[str, str]] = {}
        self._open = ExitStack()
        self._urls: dict[str, str] = {}

    def __enter__(self) -> Harness:
        return self

    def __exit__(self, *raised: object) -> None:
        self._open.close()

    def environment(self, day: str) -> dict[str, str]:
        """The settings of a run on a day, whose market one server of this process shows to all runs."""
        if day not in self._urls:
            moment = dt.datetime.fromisoformat(f"{day}T23:59:59").replace(tzinfo=NEW_YORK)
            self._urls[day] = self._open.enter_context(sandbox_server(moment))
        return self.directory.environment(day, self._urls[day])

    def prepare(self, stages: Sequence[Stage]) -> None:
        """Make the history, run its stages once undisturbed, and keep what each of them starts from and ends with."""
        if not (self.root / "kept-before").exists():
            self.left_alone(STAGES["whole run"], self.before)
            self.directory.keep("before")
        self.directory.restore("before")
        names = {stage.name for stage in stages}
        parts = ("ask",) if names <= {"ask", "merge"} else ("ask", "build", "publish")
        for name, kept_as in zip(parts, ("asked", "built", "published"), strict=False):
            stage = STAGES[name]
            self.left_alone(stage, self.day)
            self.wanted[name] = self.contents(stage)
            if found := self.wrong(stage):
                raise SystemExit(f"{name}: an undisturbed run is not whole: {'; '.join(found)}")
            self.directory.keep(kept_as)
        # the stages one after the other are the whole, and so are those that do the same under other limits
        self.seconds["whole run"] = sum(self.seconds[name] for name in parts)
        for name, like in (("merge", "ask"), ("retention", "publish"), ("whole run", "publish")):
            self.wanted[name] = self.wanted.get(like, {})
            self.seconds.setdefault(name, self.seconds.get(like, 0))
            self.counts.setdefault(name, self.counts.get(like, Counter()))

    def left_alone(self, stage: Stage, day: str) -> None:
        """Run a stage to its end, and count how often it passes each of its points."""
        counts = self.root / "counts.txt"
        counts.unlink(missing_ok=True)
        ended = self.directory.run(stage, self.environment(day), counts=counts)
        if ended.code:
            raise SystemExit(f"{stage.name} does not pass even undisturbed:\n{ended.printed[-4000:]}")
        self.counts[stage.name] = passed(counts)
        self.seconds[stage.name] = ended.seconds

    def contents(self, stage: Stage) -> dict[str, str]:
        """What of the directory must be the same after every chain of a stage."""
        data = self.directory.data
        raw = {f"raw/{name}": said for name, said in checks.raw_contents(data).items()}
        if stage.command[-1] == "ask":
            return raw
        return raw | (checks.build_contents(data) if stage.command[-1] == "build" else checks.release_contents(data))

    def wrong(self, stage: Stage) -> list[str]:
        """What is wrong with the directory after a run of a stage that was left to its end."""
        found = checks.differences(self.contents(stage), self.wanted[stage.name])
        return found + checks.repaired(self.directory.data)

    def chain(self, stage: Stage, points: Sequence[str]) -> list[str]:
        """Kill a stage at points, one run after the other, then leave one to its end; what is wrong then.

        Args:
            stage: What is killed.
            points: Names of its points in the order in which a run passes them.
        """
        self.directory.restore(stage.begins)
        environment = self.environment(self.day)
        killed, found = [], []
        for name in points:
            row = self.rows[stage.name, name]
            if name == MOMENT:
                ended = self.directory.run(
                    stage, environment, after=self.random.uniform(0.5, 0.95 * self.seconds[stage.name])
                )
            else:
                # a run that goes on from a kill has less to do
                most = self.counts[stage.name][name] // (4 if killed else 1)
                times = self.random.randint(1, max(most, 1))
                ended = self.directory.run(stage, environment, kill=(name, times))
            if ended.was_killed:
                row.kills += 1
                killed.append(name)
            else:
                row.not_reached += 1
                if ended.code:
                    found.append(f"the run after a kill ended with {ended.code}: {ended.printed[-1500:]}")
            found += [f"after a kill {name}: {said}" for said in checks.standing(self.directory.data)]
            self.apart += checks.is_apart(self.directory.data)
        ended = self.directory.run(stage, environment)
        if ended.code:
            found.append(f"the last run ended with {ended.code}: {ended.printed[-1500:]}")
        found += self.wrong(stage)
        for name in killed:
            self.rows[stage.name, name].repaired += not found
            self.rows[stage.name, name].found += found
        return found

    def draw(self, stages: Sequence[Stage], kills: int) -> Iterator[tuple[Stage, list[str]]]:
        """Chains of points without end: every named point once, then random ones and random moments."""
        waiting = {stage.name: [point.name for point in stage.points] for stage in stages}
        for names in waiting.values():
            self.random.shuffle(names)
        while True:
            named = [stage for stage in stages if waiting[stage.name]]
            weights = [SHARES[stage.name] for stage in named or stages]
            (stage,) = self.random.choices(named or stages, weights)
            order = [MOMENT, *(point.name for point in stage.points)]
            left = waiting[stage.name]
            chosen = [left.pop() if left else self.random.choice(order) for _ in range(stage.chain)]
            yield stage, sorted(chosen, key=order.index)

    def kill(self, stages: Sequence[Stage], kills: int, minutes: float) -> None:
        """Kill as often as asked, or as long as there is time."""
        until = time.monotonic() + 60 * minutes
        for stage, points in self.draw(stages, kills):
            found = self.chain(stage, points)
            done = sum(row.kills for row in self.rows.values())
            for said in found:
                print(f"  WRONG {said}", flush=True)
            print(f"{done:4} kills; {stage.name}: {', '.join(points)}{'' if found else ': repaired'}", flush=True)
            if found:
                self.directory.keep(f"wrong-{done}")
            if done >= kills or time.monotonic() > until:
                return

    def bad_disks(self, stages: Sequence[Stage]) -> None:
        """Each stage on full disks and on one that is read-only, and again when there is room."""
        if not can_mount(self.directory.data):
            print("no small disks: that needs the command unshare and user namespaces, which are not to be had here")
            return
        for stage in stages:
            for room in ROOMS.get(stage.name, ()):
                name = "the disk is read-only" if room is None else f"the disk is full, {room} kB are left"
                found = on_a_bad_disk(self.directory, stage, self.environment(self.day), room) + self.wrong(stage)
                row = self.rows[stage.name, name]
                row.kills, row.repaired, row.found = row.kills + 1, row.repaired + (not found), row.found + found
                print(f"     {stage.name}: {name}{''.join(f'; WRONG {said}' for said in found)}", flush=True)

    def two_at_once(self, pairs: int) -> list[str]:
        """Start two whole runs at once: both pass, or one is refused in words; the tables are those of one."""
        wrong = []
        stage = STAGES["whole run"]
        for number in range(pairs):
            self.directory.restore("before")
            outputs = [self.root / f"printed-{name}.txt" for name in ("first", "second")]
            began = []
            for output in outputs:
                began.append(self.directory.start(stage.command, self.environment(self.day), output))
                time.sleep(self.random.uniform(0, 6) if number else 0)
            codes = [process.wait(timeout=1800) for process in began]
            printed = [output.read_text(encoding="utf-8") for output in outputs]
            found = [] if 0 in codes else ["neither of two runs at once passed"]
            found += [f"a run said: {text[-1500:]}" for text in printed if "Traceback" in text]
            if self.directory.run(stage, self.environment(self.day)).code:
                found.append("the run after two at once failed")
            found += self.wrong(stage)
            refused = [text.splitlines()[-1] for text, code in zip(printed, codes, strict=True) if code]
            print(f"two at once: {'; '.join(refused) or 'both passed'}{''.join(f'; WRONG {f}' for f in found)}")
            wrong += found
        return wrong

    @contextmanager
    def reading(self, readers: int) -> Iterator[dict[str, object]]:
        """Readers beside what is done meanwhile, and what they say at the end."""
        stop = self.root / "stop"
        stop.unlink(missing_ok=True)
        begun = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.readers", str(self.directory.data), str(stop), str(number)],
                cwd=REPOSITORY,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(readers)
        ]
        said: dict[str, object] = {}
        try:
            yield said
        finally:
            stop.touch()
            answers = [json.loads(reader.communicate(timeout=120)[0] or "null") for reader in begun]
        if None in answers:
            raise SystemExit("a reader did not come to its end")
        said["readings"] = sum(answer["readings"] for answer in answers)
        said["apart"] = sum(answer["apart"] for answer in answers)
        for what in ("errors", "mixed"):
            said[what] = [text for answer in answers for text in answer[what]]

    def read_over_runs(self, readers: int) -> dict[str, object]:
        """Readers over a run of each of three days."""
        self.directory.restore("before")
        with self.reading(readers) as said:
            for day in DAYS:
                self.left_alone(STAGES["whole run"], day)
        return said

    def table(self) -> str:
        """What happened at each point."""
        lines = ["| stage | point | kills | repaired | differences |", "|---|---|---|---|---|"]
        for stage in STAGES.values():
            order = [*(point.name for point in stage.points), MOMENT]
            order += [name for of, name in self.rows if of == stage.name and name not in order]
            for name in order:
                row = self.rows.get((stage.name, name))
                if row and (row.kills or row.not_reached):
                    lines.append(f"| {stage.name} | {name} | {row.kills} | {row.repaired} | {len(row.found)} |")
        kills, repaired = (sum(getattr(row, of) for row in self.rows.values()) for of in ("kills", "repaired"))
        wrong = sum(len(row.found) for row in self.rows.values())
        return "\n".join([*lines, f"| all | | {kills} | {repaired} | {wrong} |"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0; 1 where anything was not repaired, or a reader saw what it should not.
    """
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__.split("\n\n")[0])
    parser.add_argument("--kills", type=int, default=200, help="how many kills (default 200)")
    parser.add_argument("--seed", type=int, help="which random kills; a new one, printed, if not given")
    parser.add_argument("--stage", action="append", choices=STAGES, help="a stage, may be repeated (default: all)")
    parser.add_argument("--pairs", type=int, default=3, help="how often two runs start at once (default 3)")
    parser.add_argument("--readers", type=int, default=16, help="readers beside runs of three days (default 16)")
    parser.add_argument("--no-disks", dest="disks", action="store_false", help="no full and no read-only disks")
    parser.add_argument("--minutes", type=float, default=24 * 60.0, help="no new chain of kills after so many minutes")
    parser.add_argument("--folder", type=Path, help="a folder to work in that is kept, with the history prepared")
    options = parser.parse_args(arguments)
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    stages = [STAGES[name] for name in options.stage or STAGES]
    folder = options.folder or Path(tempfile.mkdtemp(prefix="smallcap-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"seed {seed}, in {folder}", flush=True)
    began = time.monotonic()
    wrong: list[str] = []
    try:
        with Harness(folder, seed, RANGE, BEFORE, DAY) as harness:
            harness.prepare([*stages, STAGES["whole run"]] if options.pairs else stages)
            print("undisturbed: " + ", ".join(f"{name} {s:.0f} s" for name, s in harness.seconds.items()), flush=True)
            if options.kills:
                harness.kill(stages, options.kills, options.minutes)
            if options.disks:
                harness.bad_disks(stages)
            wrong += harness.two_at_once(options.pairs)
            said = harness.read_over_runs(options.readers) if options.readers else {}
            print(f"\n{harness.table()}\n\nfound apart after a kill: {harness.apart}")
            wrong += [text for row in harness.rows.values() for text in row.found]
    finally:
        if not options.folder and not wrong:
            shutil.rmtree(folder, ignore_errors=True)
    if said:
        wrong += [*said["errors"], *said["mixed"]]
        print(
            f"{options.readers} readers over {len(DAYS)} runs: {said['readings']} readings, "
            f"{len(said['errors'])} errors, {len(said['mixed'])} mixed releases, "
            f"{said['apart']} found the two names apart"
        )
    print(f"seed {seed}: {len(wrong)} deviations, {(time.monotonic() - began) / 60:.0f} minutes")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
