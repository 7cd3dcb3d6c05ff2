"""`make audit` and `make sbom`: which weaknesses are known of the packages of requirements.lock, and the list of them.

The weaknesses come from OSV, the open database in which the advisories of the Python index and of GitHub are. pip-audit
asks it, too; it would bring a dozen packages more, and cannot tell that nobody answered from that something was found.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from orchestration.build.facts import project_version
from orchestration.foreign_text import say
from orchestration.settings import REPOSITORY

LOCK = REPOSITORY / "requirements.lock"
OSV = "https://api.osv.dev"
# the most questions that OSV takes at once
MOST_AT_ONCE = 1_000
TIMEOUT_SECONDS = 20
SPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "smallcap-lake")

_PACKAGE = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;]+)(?:\s*;\s*(?P<marker>.*?))?(?=\s*--hash|\s*$)"
)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class OsvError(Exception):
    """OSV did not answer; the text says why."""


@dataclass(frozen=True)
class Package:
    """One package of the lock file.

    Attributes:
        name: As the lock writes it: lower case, with dashes.
        version: The only version that is installed.
        marker: On which machines it is installed; empty for all.
        sha256: Of each file that may be installed.
    """

    name: str
    version: str
    marker: str
    sha256: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its name for all tools that read lists of packages."""
        return f"pkg:pypi/{self.name.lower().replace('_', '-')}@{self.version}"


def locked(lock: Path = LOCK) -> list[Package]:
    """The packages of a lock file, in its order.

    Raises:
        ValueError: A line of it cannot be read.
    """
    # a package and its hashes are one line, continued with backslashes
    lines = re.sub(r"\\\n\s*", " ", lock.read_text(encoding="utf-8")).splitlines()
    return [_package(line) for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _package(line: str) -> Package:
    found = _PACKAGE.match(line)
    if found is None:
        raise ValueError(f"{LOCK.name} has a line that names no package and version: {line[:80]}")
    return Package(found["name"], found["version"], found["marker"] or "", tuple(_HASH.findall(line)))


def weaknesses(packages: Sequence[Package], url: str = OSV) -> Iterator[tuple[Package, list[str]]]:
    """What OSV knows of packages: those with a weakness, and the names of the advisories.

    Raises:
        OsvError: OSV could not be asked, or its answer is none.
    """
    for start in range(0, len(packages), MOST_AT_ONCE):
        asked = packages[start : start + MOST_AT_ONCE]
        for package, found in zip(asked, _ask(asked, url), strict=True):
            if found:
                yield package, found


def _ask(packages: Sequence[Package], url: str) -> list[list[str]]:
    queries = [{"package": {"name": p.name, "ecosystem": "PyPI"}, "version": p.version} for p in packages]
    try:
        reply = requests.post(
            f"{url}/v1/querybatch", json={"queries": queries}, timeout=TIMEOUT_SECONDS, allow_redirects=False
        )
    except requests.RequestException as error:
        raise OsvError(type(error).__name__) from None
    if reply.status_code != 200:
        raise OsvError(f"HTTP {reply.status_code}")
    try:
        found = [sorted(str(one["id"]) for one in result.get("vulns", ())) for result in reply.json()["results"]]
    except (ValueError, LookupError, TypeError, AttributeError):
        raise OsvError("an answer in another form") from None
    if len(found) != len(packages):
        raise OsvError(f"{len(found)} answers to {len(packages)} questions")
    return found


def audit(packages: Sequence[Package], url: str = OSV) -> int:
    """Say which packages have a known weakness; 1 where one has, 0 where none has or OSV could not be asked."""
    try:
        found = list(weaknesses(packages, url))
    except OsvError as error:
        say(f"audit: {url} could not be asked ({error}), so nothing is known of the {len(packages)} packages")
        return 0
    for package, names in found:
        say(f"{package.name} {package.version}: {', '.join(f'https://osv.dev/vulnerability/{name}' for name in names)}")
    if found:
        say(f"audit: {len(found)} of {len(packages)} packages have a known weakness: raise them, and run make lock")
        return 1
    say(f"audit: no weakness is known of the {len(packages)} packages of {LOCK.name}")
    return 0


def bill_of_materials(packages: Sequence[Package], version: str) -> dict[str, Any]:
    """The packages in the form of CycloneDX 1.6; the same lock and version give the same document."""
    components = [
        {
            "type": "library",
            "bom-ref": package.purl,
            "name": package.name,
            "version": package.version,
            "purl": package.purl,
            "hashes": [{"alg": "SHA-256", "content": digest} for digest in package.sha256],
            **({"properties": [{"name": "marker", "value": package.marker}]} if package.marker else {}),
        }
        for package in packages
    ]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(SPACE, version + json.dumps(components))}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "smallcap-lake",
                "name": "smallcap-lake",
                "version": version,
                "licenses": [{"license": {"id": "MIT"}}],
            }
        },
        "components": components,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit the lock file, or write its bill of materials."""
    parser = argparse.ArgumentParser(prog="dependencies", description=__doc__)
    parser.add_argument("what", choices=("audit", "sbom"))
    parser.add_argument("--lock", type=Path, default=LOCK, help="the lock file (default: %(default)s)")
    parser.add_argument("--url", default=OSV, help="address of OSV, or of a mirror (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=REPOSITORY, help="where sbom writes (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        packages = locked(options.lock)
    except (OSError, ValueError) as error:
        say(error, error=True)
        return 1
    if options.what == "audit":
        return audit(packages, options.url)
    version = project_version()
    path = options.folder / f"smallcap-lake-{version}.cdx.json"
    path.write_text(json.dumps(bill_of_materials(packages, version), indent=2) + "\n", encoding="utf-8")
    say(f"wrote {path}: {len(packages)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
