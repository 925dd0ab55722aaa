"""The analysis of a lattice gas on the sites of LGPS, for figures of a whole run."""

from __future__ import annotations

from functools import cache

import numpy as np

from aiida_concerted.analysis.placement import place_network
from aiida_concerted.analysis.sites import SiteNetwork
from aiida_concerted.analysis.whole_run import RunAnalysis, analyse_run
from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.materials import load_site_model
from tests.synthetic_lattice import lattice_gas, thermal_positions

REPETITIONS = (2, 2, 1)
INTERVAL_PS = 0.1
N_CARRIERS = 80


@cache
def network() -> SiteNetwork:
    """Return the sites of LGPS."""
    return load_site_model("lgps").network()


@cache
def trajectory(n_frames: int = 400, rate_per_ps: float = 0.04, seed: int = 5) -> Trajectory:
    """Return a run of carriers that hop along edges of the network and push each other, at 600 K."""
    cell = network().cell * np.array(REPETITIONS)[:, None]
    placed = place_network(network(), cell, origin_shift=(0.0, 0.0, 0.0))
    rng = np.random.default_rng(seed)
    dense = lattice_gas(rng, placed, rate_per_ps * INTERVAL_PS, n_frames, N_CARRIERS)
    corners = np.stack(np.meshgrid(*(range(n) for n in REPETITIONS), indexing="ij"), axis=-1).reshape(-1, 3)
    fractional = (network().framework_fractional[None] + corners[:, None]).reshape(-1, 3)
    framework = fractional @ network().cell
    return Trajectory(
        carrier="Li",
        carriers=thermal_positions(rng, placed, dense),
        cell=cell,
        frame_interval_ps=INTERVAL_PS,
        framework_species=tuple(kinds[0] for kinds in network().framework_elements) * len(corners),
        framework=framework + rng.normal(scale=0.12, size=(n_frames, *framework.shape)),
        framework_displacement=np.zeros((n_frames, 3)),
        temperature_K=600.0,
    )


@cache
def analysed(n_frames: int = 400) -> RunAnalysis:
    """Return the analysis of that run with its sites."""
    return analyse_run(trajectory(n_frames), network())


@cache
def analysed_without_sites() -> RunAnalysis:
    """Return the analysis of that run without a site model."""
    return analyse_run(trajectory(), None)
