"""The stages of a run, and the named points at which each of them is killed, in the order in which they are passed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Point:
    """A place in a run.

    Attributes:
        name: How the table of the harness calls it.
        kind: `rename` a file gets its name, `call` a function is called, `reached` a function tells how far it is.
        where: A pattern on the path below the data directory, or `module:function`.
        when: `before` or `after`, `half` where half of a folder is removed, or what a function tells.
    """

    name: str
    kind: str
    where: str
    when: str


def around(name: str, kind: str, where: str) -> list[Point]:
    """The points right before and right after something."""
    return [Point(f"{when} {name}", kind, where, when) for when in ("before", "after")]


@dataclass(frozen=True)
class Stage:
    """A part of a run that is killed.

    Attributes:
        name: How the table calls it.
        command: What is run, a module and its arguments.
        begins: The prepared data directory that it starts from.
        chain: So many kills come before a run is left to its end.
        points: Where it is killed, besides random moments.
        environment: Settings of its runs.
        constants: Limits of the product that are lowered for a small history, by `module:name`.
    """

    name: str
    command: tuple[str, ...]
    begins: str
    chain: int
    points: tuple[Point, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    constants: dict[str, int] = field(default_factory=dict)


PARTS = "orchestration.lake.parts"

ASK = (
    *around("a file as received gets its name", "rename", "raw/files/*.gz"),
    *around("answers are stored", "call", "orchestration.ingest.batch:Batch.flush"),
    *around("a part is written", "call", f"{PARTS}:write_part"),
    Point("before a part is in the account", "call", "orchestration.lake.account:save_account", "before"),
    *around("the account of a table is replaced", "rename", "raw/*/account.json"),
    *around("a part gets its name", "rename", "raw/*/part-*.parquet"),
    *around("the part of the ledger gets its name", "rename", "raw/request/part-*.parquet"),
    *around("the dates of holdings are written", "rename", "build/reference/expected_holding.parquet"),
)
MERGE = tuple(
    Point(f"parts are merged: {told}", "reached", f"{PARTS}:merge_small_parts", told)
    for told in ("begun", "linked", "written", "compared", "exchanged", "removed")
)
BUILD = (
    *around("the facts of the run are written", "rename", "build/reference/run.parquet"),
    *around("the mark of the last build is taken away", "call", "orchestration.build.growth:Growth.begin"),
    *around("a part of the project is built", "call", "dbt.cli.main:dbtRunner.invoke"),
    *around("a table or a test is built", "call", "dbt.task.runnable:GraphRunnableTask.call_runner"),
    *around("securities are decided", "call", "orchestration.build.resolve:write_decisions"),
    *around("the results are put together", "rename", "build/dbt/run_results.json"),
    *around("the mark of a whole build is left", "rename", "build/growth.json"),
    *around("the build is recorded", "rename", "build/build_result.json"),
)
PUBLISH = (
    *around("tables are exported", "call", "orchestration.publish.exports:export_tables"),
    *around("the manifest is written", "call", "orchestration.publish.manifest:write_manifest"),
    Point("before the release is flushed to the disk", "call", "orchestration.publish.files:sync_tree", "before"),
    *around("the release gets its name", "rename", "exports/sandbox-*"),
    *around("the served database is built", "call", "orchestration.publish.served:build_served"),
    *around("the served database gets its name", "rename", "smallcap.duckdb"),
    *around("latest moves", "rename", "exports/latest"),
    *around("the note of what stands is written", "rename", "build/published.json"),
)
RETENTION = (
    *around("an old release is set aside", "rename", "exports/.partial-removed-*"),
    Point("half of an old release is removed", "call", "shutil:rmtree", "half"),
    Point("after an old release is removed", "call", "orchestration.publish.files:remove_folder", "after"),
)

DRIVER = "tests.chaos.drivers"
STAGES = {
    stage.name: stage
    for stage in (
        Stage("ask", (DRIVER, "ask"), "before", 4, ASK),
        # a small history has few parts
        Stage("merge", (DRIVER, "ask"), "before", 3, MERGE, constants={f"{PARTS}:SMALL_PARTS": 2}),
        Stage("build", (DRIVER, "build"), "asked", 3, BUILD),
        Stage("publish", (DRIVER, "publish"), "built", 3, PUBLISH),
        Stage("retention", (DRIVER, "publish"), "built", 2, RETENTION, {"SMALLCAP_RELEASES_KEPT": "1"}),
        Stage("whole run", ("orchestration.cli.run",), "before", 2),
    )
}
