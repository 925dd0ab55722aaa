"""Watched positions are what they watch, and tell how much of them was read."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis.watched import Watch, watched
from aiida_concerted.analysis.whole_run import AnalysisSettings, analyse_run
from tests.analysis.test_site_analysis import LGPS, lattice_gas, trajectory

RUN = trajectory(lattice_gas(0, 1200))


def test_they_are_what_they_watch():
    run, positions = watched(RUN)
    assert run.carriers is positions
    assert (positions.shape, positions.ndim, positions.dtype) == (RUN.carriers.shape, 3, RUN.carriers.dtype)
    assert len(positions) == run.n_frames == RUN.n_frames
    assert positions.chunks is None
    assert np.array_equal(positions[3:9, 2:4], RUN.carriers[3:9, 2:4])
    assert RUN.carriers is not positions


def test_what_was_read_is_told_in_steps_and_never_as_done():
    told: list[float] = []
    _, positions = watched(RUN)
    positions[:10]
    positions.watch = Watch(told.append, n_expected=2.0 * np.prod(RUN.carriers.shape))
    for frame in range(0, RUN.n_frames, 2):
        positions[frame : frame + 2]
    assert told[-1] == pytest.approx(0.5, abs=0.011)
    assert len(told) <= 50
    assert told == sorted(told)
    for _ in range(3):
        positions[:]
    assert told[-1] == 0.99


def test_every_stage_begins_at_zero_rises_and_ends_at_one():
    told: dict[str, list[float]] = {}
    quiet = analyse_run(RUN, LGPS).as_dict()
    loud = analyse_run(
        RUN, LGPS, progress=lambda stage, fraction: told.setdefault(stage, []).append(fraction)
    ).as_dict()
    assert loud == quiet
    for stage, fractions in told.items():
        assert fractions == sorted(fractions), stage
        assert (fractions[0], fractions[-1]) == (0.0, 1.0)
        assert stage == "recrossings" or len(fractions) > 2
    # A guess of the passes that is too low would stick at 0.99 long before the end, one too high jump to it.
    longer = trajectory(lattice_gas(0, 12000))
    told.clear()
    analyse_run(
        longer,
        None,
        AnalysisSettings(skip=frozenset({"van_hove", "density"})),
        progress=lambda s, f: told.setdefault(s, []).append(f),
    )
    assert 0.5 < told["diffusivity"][-2] <= 0.99
    assert 0.5 < told["pair distribution"][-2] <= 0.99
