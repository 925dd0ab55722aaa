"""The lattice gas: its runs obey its own rules, its rates are those planted, and its file is a run like any other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from aiida_concerted.analysis.assignment import site_history
from aiida_concerted.analysis.diffusion import estimate_diffusivity
from aiida_concerted.analysis.modes import find_concerted_modes
from aiida_concerted.analysis.placement import place_network
from aiida_concerted.formats.h5md import H5mdReader
from benchmarks.lattice_gas import (
    LatticeGas,
    Rates,
    _directed_paths,
    framework_of,
    grid_network,
    lgps_gas,
    write_run,
)

GRID = place_network(grid_network(), np.diag([24.0, 24.0, 24.0]))


def test_no_site_is_held_twice_for_longer_than_a_push_takes() -> None:
    gas = LatticeGas(GRID, 300, Rates(2e-3), seed=1)
    dense = gas.history(2000).to_dense()
    assert all(len(np.unique(frame)) == 300 for frame in dense)
    assert all(GRID.is_edge(before[moved], after[moved]).all()
               for before, after in itertools.pairwise(dense) if (moved := before != after).any())  # fmt: skip
    pushing = LatticeGas(GRID, 300, Rates(2e-3, {"A-B-A": 2e-3}), seed=1).history(2000)
    assert 0 < pushing.multiple_occupancy_fraction < 0.01


def test_paths_are_all_pairs_of_edges_that_do_not_turn_back() -> None:
    edges = {tuple(edge) for edge in GRID.edges.tolist()}
    expected = {(a, b, c) for a, b in edges for b2, c in edges if b == b2 and a != c}
    found = _directed_paths(GRID).tolist()
    assert len(found) == len(expected)
    assert {tuple(path) for path in found} == expected


def test_a_run_in_pieces_is_in_order_and_ends_where_the_gas_is() -> None:
    gas = LatticeGas(GRID, 200, Rates(5e-3, {"B-A-B": 2e-3}), seed=2)
    site = gas.start.copy()
    last = 0
    for size in (1, 7, 300, 500):
        hops = gas.advance(size)
        assert (np.diff(hops.frame) >= 0).all()
        assert len(hops) == 0 or (hops.frame.min() >= last and hops.frame.max() < last + size)
        for carrier, origin, destination in zip(hops.carrier, hops.origin, hops.destination, strict=True):
            assert site[carrier] == origin
            site[carrier] = destination
        last += size
    hops = gas.advance(10)  # what was under way is done by now
    site[hops.carrier] = hops.destination
    assert np.count_nonzero(site != gas._site) <= 2


def test_planted_pushes_are_found_at_their_rate() -> None:
    gas = LatticeGas(GRID, 320, Rates(1e-3, {"A-B-A": 1e-3}), seed=3)
    modes = {mode.label: mode for mode in find_concerted_modes(gas.history(8000), GRID)}
    expected = gas.expected_frequency("A-B-A") * modes["A-B-A"].exposure_cell_ps
    assert modes["A-B-A"].events is not None
    assert modes["A-B-A"].events.value == pytest.approx(expected, rel=0.15)
    assert modes["B-A-B"].raw < 0.1 * expected


def test_a_written_run_holds_the_hops_and_a_framework_that_finds_its_place(tmp_path) -> None:
    gas = LatticeGas(GRID, 200, Rates(5e-3), seed=4)
    summary = write_run(tmp_path / "run.h5", gas, 1000, framework_stride=100)
    with H5mdReader(tmp_path / "run.h5") as reader:
        trajectory = reader.trajectory()
    assert (summary.n_frames, summary.n_atoms) == (1000, 264)
    assert summary.n_bytes == (tmp_path / "run.h5").stat().st_size
    framework = trajectory.framework
    displacement = framework.mean(axis=1) - framework[0].mean(axis=0)
    np.testing.assert_allclose(displacement, trajectory.framework_displacement[::100], atol=1e-5)
    placed = place_network(
        GRID.network, trajectory.cell, framework_positions=framework[0], framework_species=trajectory.framework_species
    )
    assert placed.residual_A < 0.3
    history = site_history(trajectory.carriers, placed, 0.1, trajectory.framework_displacement)
    same_run = LatticeGas(GRID, 200, Rates(5e-3), seed=4)
    assert summary.n_hops == same_run.advance(1000).frame.size
    assert history.n_hops == pytest.approx(summary.n_hops, rel=0.02)


def test_single_hops_of_few_carriers_diffuse_as_their_rate_says(tmp_path) -> None:
    # Alone, a carrier leaves along six edges of 3 Å: D = rate · 6 · 9 / 6.
    gas = LatticeGas(GRID, 20, Rates(0.02), seed=5)
    write_run(tmp_path / "run.h5", gas, 20_000)
    with H5mdReader(tmp_path / "run.h5") as reader:
        tracer = estimate_diffusivity(reader.trajectory()).tracer
    free = 1 - 19 / 511
    assert abs(tracer.value - 0.02 * 9 * free * 1e-8) < 4 * tracer.stderr


def test_the_lithium_gas_is_stoichiometric() -> None:
    gas = lgps_gas((2, 2, 1))
    positions, species = framework_of(gas.placed)
    counts = {element: species.count(element) for element in ("Ge", "P", "S")}
    assert (gas.n_carriers, len(positions), counts["S"]) == (80, 120, 96)
    assert counts["Ge"] + counts["P"] == 24


@pytest.mark.parametrize(("n_carriers", "message"), [(512, "fewer than the 512 sites"), (0, "fewer than")])
def test_a_full_or_empty_lattice_is_refused(n_carriers: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LatticeGas(GRID, n_carriers, Rates(0.1))


def test_narrow_cells_unknown_paths_and_used_gases_are_refused() -> None:
    narrow = place_network(grid_network(), np.diag([6.0, 24.0, 24.0]))
    with pytest.raises(ValueError, match="narrower than two hops"):
        LatticeGas(narrow, 10, Rates(0.1))
    with pytest.raises(ValueError, match="no path A-C-A"):
        LatticeGas(GRID, 10, Rates(0.1, {"A-C-A": 0.1}))
    gas = LatticeGas(GRID, 10, Rates(0.1))
    gas.advance(5)
    with pytest.raises(ValueError, match="moved already"):
        gas.history(5)
