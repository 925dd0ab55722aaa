"""Where segments meet: nothing twice, nothing missing, and a seam that says what it is."""

from itertools import pairwise

import numpy as np
import pytest

from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.common.md_segments import MdSegment, join_segments, nearest_image, steps_before
from aiida_concerted.common.units import BOLTZMANN_EV_PER_K, U_A2_PER_FS2_IN_EV

N_ATOMS, TIMESTEP, MASS = 12, 2.0, 20.0
CELL = np.array([[6.0, 0, 0], [1.5, 5.0, 0], [0, -0.5, 7.0]])
MASSES = np.full(N_ATOMS, MASS)


def springs(n_steps, first=0):
    """Return steps of independent oscillators by Verlet's rule, wrapped into the cell, and the state at each step."""
    rng = np.random.default_rng(2)
    sites = rng.random((N_ATOMS, 3)) @ CELL
    stiffness = 3.0
    positions, velocities = sites.copy(), 0.004 * rng.standard_normal((N_ATOMS, 3))
    states, kinetic, potential, forces = [], [], [], []
    for _ in range(first + n_steps + 3):
        force = -stiffness * (positions - sites)
        states.append((positions.copy(), velocities.copy()))
        kinetic.append(0.5 * MASS * U_A2_PER_FS2_IN_EV * np.sum(velocities**2))
        potential.append(0.5 * stiffness * np.sum((positions - sites) ** 2))
        forces.append(force)
        half = velocities + 0.5 * TIMESTEP * force / (MASS * U_A2_PER_FS2_IN_EV)
        positions = positions + TIMESTEP * half
        velocities = half - 0.5 * TIMESTEP * stiffness * (positions - sites) / (MASS * U_A2_PER_FS2_IN_EV)
    wanted = slice(first, first + n_steps)
    wrapped = [(p @ np.linalg.inv(CELL) % 1.0) @ CELL for p, _ in states[wanted]]
    frames = LabelledFrames(
        ("Li",) * N_ATOMS, np.repeat(CELL[None], n_steps, axis=0), np.array(wrapped), np.array(potential[wanted]),
        np.array(forces[wanted]),
    )  # fmt: skip
    kinetic = np.array(kinetic[wanted])
    segment = MdSegment(frames, np.ones(n_steps, dtype=bool), kinetic, kinetic + frames.energies, TIMESTEP)
    return segment, states[first:]


@pytest.mark.parametrize("n_steps", [1, 2, 9])
def test_the_state_after_the_last_step_keeps_them_all(n_steps):
    segment, states = springs(n_steps, first=5)
    assert steps_before(segment, CELL, *states[n_steps]) == n_steps


@pytest.mark.parametrize("step", [0, 3, 8])
def test_from_the_state_of_a_step_on_all_are_computed_again(step):
    segment, states = springs(9, first=5)
    assert steps_before(segment, CELL, *states[step]) == step


@pytest.mark.parametrize("n_steps", [1, 9])
def test_a_state_that_is_two_steps_ahead_follows_nothing(n_steps):
    segment, states = springs(n_steps, first=5)
    assert steps_before(segment, CELL, *states[n_steps + 1]) is None


def test_a_segment_of_no_steps_keeps_none():
    segment, states = springs(3)
    assert steps_before(segment.first(0), CELL, *states[0]) == 0


@pytest.mark.parametrize("cuts", [(4,), (1, 2), (9, 10), (3, 8, 11)])
def test_joined_segments_are_the_whole_run_and_their_seams_are_gapless(cuts):
    whole, _ = springs(12)
    bounds = [0, *cuts, 12]
    parts = [springs(end - begin, first=begin)[0] for begin, end in pairwise(bounds)]
    joined, seams = join_segments(parts, MASSES)
    np.testing.assert_array_equal(joined.frames.positions, whole.frames.positions)
    np.testing.assert_array_equal(joined.kinetic, whole.kinetic)
    assert [seam.after_step for seam in seams] == list(cuts)
    assert all(seam.is_gapless and seam.misfit < 0.05 for seam in seams)
    for seam in seams:
        assert seam.energy_jump_eV == pytest.approx(np.diff(whole.frames.energies)[seam.after_step - 1])
        assert seam.temperature_jump_K == pytest.approx(np.diff(whole.temperatures)[seam.after_step - 1])
        assert abs(seam.conserved_jump_eV) < 1e-3


@pytest.mark.parametrize("begin", [4, 6], ids=["repeated", "missing"])
def test_a_step_repeated_or_missing_is_seen(begin):
    _, (seam,) = join_segments([springs(5)[0], springs(5, first=begin)[0]], MASSES)
    assert not seam.is_gapless
    assert seam.misfit == pytest.approx(1.0, abs=0.35)


def test_other_velocities_at_a_seam_are_seen():
    first, second = springs(5)[0], springs(5, first=5)[0]
    hot = MdSegment(second.frames, second.is_converged, 9 * second.kinetic, second.conserved, TIMESTEP)
    assert join_segments([first, second], MASSES)[1][0].is_smooth
    assert not join_segments([first, hot], MASSES)[1][0].is_smooth


def test_temperature_is_that_of_the_kinetic_energy_at_rest_as_a_whole():
    segment, _ = springs(2)
    expected = 2 * segment.kinetic / ((3 * N_ATOMS - 3) * BOLTZMANN_EV_PER_K)
    np.testing.assert_allclose(segment.temperatures, expected)


def test_nearest_image_is_the_shortest_of_the_neighbours_in_a_box():
    vectors = np.array([[3.9, -2.2, 0.4], [0.1, 0.2, -0.3]])
    box = np.diag([4.0, 4.0, 4.0])
    np.testing.assert_allclose(nearest_image(vectors, box), [[-0.1, 1.8, 0.4], [0.1, 0.2, -0.3]])


def test_what_does_not_belong_together_is_refused():
    segment, _ = springs(3)
    with pytest.raises(ValueError, match="no segments"):
        join_segments([], MASSES)
    other = MdSegment(segment.frames, segment.is_converged, segment.kinetic, segment.conserved, 1.0)
    with pytest.raises(ValueError, match="different time steps"):
        join_segments([segment, other], MASSES)
    with pytest.raises(ValueError, match="kinetic must have one entry"):
        MdSegment(segment.frames, segment.is_converged, segment.kinetic[:1], segment.conserved, 1.0)
