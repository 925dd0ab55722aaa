"""Deviations are relative to the size of what is compared, and what is absent differs."""

from __future__ import annotations

import pytest

from aiida_concerted.archive.compare import MISSING, compare


@pytest.mark.parametrize(
    ("stored", "computed", "relative"),
    [
        ({"a": 1e-9}, {"a": 1.001e-9}, 1e-3),
        ({"a": [[1.0, 1e-20], [0.0, 2.0]]}, {"a": [[1.0, 3e-20], [0.0, 2.0]]}, 2e-20),
        ({"a": 1, "b": "x"}, {"a": 1.0, "b": "x", "new": 5}, 0.0),
        ({"a": 0.0}, {"a": 0.0}, 0.0),
        ({"a": "x"}, {"a": "y"}, MISSING),
        ({"a": 1.0}, {}, MISSING),
        ({"a": [1.0, 2.0]}, {"a": [1.0]}, MISSING),
        ({"a": True}, {"a": 1.0}, 0.0),
        ({"a": None}, {"a": 1.0}, MISSING),
    ],
)
def test_the_largest_relative_deviation_is_told(stored, computed, relative):
    assert compare(stored, computed, "").relative == pytest.approx(relative, rel=1e-2)


def test_the_place_is_named():
    found = compare({"a": 1.0, "b": {"c": 2.0}}, {"a": 1.0, "b": {"c": 2.2}}, "result")
    assert found.where == "result.b.c"
