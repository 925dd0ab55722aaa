import numpy as np
import pytest

from aiida_concerted.common.units import BOLTZMANN_EV_PER_K
from aiida_concerted.surrogate.dynamics import (
    U_A2_PER_FS2_IN_EV,
    Dynamics,
    MdState,
    count_degrees,
    kinetic_energy,
    thermal_velocities,
    thermostat_mass,
)

MASSES = np.where(np.arange(32) % 2, 6.94, 19.0)
N_DEGREES = 93


def bound(positions):
    """Return energy and forces of atoms in anharmonic wells at the origin, coupled to their neighbours."""
    relative = np.roll(positions, 1, axis=0) - positions
    pull = relative**3
    energy = np.sum(positions**2) + 0.25 * np.sum(relative**4)
    return energy, -2 * positions + pull - np.roll(pull, -1, axis=0)


def free(positions):
    return 0.0, np.zeros_like(positions)


def trajectory(dynamics, state, n_steps, temperature, potential=bound):
    """Return the motion records, the conserved energies and the last full state."""
    records, conserved = [], []
    for _ in range(n_steps):
        energy, forces = potential(state.positions)
        if state.is_midway:
            state = dynamics.finish_step(state, forces, temperature)
        record = dynamics.motion(state, temperature)
        records.append(record)
        conserved.append(energy + record.kinetic + record.thermostat_potential + record.thermostat_kinetic)
        last, state = state, dynamics.begin_step(state, forces, temperature)
    return records, np.array(conserved), last


def start(temperature=600.0, seed=(3,)):
    return MdState(np.zeros((32, 3)), thermal_velocities(MASSES, temperature, seed))


def nose(timestep, temperature=600.0):
    mass = thermostat_mass(0.0, n_degrees=N_DEGREES, temperature=temperature, timestep=2.0, length=10.0)
    return Dynamics(MASSES, timestep, N_DEGREES, mass)


def test_one_atom_in_a_spring_follows_the_cosine():
    omega = np.sqrt(2.0 / (U_A2_PER_FS2_IN_EV * 6.94))
    dynamics = Dynamics(np.array([6.94]), 0.05, 3)
    state = MdState(np.array([[0.1, 0, 0]]), np.zeros((1, 3)))
    for _ in range(400):
        state = dynamics.begin_step(state, -2.0 * state.positions, 0.0)
        state = dynamics.finish_step(state, -2.0 * state.positions, 0.0)
    assert state.positions[0, 0] == pytest.approx(0.1 * np.cos(omega * 20.0), abs=1e-6)
    assert state.velocities[0, 0] == pytest.approx(-0.1 * omega * np.sin(omega * 20.0), abs=1e-7)


@pytest.mark.parametrize("make", [lambda dt: Dynamics(MASSES, dt, N_DEGREES), nose], ids=["NVE", "Nosé-Hoover"])
def test_the_conserved_energy_is_flat_to_the_square_of_the_step(make):
    errors = []
    for timestep in (2.0, 1.0):
        _, conserved, _ = trajectory(make(timestep), start(), round(600 / timestep), 600.0)
        errors.append(np.abs(conserved - conserved[0]).max())
    assert 3.0 < errors[0] / errors[1] < 5.0
    assert errors[1] < 2e-4 * N_DEGREES * BOLTZMANN_EV_PER_K * 600 * 10


def test_the_thermostat_brings_the_mean_temperature():
    records, conserved, _ = trajectory(nose(2.0), start(temperature=300.0), 4000, 600.0)
    kelvins = np.array([record.temperature for record in records])[500:]
    assert kelvins.mean() == pytest.approx(600.0, rel=0.02)
    assert 0.3 < kelvins.std() / (600 * np.sqrt(2 / N_DEGREES)) < 3.0
    assert np.ptp(conserved[-1000:].reshape(4, -1).mean(axis=1)) < 1e-3


@pytest.mark.parametrize("make", [lambda dt: Dynamics(MASSES, dt, N_DEGREES), nose], ids=["NVE", "Nosé-Hoover"])
def test_the_motion_runs_backwards_the_way_it_came(make):
    dynamics, first = make(1.0), start()
    _, _, there = trajectory(dynamics, first, 60, 600.0)
    back = MdState(there.positions, -there.velocities, -there.friction, there.reservoir)
    _, _, again = trajectory(dynamics, back, 60, 600.0)
    np.testing.assert_allclose(again.positions, first.positions, atol=1e-10)
    np.testing.assert_allclose(again.velocities, -first.velocities, atol=1e-12)
    assert again.friction == pytest.approx(-first.friction, abs=1e-12)


def test_smass_zero_gives_a_free_gas_a_period_of_forty_steps():
    dynamics = nose(2.0)
    records, _, _ = trajectory(dynamics, start(temperature=606.0), 2000, 600.0, potential=free)
    signal = np.array([record.temperature for record in records]) - 600.0
    crossings = np.flatnonzero((signal[:-1] < 0) & (signal[1:] >= 0))
    assert np.diff(crossings).mean() == pytest.approx(40.0, rel=0.01)


def test_a_positive_smass_is_in_units_of_mass_times_the_first_vector_squared():
    mass = thermostat_mass(0.5, n_degrees=93, temperature=600.0, timestep=2.0, length=8.0)
    assert mass == pytest.approx(0.5 * 64.0 * U_A2_PER_FS2_IN_EV)


def test_momentum_is_conserved_without_outer_forces():
    def coupled(positions):
        relative = np.roll(positions, 1, axis=0) - positions
        return 0.25 * np.sum(relative**4), relative**3 - np.roll(relative**3, -1, axis=0)

    _, _, last = trajectory(nose(1.0), start(), 300, 600.0, potential=coupled)
    np.testing.assert_allclose(MASSES @ last.velocities, 0, atol=1e-12)


def test_thermal_velocities_have_the_temperature_and_no_momentum():
    velocities = thermal_velocities(MASSES, 450.0, (7,))
    assert 2 * kinetic_energy(MASSES, velocities) / (N_DEGREES * BOLTZMANN_EV_PER_K) == pytest.approx(450.0)
    np.testing.assert_allclose(MASSES @ velocities, 0, atol=1e-14)
    np.testing.assert_array_equal(velocities, thermal_velocities(MASSES, 450.0, (7,)))
    assert not np.allclose(velocities, thermal_velocities(MASSES, 450.0, (8,)))


def test_thermal_velocities_are_those_of_maxwell_and_boltzmann():
    masses = np.repeat([1.0, 16.0], 20000)
    velocities = thermal_velocities(masses, 300.0, (1,))
    for mass, part in ((1.0, velocities[:20000]), (16.0, velocities[20000:])):
        variance = BOLTZMANN_EV_PER_K * 300.0 / (mass * U_A2_PER_FS2_IN_EV)
        assert part.var() == pytest.approx(variance, rel=0.03)
        assert np.mean(part**4) == pytest.approx(3 * variance**2, rel=0.06)


def test_fixed_coordinates_never_move_and_do_not_count():
    mobile = np.ones((32, 3), dtype=bool)
    mobile[:5] = False
    mobile[5, 2] = False
    assert count_degrees(mobile, 32) == 96 - 16
    assert count_degrees(None, 32) == 93
    velocities = thermal_velocities(MASSES, 600.0, (1,), mobile)
    assert 2 * kinetic_energy(MASSES, velocities) / (80 * BOLTZMANN_EV_PER_K) == pytest.approx(600.0)
    dynamics = Dynamics(MASSES, 1.0, 80, None, mobile)
    _, _, last = trajectory(dynamics, MdState(np.full((32, 3), 0.1), velocities), 50, 600.0)
    np.testing.assert_array_equal(last.positions[~mobile], 0.1)
    assert (last.positions[mobile] != 0.1).all()


def test_predicted_velocities_err_by_the_square_of_the_step():
    errors = []
    for timestep in (2.0, 1.0):
        dynamics = Dynamics(MASSES, timestep, N_DEGREES)
        _, _, state = trajectory(dynamics, start(), round(40 / timestep), 600.0)
        _, forces = bound(state.positions)
        midway = dynamics.begin_step(state, forces, 600.0)
        exact = dynamics.finish_step(midway, bound(midway.positions)[1], 600.0)
        errors.append(np.abs(dynamics.predicted_velocities(midway, forces) - exact.velocities).max())
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.25)
