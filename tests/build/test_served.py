"""What the page of a table says of its publication."""

from __future__ import annotations

import json

import pytest

from orchestration.build.served import NOTE, publication
from orchestration.publish import standing


def test_publish_writes_the_note_that_is_read():
    assert standing.NAME == NOTE
    assert {"release", "invocation_id"} <= set(standing.Standing.__annotations__)


@pytest.mark.parametrize(
    ("note", "is_served", "said"),
    [
        ({"release": "r1", "invocation_id": "this"}, True, "Published as release r1."),
        ({"release": "r1", "invocation_id": "before"}, False, "Not published: release r1, which is served, is of an"),
        ({"release": "r1"}, False, "Not published: nothing was."),
        (None, False, "Not published: nothing was."),
    ],
)
def test_a_build_is_served_where_the_last_publication_was_of_it(tmp_path, note, is_served, said):
    if note is not None:
        (tmp_path / "build").mkdir()
        (tmp_path / "build" / NOTE).write_text(json.dumps(note), encoding="utf-8")
    found, text = publication(tmp_path, "this", publishes=False)
    assert found is is_served
    assert text.startswith(said)
    assert publication(tmp_path, "this", publishes=True) == (True, "This run publishes it at its end.")
