"""The jobs done by this package, in its own environment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aiida_concerted.analysis.assignment import assign_sites, site_history
from aiida_concerted.analysis.density import carrier_density
from aiida_concerted.analysis.diffusion import estimate_diffusivity
from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.analysis.hops import find_hops
from aiida_concerted.analysis.modes import pairs_within_window
from aiida_concerted.analysis.msd import ensemble_mean_squared_displacement
from aiida_concerted.analysis.pair_counts import spread_frames
from aiida_concerted.analysis.placement import PlacedNetwork, place_network
from aiida_concerted.analysis.radial import radial_distribution
from aiida_concerted.analysis.residence import measure_residence
from aiida_concerted.analysis.van_hove import van_hove
from aiida_concerted.common.trajectory import Trajectory
from benchmarks.lattice_gas import grid_network
from benchmarks.peer_case import (
    BIN_A,
    N_ORIGINS,
    N_RDF_FRAMES,
    PAIR_WINDOW,
    R_MAX_A,
    VAN_HOVE_LAG,
    VOXEL_A,
    Answer,
    Case,
    Job,
    Work,
    main,
    shell_mean,
)


def placed_of(case: Case) -> PlacedNetwork:
    """Return the network of a case in its cell."""
    return place_network(
        replace(grid_network(), framework_elements=(), framework_fractional=np.empty((0, 3))), case.cell
    )


def trajectory_of(case: Case) -> Trajectory:
    """Return a case as a trajectory at rest."""
    return Trajectory(
        carrier="Li",
        carriers=case.positions,
        cell=case.cell,
        frame_interval_ps=case.interval_ps,
        framework_displacement=np.zeros((case.n_frames, 3)),
        temperature_K=600.0,
    )


def history_of(case: Case) -> SiteHistory:
    """Return the sites of a case."""
    return site_history(case.positions, placed_of(case), case.interval_ps)


def msd(case: Case) -> Work:
    """Return the mean squared displacement at all lags."""
    return lambda: {"A2": float(ensemble_mean_squared_displacement(case.positions)[case.lag])}


def diffusivity(case: Case) -> Work:
    """Return the tracer diffusivity with its error; Haven ratio, tensor and curves come with it."""
    trajectory = trajectory_of(case)

    def work() -> Answer:
        tracer = estimate_diffusivity(trajectory).tracer
        return {"m2_s": tracer.value, "stderr": tracer.stderr}

    return work


def distinct(case: Case) -> Work:
    """Return both parts of the van Hove function at one lag."""

    def work() -> Answer:
        functions = van_hove(
            case.positions, case.cell, frame_interval_ps=case.interval_ps, lags=[VAN_HOVE_LAG],
            r_max=R_MAX_A, bin_width=BIN_A, max_origins=N_ORIGINS,
        )  # fmt: skip
        return {"g": shell_mean(functions.r_A, functions.distinct[0])}

    return work


def rdf(case: Case) -> Work:
    """Return the radial distribution of like pairs."""
    frames = case.positions[spread_frames(case.n_frames, N_RDF_FRAMES)]

    def work() -> Answer:
        result = radial_distribution(frames, None, case.cell, r_max=R_MAX_A, bin_width=BIN_A)
        return {"g": shell_mean(result.r_A, result.g)}

    return work


def sites(case: Case) -> Work:
    """Return the site of every carrier at every frame."""
    placed = placed_of(case)
    return lambda: {"agreement": float((assign_sites(case.positions, placed) == case.planted).mean())}


def hops(case: Case) -> Work:
    """Return every change of site."""
    history = history_of(case)
    return lambda: {"n": len(find_hops(history))}


def pairs(case: Case) -> Work:
    """Return all pairs A→B, B→C within the window, by class, and the exchanges."""
    history, placed = history_of(case), placed_of(case)

    def work() -> Answer:
        found, _ = pairs_within_window(history, placed, PAIR_WINDOW * case.interval_ps)
        return {"n": len(found)}

    return work


def residence(case: Case) -> Work:
    """Return the mean residence time with stays that are cut off counted for what they say."""
    history = history_of(case)

    def work() -> Answer:
        found = measure_residence(history).values()
        return {"ps": sum(entry.exposure_ps for entry in found) / max(1, sum(entry.n_exits for entry in found))}

    return work


def density(case: Case) -> Work:
    """Return the density on a grid with its error."""
    trajectory = trajectory_of(case)
    return lambda: {"carriers": carrier_density(trajectory, spacing_A=VOXEL_A).n_carriers}


JOBS = {
    "msd": Job(msd),
    "diffusivity": Job(diffusivity),
    "van_hove": Job(distinct),
    "rdf": Job(rdf),
    "sites": Job(sites),
    "hops": Job(hops),
    "pairs": Job(pairs),
    "residence": Job(residence),
    "density": Job(density),
}

if __name__ == "__main__":
    main(JOBS)
