"""A stage on a disk that is full, or that nobody may write to; with room and rights again, the next run repairs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from orchestration.settings import REPOSITORY
from tests.chaos.directory import Directory
from tests.chaos.points import Stage

NEW_MOUNTS = ["unshare", "--user", "--map-root-user", "--mount"]
# how much is left where a stage begins, in kB; None is a disk that is read-only
ROOMS: dict[str, tuple[int | None, ...]] = {
    "ask": (64, 400, None),
    "build": (64, 2000, None),
    "publish": (64, 1500, None),
}
SCRIPT = """
import json, os, subprocess, sys
size, data, kept, out, room, *command = sys.argv[1:]
def run(*words, **more):
    return subprocess.run(words, check=True, **more)
run("mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", data)
run("cp", "-a", f"{kept}/.", data)
def stage():
    return subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, errors="replace")
if room == "None":
    run("mount", "-o", "remount,ro", data)
first = stage()
latest = os.readlink(f"{data}/exports/latest")
run("mount", "-o", "remount,rw,size=4g", data)
second = stage()
run("cp", "-a", data, out)
print(json.dumps({"first": first.returncode, "latest": latest, "second": second.returncode,
                  "said": second.stderr[-1500:] if second.returncode else ""}))
"""


def can_mount(folder: Path) -> bool:
    """Whether a process may mount a small file system that only it sees."""
    tried = ["sh", "-c", f"mount -t tmpfs -o size=1m tmpfs '{folder}'"]
    try:
        return subprocess.run([*NEW_MOUNTS, *tried], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def on_a_bad_disk(directory: Directory, stage: Stage, environment: Mapping[str, str], room: int | None) -> list[str]:
    """Run a stage on a bad disk, and again when it is mended; the directory is then as that run left it.

    Returns:
        What went otherwise than it should, besides what the directory holds.
    """
    kept, out = directory.root / f"kept-{stage.begins}", directory.root / "from-disk"
    before = (kept / "exports" / "latest").readlink().name
    used = subprocess.run(["du", "-sk", str(kept)], capture_output=True, text=True, check=True).stdout.split()[0]
    for folder in (directory.data, out):
        shutil.rmtree(folder, ignore_errors=True)
    directory.data.mkdir()
    size = int(used) + (room or 10_000)
    given = [str(size), str(directory.data), str(kept), str(out), str(room), *stage.command]
    done = subprocess.run(
        [*NEW_MOUNTS, sys.executable, "-c", SCRIPT, *given],
        cwd=REPOSITORY,
        env={**environment, **stage.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return [f"the disk cannot be made: {done.stderr[-1500:]}"]
    directory.data.rmdir()
    out.rename(directory.data)
    said = json.loads(done.stdout)
    found = [] if said["first"] else ["it passed on a bad disk"]
    found += [] if said["latest"] == before else [f"latest moved to {said['latest']}"]
    return found + ([f"the next run ended with {said['second']}: {said['said']}"] if said["second"] else [])
