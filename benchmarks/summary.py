"""`make bench ONLY=summary`: the newest results as Markdown, for docs/performance.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from benchmarks.report import RESULTS


def summary() -> None:
    """Print what the files of results say, as ratios within one run of the benchmark."""
    for name, told in {"panel": _panel, "day": _day, "growth": _growth}.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            _print(name, json.loads(path.read_text(encoding="utf-8")), told)
        else:
            print(f"\nno results yet: make bench ONLY={name}")


def _print(name: str, found: dict, told: Callable[[dict], Iterator[tuple[str, ...]]]) -> None:
    head, *rows = told(found)
    measured = (
        f"Measured {found['date']}, commit {found['commit'][:7]}, {found['cores']} cores" if "date" in found else ""
    )
    print(f"\n### {name}\n\n{measured}\n" if measured else f"\n### {name}\n")
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def _panel(found: dict) -> Iterator[tuple[str, ...]]:
    yield "work", "seconds", "ratio to ours", "peak GiB"
    for name in ("ours", "polars", "pandas", "duckdb"):
        peak = found.get(f"{name}_gib")
        seconds = found[f"{name}_s"]
        yield name, f"{seconds:.1f}", f"{seconds / found['ours_s']:.2f}", f"{peak:.2f}" if peak else ""
    for name, what in (("one_more_day_s", "one more session"), ("io_bound_s", "reading and writing the result alone")):
        yield what, f"{found[name]:.2f}", f"{found[name] / found['ours_s']:.3f}", ""


def _day(found: dict) -> Iterator[tuple[str, ...]]:
    parts = tuple(found["first"]["parts"])
    yield "run", "seconds", "processor seconds", "ratio to the first", "peak GiB", *parts
    for kind in ("first", "unchanged", "new_session"):
        run = found[kind]
        yield (
            kind.replace("_", " "),
            f"{run['seconds']:.0f}",
            f"{run['cpu_seconds']:.0f}",
            f"{run['cpu_seconds'] / found['first']['cpu_seconds']:.2f}",
            f"{run['peak_gib']:.1f}",
            *(f"{run['parts'][part]:.1f}" for part in parts),
        )


def _growth(found: dict) -> Iterator[tuple[str, ...]]:
    yield "daily runs", "raw files", "unchanged, processor seconds", "ratio", "new session, processor seconds", "ratio"
    first = found["runs"][0]
    for run in found["runs"]:
        cells = [f"{run['daily_runs']:,}", f"{run['raw_files']:,}"]
        for kind in ("unchanged", "new_session"):
            seconds = run[f"{kind}_cpu_seconds"]
            cells += [f"{seconds:.1f}", f"{seconds / first[f'{kind}_cpu_seconds']:.2f}"]
        yield tuple(cells)
