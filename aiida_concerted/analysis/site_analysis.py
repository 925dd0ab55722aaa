"""Everything that follows from where the carriers sit: occupancy, residence, hops and concerted modes of one run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.assignment import site_history
from aiida_concerted.analysis.framework import framework_average, offset_of_first_frame
from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.analysis.hops import DEFAULT_RECROSSING_PS, HopCounts, count_hops, drop_recrossings
from aiida_concerted.analysis.modes import (
    DEFAULT_BACKGROUND_PS,
    DEFAULT_WINDOW_PS,
    LagWindows,
    ModeCount,
    find_concerted_modes,
    pairs_within_window,
)
from aiida_concerted.analysis.occupancy import Occupancy, measure_occupancy
from aiida_concerted.analysis.pairs import count_chains, count_exchanges
from aiida_concerted.analysis.placement import PlacedNetwork, place_network
from aiida_concerted.analysis.residence import Residence, measure_residence, residence_by_site
from aiida_concerted.analysis.sites import SiteNetwork
from aiida_concerted.common.positions import from_frame, take_frames
from aiida_concerted.common.trajectory import Trajectory

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

N_TIE_BREAKERS = 20
"""Frames whose carriers help to find the origin."""


@dataclass(frozen=True)
class SiteStatistics:
    """How carriers use the sites.

    :param counts: number of sites of each label.
    :param occupancy: mean carriers a site, from the sites as assigned.
    :param residence: residence time by label, from the counted hops.
    :param exposure_ps_by_site: time in ps that carriers were seen on each site, shape ``(n_sites,)``.
    :param exits_by_site: exits seen from each site, shape ``(n_sites,)``.
    """

    counts: dict[str, int]
    occupancy: Occupancy
    residence: dict[str, Residence]
    exposure_ps_by_site: FloatArray
    exits_by_site: IntArray

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "counts": dict(self.counts),
            "occupancy": {label: value.as_dict() for label, value in self.occupancy.by_label.items()},
            "share": dict(self.occupancy.share),
            "multiple_occupancy_fraction": self.occupancy.multiple_fraction,
            "residence_time_ps": {label: value.as_dict() for label, value in self.residence.items()},
        }


@dataclass(frozen=True)
class SiteAnalysis:
    """The site analysis of one run.

    :param placed: the sites of the run's cell.
    :param history: site of every carrier as assigned.
    :param counted: the same after the recrossing rule.
    :param statistics: occupancy and residence.
    :param hops: numbers of hops.
    :param exchanges: times that two carriers changed places.
    :param chains: strings of ``n`` hops.
    :param modes: events of every class of paths.
    :param window_ps: window of an event in ps.
    :param side_window_ps: shortest and longest lag of the side windows in ps as used, ``None`` for too short a run.
    """

    placed: PlacedNetwork
    history: SiteHistory
    counted: SiteHistory
    statistics: SiteStatistics
    hops: HopCounts
    exchanges: int
    chains: dict[int, int]
    modes: list[ModeCount]
    window_ps: float
    side_window_ps: tuple[float, float] | None

    @property
    def origin_shift(self) -> list[float]:
        """Return the shift of the sites in fractions of the site cell."""
        return [float(number) for number in self.placed.origin_shift]

    @property
    def supercell(self) -> list[int] | list[list[int]]:
        """Return three integers, or a 3×3 matrix where the supercell is not diagonal."""
        return self.placed.supercell_summary

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON pieces ``sites``, ``hops``, ``exchanges``, ``chains``, ``modes`` and how they came about."""
        definition: dict[str, Any] = {"window_ps": self.window_ps, "recrossing_ps": self.hops.recrossing_ps}
        if self.side_window_ps is not None:
            definition["background_ps"] = list(self.side_window_ps)
        placement = {"origin_residual_A": self.placed.residual_A, "strain": self.placed.strain}
        return {
            "origin_shift": self.origin_shift,
            "sites": self.statistics.as_dict(),
            "hops": self.hops.as_dict(),
            "exchanges": self.exchanges,
            "chains": {str(n): count for n, count in self.chains.items()},
            "modes": [mode.as_dict() for mode in self.modes],
            "mode_definition": definition,
            "placement": {key: value for key, value in placement.items() if value is not None},
        }


def analyse_sites(
    trajectory: Trajectory,
    network: SiteNetwork,
    *,
    window_ps: float = DEFAULT_WINDOW_PS,
    recrossing_ps: float = DEFAULT_RECROSSING_PS,
    background_ps: tuple[float, float] = DEFAULT_BACKGROUND_PS,
    discard_ps: float = 0.0,
    seed: int = 0,
    origin_shift: tuple[float, float, float] | None = None,
) -> SiteAnalysis:
    """Return the site analysis of a run.

    :param trajectory: the run; motion is taken relative to the framework.
    :param network: reference sites of the unit cell.
    :param window_ps: window of a concerted event in ps.
    :param recrossing_ps: dwell time of the recrossing rule in ps.
    :param background_ps: lags of the side windows in ps.
    :param discard_ps: time at the beginning that is left out, in ps.
    :param seed: seed of the null model.
    :param origin_shift: shift of the sites in fractions of the site cell; found from the framework when not given.
    :raises ValueError: if the cell is no supercell of the network's, the framework does not fit, or nothing is left
        after ``discard_ps``.
    """
    placed = place_in(trajectory, network, origin_shift)
    first, drift = first_frame_after(trajectory, discard_ps), trajectory.framework_displacement
    history = site_history(
        from_frame(trajectory.carriers, first),
        placed,
        trajectory.frame_interval_ps,
        framework_displacement=None if drift is None else drift[first:],
    )
    return analyse_history(
        history, placed, window_ps=window_ps, recrossing_ps=recrossing_ps, background_ps=background_ps, seed=seed
    )


def analyse_history(
    history: SiteHistory,
    placed: PlacedNetwork,
    *,
    window_ps: float = DEFAULT_WINDOW_PS,
    recrossing_ps: float = DEFAULT_RECROSSING_PS,
    background_ps: tuple[float, float] = DEFAULT_BACKGROUND_PS,
    seed: int = 0,
) -> SiteAnalysis:
    """Return the site analysis of a history that is already there; arguments as for :func:`analyse_sites`."""
    counted = drop_recrossings(history, recrossing_ps)
    labels = tuple(placed.counts)
    exposure, exits, _ = residence_by_site(counted)
    pairs, n_hops = pairs_within_window(counted, placed, window_ps)
    side = LagWindows.of(history, window_ps, background_ps).side
    interval = history.frame_interval_ps
    return SiteAnalysis(
        placed=placed,
        history=history,
        counted=counted,
        statistics=SiteStatistics(
            placed.counts, measure_occupancy(history, labels), measure_residence(counted, labels), exposure, exits
        ),
        hops=count_hops(history, counted, placed, recrossing_ps),
        exchanges=count_exchanges(pairs),
        chains=count_chains(pairs, n_hops),
        modes=find_concerted_modes(
            history, placed, window_ps=window_ps, recrossing_ps=recrossing_ps, background_ps=background_ps, seed=seed
        ),
        window_ps=window_ps,
        side_window_ps=None if side is None else (side[0] * interval, side[1] * interval),
    )


def place_in(
    trajectory: Trajectory,
    network: SiteNetwork,
    origin_shift: tuple[float, float, float] | None = None,
    *,
    crystal: FloatArray | None = None,
) -> PlacedNetwork:
    """Return the network placed in a trajectory.

    Its origin is found from the framework: where that was in the crystal the run began from, or else from its time
    average. The crystal is the better guide, for tetrahedra that turn exchange their corners and average to nothing.

    :param origin_shift: shift of the sites in fractions of the site cell, instead.
    :param crystal: framework positions of the crystal that the run began from, in Å, atoms in the trajectory's order.
    """
    framework = framework_average(trajectory)
    if framework is not None and crystal is not None:
        framework = crystal + offset_of_first_frame(trajectory, crystal)
    some = np.arange(0, trajectory.n_frames, max(1, trajectory.n_frames // N_TIE_BREAKERS))
    return place_network(
        network,
        trajectory.cell,
        framework_positions=framework,
        framework_species=trajectory.framework_species if framework is not None else None,
        origin_shift=origin_shift,
        carrier_positions=take_frames(trajectory.relative_to_framework(), some).reshape(-1, 3),
    )


def first_frame_after(trajectory: Trajectory, discard_ps: float) -> int:
    """Return the first frame after the time that is left out.

    :param discard_ps: time at the beginning that is left out, in ps.
    :raises ValueError: if fewer than two frames would remain.
    """
    first = int(np.ceil(discard_ps / trajectory.frame_interval_ps - 1e-9))
    if discard_ps < 0 or first > trajectory.n_frames - 2:
        raise ValueError(
            f"discard_ps must leave two frames of the {trajectory.duration_ps:g} ps of the run, got {discard_ps}"
        )
    return first
