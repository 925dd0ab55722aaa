from __future__ import annotations

import math
from dataclasses import replace

import pytest

from aiida_concerted.analysis.json_form import describe_network, run_facts, without_undefined
from tests.analysis.test_site_analysis import LGPS, lattice_gas, trajectory

RUN = trajectory(lattice_gas(0, 3000))


def test_undefined_numbers_are_left_out():
    content = {"a": 1, "b": None, "c": math.nan, "d": [1.0, math.inf], "e": {"f": [1, 2], "g": -math.inf}, "h": ()}
    assert without_undefined(content) == {"a": 1, "e": {"f": [1, 2]}, "h": []}


def test_site_models_differ_in_what_changes_the_counts():
    assert describe_network(LGPS) != describe_network(replace(LGPS, max_edge_A=3.5))
    assert describe_network(LGPS) == describe_network(replace(LGPS))
    assert run_facts(RUN)["duration_ps"] == pytest.approx(299.9)
