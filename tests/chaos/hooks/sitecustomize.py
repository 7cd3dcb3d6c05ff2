"""Kills the process group of a run at a named point; Python imports this by itself where PYTHONPATH names its folder.

The plan comes in the environment variable CHAOS_PLAN, see tests/chaos/points.py. Nothing of it is in the product: files
get their names through os.replace, which is wrapped here, and functions are wrapped when their module is imported.
"""

from __future__ import annotations

import atexit
import fnmatch
import functools
import importlib.abc
import importlib.machinery
import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

PLAN: dict[str, Any] = json.loads(os.environ.get("CHAOS_PLAN") or "{}")
PASSED: Counter[str] = Counter()


def passed(name: str) -> None:
    """A point was reached: the whole group ends here if the plan says so."""
    PASSED[name] += 1
    if [name, PASSED[name]] == PLAN.get("kill"):
        os.killpg(os.getpgrp(), signal.SIGKILL)


def points(kind: str, where: str = "") -> list[tuple[str, dict[str, str]]]:
    return [(name, p) for name, p in PLAN["points"].items() if p["kind"] == kind and where in ("", p["where"])]


def wrapped_rename(rename: Callable[..., Any]) -> Callable[..., Any]:
    renames = points("rename")

    @functools.wraps(rename)
    def renamed(source: Any, target: Any, *rest: Any, **named: Any) -> Any:
        path = os.path.relpath(os.fsdecode(target), PLAN["data"])
        here = [(name, p["when"]) for name, p in renames if fnmatch.fnmatch(path, p["where"])]
        for name, when in here:
            if when == "before":
                passed(name)
        done = rename(source, target, *rest, **named)
        for name, when in here:
            if when == "after":
                passed(name)
        return done

    return renamed


def wrapped(call: Callable[..., Any], where: str) -> Callable[..., Any]:
    here = points("call", where)
    tells = points("reached", where)

    @functools.wraps(call)
    def called(*given: Any, **named: Any) -> Any:
        for name, point in here:
            if point["when"] == "before":
                passed(name)
            if point["when"] == "half" and [name, PASSED[name] + 1] == PLAN.get("kill"):
                files = sorted(path for path in Path(given[0]).rglob("*") if path.is_file())
                for path in files[: len(files) // 2]:
                    path.unlink()
            if point["when"] == "half":
                passed(name)
        if tells:
            named["reached"] = lambda said: [passed(name) for name, point in tells if point["when"] == said]
        done = call(*given, **named)
        for name, point in here:
            if point["when"] == "after":
                passed(name)
        return done

    return called


def wrap_functions(module: ModuleType) -> None:
    for where in {p["where"] for kind in ("call", "reached") for _, p in points(kind)}:
        name, _, path = where.partition(":")
        if name == module.__name__:
            *owners, attribute = path.split(".")
            owner = functools.reduce(getattr, owners, module)
            setattr(owner, attribute, wrapped(getattr(owner, attribute), where))
    for where, value in PLAN.get("constants", {}).items():
        name, _, attribute = where.partition(":")
        if name == module.__name__:
            setattr(module, attribute, value)


class Finder(importlib.abc.MetaPathFinder):
    """Finds modules as always, and wraps their functions before anybody can import one."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        modules = {where.partition(":")[0] for where in PLAN.get("constants", {})}
        modules |= {p["where"].partition(":")[0] for p in PLAN["points"].values() if p["kind"] != "rename"}
        if name not in modules:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def run_and_wrap(module: ModuleType) -> None:
            run(module)
            wrap_functions(module)

        spec.loader.exec_module = run_and_wrap  # ty: ignore[invalid-assignment]
        return spec


def say_what_was_passed() -> None:
    with suppress(OSError), Path(PLAN["counts"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(PASSED) + "\n")


if PLAN:
    os.replace, os.rename = wrapped_rename(os.replace), wrapped_rename(os.rename)
    wrap_functions(shutil)
    sys.meta_path.insert(0, Finder())
    if PLAN.get("counts"):
        atexit.register(say_what_was_passed)
