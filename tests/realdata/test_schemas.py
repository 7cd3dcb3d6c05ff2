"""A sandbox release and a real one are the same warehouse."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.realdata


def test_a_sandbox_release_and_a_real_one_have_the_same_schemas(walk, sandbox_release):
    real, sandbox = (
        json.loads((folder / "exports" / "latest" / "manifest.json").read_text(encoding="utf-8"))["tables"]
        for folder in (walk.data, sandbox_release.data)
    )
    assert set(real) == set(sandbox)
    for name, table in real.items():
        assert table["columns"] == sandbox[name]["columns"], name
        assert table["primary_key"] == sandbox[name]["primary_key"], name
