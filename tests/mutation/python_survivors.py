"""The second half of `make mutants-python`: what mutmut's changes no test noticed, the known equivalent ones apart."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

from orchestration.settings import REPOSITORY

EQUIVALENT = Path(__file__).with_name("equivalent_python.csv")


def mutmut(*arguments: str) -> str:
    """What a command of mutmut prints."""
    command = [str(Path(sys.executable).with_name("mutmut")), *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout


def change_of(diff: str) -> tuple[str, str]:
    """The first changed line of a diff before and after, without indentation."""
    lines = {sign: re.search(rf"^\{sign}(?!\{sign}\{sign})(.*)$", diff, re.MULTILINE) for sign in "-+"}
    return tuple(line.group(1).strip() if line else "" for line in lines.values())  # type: ignore[return-value]


def main() -> int:
    """Print the survivors; 1 if there are any but the known ones, 0 otherwise."""
    with EQUIVALENT.open(encoding="utf-8", newline="") as file:
        known = {(row["function"], row["before"], row["after"]) for row in csv.DictReader(file)}
    outcomes = re.findall(r"^\s*(\S+): (.+)$", mutmut("results", "--all", "true"), re.MULTILINE)
    left = 0
    for name, outcome in outcomes:
        if outcome == "killed":
            continue
        # orchestration.calendars.x__nth_friday__mutmut_8 is a change of _nth_friday
        function = re.sub(r"x[_ǁ](?:\w+ǁ)?(\w+)__mutmut_\d+$", r"\1", name)
        before, after = change_of(mutmut("show", name))
        kind = "equivalent" if (function, before, after) in known else outcome
        left += kind != "equivalent"
        print(f"{kind}: {function}\n  - {before}\n  + {after}")
    print(f"{len(outcomes)} changes, {sum(o == 'killed' for _, o in outcomes)} noticed, {left} unexplained")
    return int(left > 0)


if __name__ == "__main__":
    sys.exit(main())
