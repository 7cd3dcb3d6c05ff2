"""The performance marts of a sandbox release against an independent computation."""

from __future__ import annotations

import duckdb
import pytest

from tests.marts import performance_reference as reference


@pytest.mark.parametrize(
    ("mart", "at_least"),
    [
        ("trend", 300_000),
        ("volume_quarter", 1_000),
        ("risk", 200_000),
        ("leverage", 300_000),
        ("leverage_rebalance", 10_000),
        ("pair", 3_000),
    ],
)
def test_an_independent_computation_agrees_with_every_value(sandbox_release, mart, at_least):
    with duckdb.connect(str(sandbox_release.data / "smallcap.duckdb"), read_only=True) as con:
        assert getattr(reference, f"check_{mart}")(con) >= at_least
