"""The README and the pages in docs/ say what is there: commands, settings, tables, files, rooms, examples."""

from __future__ import annotations

import ast
import csv
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from orchestration.build.facts import project_version
from orchestration.cli.dictionary import current_tables
from orchestration.publish.known_at import KNOWN_AT
from orchestration.publish.macros import BETWEEN
from orchestration.settings import REPOSITORY, VENDORS, Settings

GENERATED = REPOSITORY / "docs" / "data_dictionary.md"
TOP = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "data_lake/README.md"]
# every page by its path, the generated dictionary apart
PAGES = {
    path.relative_to(REPOSITORY).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted([*(REPOSITORY / name for name in TOP), *(REPOSITORY / "docs").rglob("*.md")])
    if path != GENERATED
}
README, TABLES, LIVE = PAGES["README.md"], PAGES["docs/tables.md"], PAGES["docs/live.md"]
ARCHITECTURE = PAGES["docs/architecture.md"]
ALL = "\n".join(PAGES.values())
# a block may be indented below a point of a list
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
# at most two screens
README_LINES, README_BYTES = 110, 6500
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


def _blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of the code blocks of a page."""
    return [(language, content) for _, language, content in BLOCK.findall(text)]


def _code(text: str) -> list[str]:
    """What a page shows as code: blocks, and words between backticks."""
    return [content for _, content in _blocks(text)] + re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))


def _targets() -> set[str]:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))


def test_the_readme_is_at_most_two_screens() -> None:
    assert len(README.splitlines()) <= README_LINES
    assert len(README.encode()) <= README_BYTES


def test_the_readme_leads_to_every_page() -> None:
    """Every page but the records of decisions, to which their index leads."""
    readers = {name for name in PAGES if not name.startswith("docs/decisions/")} - {"README.md"}
    readers |= {"docs/data_dictionary.md", "docs/decisions/README.md"}
    assert {link.partition("#")[0] for link in _links(README)} >= readers


def test_the_index_of_decisions_names_every_record_once() -> None:
    listed = [link for link in _links(PAGES["docs/decisions/README.md"]) if not link.startswith("..")]
    folder = REPOSITORY / "docs" / "decisions"
    assert sorted(listed) == sorted(path.name for path in folder.glob("*.md") if path.name != "README.md")


def test_every_record_of_a_decision_has_a_date() -> None:
    for name, text in PAGES.items():
        if name.startswith("docs/decisions/") and not name.endswith("README.md"):
            assert re.match(r"# .+\n\n20\d\d-\d\d-\d\d\b", text), name


def test_every_make_target_exists_and_every_command_is_named() -> None:
    words = "\n".join(code for text in PAGES.values() for code in _code(text))
    named = set(re.findall(r"\bmake ([a-z-]+)\b(?=[`\s\"]|$)", words))
    assert named == _targets()


def test_make_help_lists_every_target() -> None:
    done = subprocess.run(["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert set(re.findall(r"^  make ([a-z-]+) ", done.stdout, re.MULTILINE)) == _targets()
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony
    assert set(phony[1].split()) == _targets()


def test_the_hooks_of_pre_commit_are_the_commands_of_make_lint() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^lint:.*\n((?:\t.+\n)+)", makefile, re.MULTILINE)
    assert recipe
    commands = [line.strip().removeprefix("@").replace("$(BIN)", ".venv/bin") for line in recipe[1].splitlines()]
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    assert [hook["entry"] for hook in hooks[0]["hooks"]] == commands
    assert {(hook["language"], hook["pass_filenames"]) for hook in hooks[0]["hooks"]} == {("system", False)}


def test_the_changelog_ends_with_the_version_of_the_code() -> None:
    headings = re.findall(r"^## (.+)$", PAGES["CHANGELOG.md"], re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    versions = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (20\d\d-\d\d-\d\d)", heading) for heading in headings[1:]]
    found = [(match[1], match[2]) for match in versions if match]
    assert len(found) == len(headings) - 1
    assert found[0][0] == project_version()
    order = [(tuple(map(int, version.split("."))), day) for version, day in found]
    assert order == sorted(order, reverse=True)


def test_the_settings_table_is_what_the_settings_are() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| `?([^|`]+?)`? \|", LIVE, re.MULTILINE)
    assert dict(rows) == _defaults()
    assert len(rows) == len(_defaults())


def test_every_variable_named_is_a_setting_and_every_setting_is_named() -> None:
    example = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    variable = re.compile(r"SMALLCAP_[A-Z_]*[A-Z]|FRED_API_KEY")
    assert set(variable.findall(example)) == set(_defaults())
    assert set(variable.findall(ALL)) == set(_defaults())


def test_settings_outside_the_settings_are_read_where_the_code_loads() -> None:
    text = (REPOSITORY / "orchestration" / "automation.py").read_text(encoding="utf-8")
    for name, default in OUTSIDE_SETTINGS.items():
        assert f'os.environ.get("{name}", "{default}")' in text


def _links(text: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", text)


def _anchors(path: Path) -> set[str]:
    text = BLOCK.sub("", path.read_text(encoding="utf-8"))
    return {_anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    source = REPOSITORY / page
    missing = []
    for link in _links(PAGES[page]):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = source.parent / path if path else source
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            missing.append(link)
    assert missing == []


def test_every_picture_is_shown() -> None:
    shown = {link.rpartition("/")[2] for link in _links(ALL) if link.endswith((".png", ".svg"))}
    assert shown == {path.name for path in (REPOSITORY / "docs" / "images").iterdir()}


def test_every_path_of_the_repository_that_is_named_exists() -> None:
    # links, which are relative to their page, have a test of their own
    text = re.sub(r"\]\([^)]*\)", "", ALL)
    found = re.findall(
        r"(?<![\w/])(?:(?:docs|examples|orchestration|dbt_project|tests|benchmarks)/[\w./-]*\w|\.env\.example|\.ci/\w+)",
        text,
    )
    assert [path for path in sorted(set(found)) if not (REPOSITORY / path).exists()] == []


def test_every_model_that_is_named_exists() -> None:
    """Pages name published tables, and the private models of a chain; the changelog also names what is gone."""
    models = {path.stem for path in (REPOSITORY / "dbt_project" / "models").rglob("*.sql")}
    text = "\n".join(text for name, text in PAGES.items() if name != "CHANGELOG.md")
    words = {word for code in _code(text) for word in re.findall(r"\b(?:stg|int|dim|fct|mart)_\w+\b(?!\*)", code)}
    prefixes = {word for word in words if word.endswith("_")}
    assert sorted(words - prefixes - models) == []
    assert "fct_index_membership_revision" in words


def _section(text: str, heading: str) -> str:
    """What stands below a heading of the second level."""
    return dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))[heading]


ROOMS = "The rooms of orchestration/"


def test_the_page_of_rooms_names_every_room() -> None:
    def rooms(section: str) -> set[str]:
        return set(re.findall(r"^\| `([\w./]+)` \|", _section(ARCHITECTURE, section), re.MULTILINE))

    def there(folder: str) -> set[str]:
        found = {path for path in (REPOSITORY / folder).iterdir() if not path.name.startswith(("_", "."))}
        return {f"{path.name}/" if path.is_dir() else path.name for path in found}

    assert rooms(ROOMS) == there("orchestration")
    models = "dbt_project/models"
    subjects = there(f"{models}/core") | there(f"{models}/marts")
    layers = {f"models/{room}" for room in there(models) if room.endswith("/")}
    # macros/, seeds/ and the like; dbt itself writes beside them
    assert rooms("The rooms of dbt_project/") - subjects - layers <= there("dbt_project")
    assert rooms("The rooms of dbt_project/") >= subjects | layers
    ignored = {".git", *(REPOSITORY / ".gitignore").read_text(encoding="utf-8").replace("/\n", "\n").split()}
    found = [path.name for path in REPOSITORY.iterdir() if path.is_dir()]
    folders = {f"{name}/" for name in found if not any(fnmatch(name, pattern) for pattern in ignored)}
    assert rooms("The other rooms") == folders - {"orchestration/", "dbt_project/"}


def _imports(path: Path) -> set[str]:
    """Dotted names of the modules a file imports."""
    out = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            out |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            out.add(node.module)
    return out


KNOWLEDGE = re.findall(r"^\| `([\w./]+)` \|[^|]+\|([^|]+)\|$", _section(ARCHITECTURE, ROOMS), re.MULTILINE)


@pytest.mark.parametrize(("room", "known"), KNOWLEDGE, ids=[room for room, _ in KNOWLEDGE])
def test_a_room_knows_only_what_the_page_says_it_may(room: str, known: str) -> None:
    home = REPOSITORY / "orchestration" / room
    files = [path for path in ([home] if home.is_file() else home.rglob("*.py")) if path.suffix == ".py"]
    imported = set().union(*map(_imports, files))
    for library in ("dagster", "duckdb"):
        if f"no {library}" in known.lower():
            assert not {name for name in imported if name.partition(".")[0].startswith(library)}
    if room in ("cli/", "definitions.py"):
        return
    parts = {name.split(".")[1] for name in imported if name.startswith("orchestration.")}
    allowed = {name.rstrip("/").removesuffix(".py") for name in re.findall(r"`([\w./]+)`", known)}
    assert parts - {room.rstrip("/").removesuffix(".py")} <= allowed


def test_the_overview_names_every_table_once() -> None:
    named = re.findall(r"^\|[^|]*\| \[(\w+)\]\(data_dictionary\.md#(\w+)\) \|", TABLES, re.MULTILINE)
    assert sorted(name for name, _ in named) == [table.name for table in current_tables()]
    assert all(name == anchor for name, anchor in named)


def test_every_macro_is_named_with_its_parameters() -> None:
    for macro in (*BETWEEN, *KNOWN_AT):
        assert f"`{macro.name}({', '.join(macro.parameters)})`" in TABLES


def test_every_restricted_series_and_every_fund_with_shares_stands_under_the_terms() -> None:
    terms = LIVE.partition("## The vendors' terms")[2].partition("\n## ")[0]
    seeds = REPOSITORY / "dbt_project" / "seeds"
    with (seeds / "series.csv").open(encoding="utf-8") as file:
        restricted = {row["series_id"] for row in csv.DictReader(file) if row["may_redistribute"] == "false"}
    with (seeds / "instrument.csv").open(encoding="utf-8") as file:
        funds = {row["symbol"] for row in csv.DictReader(file) if row["shares_vendor"] not in ("", "blackrock")}
    assert {name for name in restricted | funds if not re.search(rf"\b{name}\b", terms)} == set()


def test_code_blocks_are_the_example_files() -> None:
    examples = REPOSITORY / "examples"
    scripts = {path.read_text(encoding="utf-8") for path in examples.glob("*.py")}
    blocks = _blocks(ALL)
    assert {text for language, text in blocks if language == "python"} == scripts
    queries = (examples / "query.sql").read_text(encoding="utf-8")
    written = [text for language, text in blocks if language == "sql"]
    assert written
    assert [text for text in written if text not in queries] == []
    assert {language for language, _ in blocks} == {"python", "sql", "sh", "text", "yaml"}


QUERIES = sorted(set(re.findall(r'make query SQL="([^"]+)"', ALL)))


@pytest.mark.parametrize("sql", QUERIES)
def test_every_make_query_runs(sandbox_release, sql: str) -> None:
    done = sandbox_release.call("orchestration.cli.query", TODAY, sql)
    assert done.returncode == 0, done.stderr
    assert "│" in done.stdout


def test_nothing_of_one_machine_is_in_it() -> None:
    pages = [REPOSITORY / name for name in PAGES]
    forms = [path for path in (REPOSITORY / ".github").rglob("*") if path.is_file()]
    for file in [*pages, GENERATED, *forms, *(REPOSITORY / "examples").iterdir()]:
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        assert not re.search(r"(?<![\w.])/(work|tmp|home|root|Users)/", text), file


PIN = re.compile(r"^([A-Za-z0-9_.\[\]-]+)==(\S+)", re.MULTILINE)


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-next.lock"])
def test_the_lock_holds_hashes_and_no_address(name: str) -> None:
    lock = (REPOSITORY / name).read_text(encoding="utf-8")
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", lock)
    pinned = PIN.findall(lock)
    assert len(pinned) > 100
    assert lock.count("--hash=sha256:") > len(pinned)


def test_the_next_lock_differs_in_duckdb_and_dbt_only() -> None:
    """So that what fails with it fails because of them."""
    now, after = (
        dict(PIN.findall((REPOSITORY / f"requirements{part}.lock").read_text("utf-8"))) for part in ("", "-next")
    )
    tried = re.findall(r"^[\w-]+", (REPOSITORY / "requirements-next.in").read_text(encoding="utf-8"), re.MULTILINE)
    assert {name for name in now.keys() & after.keys() if now[name] != after[name]} <= set(tried)
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    upgraded = re.search(r"foreach name,([\w\- ]+),--upgrade-package", makefile)
    assert upgraded
    assert set(upgraded[1].split()) == {name for name in tried if name in now}


def test_every_published_table_belongs_to_an_exposure() -> None:
    text = (REPOSITORY / "dbt_project" / "models" / "exposures.yml").read_text(encoding="utf-8")
    assert sorted(re.findall(r"ref\('(\w+)'\)", text)) == [table.name for table in current_tables()]
