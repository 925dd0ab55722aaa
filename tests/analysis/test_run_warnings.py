"""Every warning is given where it is due, and only there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiida_concerted.analysis.run_warnings import site_warnings, transport_warnings
from aiida_concerted.analysis.site_analysis import analyse_sites
from aiida_concerted.analysis.whole_run import AnalysisSettings, analyse_run
from aiida_concerted.common.estimate import Interval
from tests.analysis.test_site_analysis import LGPS, lattice_gas, trajectory
from tests.synthetic import as_trajectory, random_walkers

SOUND = analyse_sites(trajectory(lattice_gas(0, 2000)), LGPS)


def test_a_sound_run_has_no_warning():
    walk = as_trajectory(random_walkers(3000, 40, 0.1, 0.1, seed=1), 0.1)
    assert analyse_run(walk, None, AnalysisSettings(skip=frozenset({"rdf", "van_hove", "density"}))).warnings == ()
    assert site_warnings(SOUND) == []
    assert site_warnings(None) == transport_warnings(None) == []


def test_an_unresolved_run_says_what_is_missing():
    rest = as_trajectory(np.random.default_rng(0).normal(scale=0.1, size=(200, 4, 3)), 0.1)
    warnings = analyse_run(rest, None, AnalysisSettings(skip=frozenset({"rdf", "van_hove", "density"}))).warnings
    assert any("sampling is insufficient" in warning for warning in warnings)


def test_an_origin_that_nothing_checks_is_named():
    bare = replace(LGPS, framework_elements=(), framework_fractional=np.empty((0, 3)))
    run = replace(trajectory(lattice_gas(0, 300)), framework=None, framework_species=())
    assert any("checks the origin" in warning for warning in site_warnings(analyse_sites(run, bare)))
    given = analyse_sites(run, bare, origin_shift=(0.21, 0.34, 0.12))
    assert not any("checks the origin" in warning for warning in site_warnings(given))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: {"placed": replace(s.placed, strain=0.05)}, "strained by 5.0 %"),
        (lambda s: {"hops": replace(s.hops, non_edge=s.hops.counted // 2)}, "follow no edge up to 3.8 Å"),
        (lambda s: {"hops": replace(s.hops, recrossing_ps=0.05)}, "not longer than a frame"),
        (lambda s: {"side_window_ps": None}, "too short to measure the background"),
        (
            lambda s: {
                "statistics": replace(s.statistics, occupancy=replace(s.statistics.occupancy, multiple_fraction=0.2))
            },
            "share their nearest site for 20 %",
        ),
        (
            lambda s: {
                "statistics": replace(
                    s.statistics,
                    residence={
                        **s.statistics.residence,
                        "Li2": replace(s.statistics.residence["Li2"], exposure_ps=9.0),
                    },
                )
            },
            "stays on Li2 last less than 5 frames",
        ),
        (
            lambda s: {"modes": [replace(s.modes[0], null_excess=50.0, events=Interval(3.0, lower=1.0, upper=5.0))]},
            "Li2-Li3-Li1 still show an excess",
        ),
    ],
)
def test_each_fault_has_its_own_warning(change, said):
    (warning,) = site_warnings(replace(SOUND, **change(SOUND)))
    assert said in warning


def test_windows_that_do_not_fit_the_frames_or_the_run_are_named():
    run = trajectory(lattice_gas(0, 300))
    skip = frozenset({"transport", "rdf", "van_hove", "density"})
    said = analyse_run(run, LGPS, AnalysisSettings(window_ps=0.04, recrossing_ps=10.0, skip=skip)).warnings
    assert any("the window of 0.04 ps is less than half a frame (0.1 ps)" in warning for warning in said)
    assert any("the recrossing time 10 ps is more than a quarter of the run (29.9 ps)" in warning for warning in said)
    quiet = analyse_run(run, LGPS, AnalysisSettings(window_ps=0.05, recrossing_ps=7.0, skip=skip)).warnings
    assert not any("half a frame" in warning or "quarter of the run" in warning for warning in quiet)
