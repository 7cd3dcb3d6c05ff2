"""The README says what is there: commands, settings, tables, files, examples."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from orchestration.cli.dictionary import current_tables
from orchestration.publish.known_at import KNOWN_AT
from orchestration.publish.macros import BETWEEN
from orchestration.settings import REPOSITORY, VENDORS, Settings

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
TODAY = "2026-11-20"
# read by automation.py when the code location loads, before there are settings
OUTSIDE_SETTINGS = {"SMALLCAP_SCHEDULE": "on"}


def _defaults() -> dict[str, str]:
    """Every setting and its default as the README writes it."""
    out = dict(OUTSIDE_SETTINGS)
    for field, info in Settings.model_fields.items():
        name = "FRED_API_KEY" if field == "fred_api_key" else f"SMALLCAP_{field.upper()}"
        value = info.default
        if isinstance(value, bool):
            out[name] = str(value).lower()
        elif isinstance(value, Path):
            out[name] = str(value.relative_to(REPOSITORY))
        elif value == VENDORS:
            out[name] = ",".join(VENDORS)
        else:
            out[name] = "unset" if value in (None, ()) else str(value)
    return out


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def test_every_make_target_exists_and_every_command_is_named() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)\b(?=[`\s\"]|$)", "\n".join(_code())))
    assert named <= targets
    assert {"run", "live", "ui", "status", "query", "diff", "dictionary", "help", "clean"} <= named


def _code() -> list[str]:
    return [text for _, text in BLOCKS] + re.findall(r"`([^`\n]+)`", README)


def test_the_settings_table_is_what_the_settings_are() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| `?([^|`]+?)`? \|", README, re.MULTILINE)
    assert dict(rows) == _defaults()
    assert len(rows) == len(_defaults())


@pytest.mark.parametrize("file", ["README.md", ".env.example"])
def test_every_variable_named_is_a_setting_and_every_setting_is_named(file: str) -> None:
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    assert set(re.findall(r"SMALLCAP_[A-Z_]*[A-Z]|FRED_API_KEY", text)) == set(_defaults())


def test_settings_outside_the_settings_are_read_where_the_code_loads() -> None:
    text = (REPOSITORY / "orchestration" / "automation.py").read_text(encoding="utf-8")
    for name, default in OUTSIDE_SETTINGS.items():
        assert f'os.environ.get("{name}", "{default}")' in text


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", README)
    assert "docs/images/graph.png" in links
    assert "docs/images/prices.png" in links
    missing = []
    for link in links:
        path, _, anchor = link.partition("#")
        target = REPOSITORY / path if path else REPOSITORY / "README.md"
        if path.startswith("http"):
            continue
        if not target.exists():
            missing.append(link)
        elif anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            if anchor not in {_anchor(heading) for heading in headings}:
                missing.append(link)
    assert missing == []


def test_every_path_of_the_repository_that_is_named_exists() -> None:
    text = README.replace("docs/images/", "")  # links, which have their own test
    found = re.findall(r"(?:docs|examples|orchestration|dbt_project|tests)/[\w./-]*\w|\.env\.example", text)
    assert [path for path in set(found) if not (REPOSITORY / path).exists()] == []


def test_the_overview_names_every_table_once() -> None:
    named = re.findall(r"^\|[^|]*\| \[(\w+)\]\(docs/data_dictionary\.md#(\w+)\) \|", README, re.MULTILINE)
    assert sorted(name for name, _ in named) == [table.name for table in current_tables()]
    assert all(name == anchor for name, anchor in named)


def test_every_macro_is_named_with_its_parameters() -> None:
    for macro in (*BETWEEN, *KNOWN_AT):
        assert f"`{macro.name}({', '.join(macro.parameters)})`" in README


def test_every_restricted_series_and_every_fund_with_shares_stands_under_the_terms() -> None:
    terms = README.partition("### The vendors' terms")[2].partition("\n## ")[0]
    seeds = REPOSITORY / "dbt_project" / "seeds"
    with (seeds / "series.csv").open(encoding="utf-8") as file:
        restricted = {row["series_id"] for row in csv.DictReader(file) if row["may_redistribute"] == "false"}
    with (seeds / "instrument.csv").open(encoding="utf-8") as file:
        funds = {row["symbol"] for row in csv.DictReader(file) if row["shares_vendor"] not in ("", "blackrock")}
    assert {name for name in restricted | funds if not re.search(rf"\b{name}\b", terms)} == set()


def test_code_blocks_are_the_example_files() -> None:
    examples = REPOSITORY / "examples"
    scripts = {path.read_text(encoding="utf-8") for path in examples.glob("*.py")}
    assert {text for language, text in BLOCKS if language == "python"} == scripts
    queries = (examples / "query.sql").read_text(encoding="utf-8")
    written = [text for language, text in BLOCKS if language == "sql"]
    assert written
    assert [text for text in written if text not in queries] == []
    assert {language for language, _ in BLOCKS} == {"python", "sql", "sh"}


QUERIES = sorted(set(re.findall(r'make query SQL="([^"]+)"', README)))


@pytest.mark.parametrize("sql", QUERIES)
def test_every_make_query_runs(sandbox_release, sql: str) -> None:
    done = sandbox_release.call("orchestration.cli.query", TODAY, sql)
    assert done.returncode == 0, done.stderr
    assert "│" in done.stdout


def test_nothing_of_one_machine_is_in_it() -> None:
    files = [REPOSITORY / "README.md", REPOSITORY / "docs" / "data_dictionary.md", *(REPOSITORY / "examples").iterdir()]
    for file in files:
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        assert not re.search(r"(?<![\w.])/(work|tmp|home|root|Users)/", text), file


def test_the_lock_holds_hashes_and_no_address() -> None:
    lock = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", lock)
    pinned = re.findall(r"^[A-Za-z0-9_.\[\]-]+==", lock, flags=re.MULTILINE)
    assert len(pinned) > 100
    assert lock.count("--hash=sha256:") > len(pinned)


def test_every_published_table_belongs_to_an_exposure() -> None:
    text = (REPOSITORY / "dbt_project" / "models" / "exposures.yml").read_text(encoding="utf-8")
    assert sorted(re.findall(r"ref\('(\w+)'\)", text)) == [table.name for table in current_tables()]
