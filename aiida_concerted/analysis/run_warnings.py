"""What a reader of a run's results must know before believing them, one sentence each."""

from __future__ import annotations

import numpy as np

from aiida_concerted.analysis.diffusion import TransportResult
from aiida_concerted.analysis.fit_window import MINIMUM_FRAMES
from aiida_concerted.analysis.modes import ModeCount
from aiida_concerted.analysis.site_analysis import SiteAnalysis, first_frame_after
from aiida_concerted.common.trajectory import Trajectory

CROWDED_FRACTION = 0.05
NON_EDGE_FRACTION = 0.10
LARGE_STRAIN = 0.03
FEWEST_HOPS = 20
FRAMES_PER_STAY = 5
LONGEST_DWELL = 0.25


def run_warnings(trajectory: Trajectory, discard_ps: float = 0.0) -> list[str]:
    """Return what the trajectory itself lacks, its first ``discard_ps`` left out."""
    found = []
    if trajectory.framework_displacement is None:
        found.append(
            "the run has no framework atoms: all motion is that of the laboratory frame, a drift of the whole included"
        )
    if trajectory.temperature_K is None:
        found.append("the temperature is not known: there are no conductivities")
    n_frames = trajectory.n_frames - first_frame_after(trajectory, discard_ps)
    if n_frames < MINIMUM_FRAMES:
        found.append(f"{n_frames} frames are too few for a diffusivity, which needs {MINIMUM_FRAMES}")
    return found


def transport_warnings(transport: TransportResult | None) -> list[str]:
    """Return what limits the diffusivities of a run."""
    if transport is None:
        return []
    found = []
    if transport.sampling != "sufficient":
        found.append(
            f"the sampling is insufficient for a diffusivity ({transport.n_hops_effective:.0f} effective hops): "
            "a longer or hotter run is needed"
        )
    if transport.charge_diffusivity is None:
        found.append(
            "the run does not resolve a positive charge diffusivity: there is no Haven ratio and no collective "
            "conductivity"
        )
    return found


def site_warnings(sites: SiteAnalysis | None) -> list[str]:
    """Return what limits the sites, hops and modes of a run."""
    if sites is None:
        return []
    return [*_placement_warnings(sites), *_hop_warnings(sites), *_mode_warnings(sites)]


def _placement_warnings(sites: SiteAnalysis) -> list[str]:
    placed, found = sites.placed, []
    if placed.residual_A is None and placed.network.origin_shift is None and not np.any(placed.origin_shift):
        found.append(
            "no framework atom checks the origin of the site model, which is taken as that of the run: "
            "a shifted origin renames sites"
        )
    if placed.strain > LARGE_STRAIN:
        found.append(f"the cell of the run is strained by {100 * placed.strain:.1f} % relative to the site model's")
    crowded = sites.statistics.occupancy.multiple_fraction
    if crowded > CROWDED_FRACTION:
        found.append(
            f"carriers share their nearest site for {100 * crowded:.0f} % of the time: the site model lacks sites, or "
            "is not this material's"
        )
    return found


def _hop_warnings(sites: SiteAnalysis) -> list[str]:
    hops, interval, found = sites.hops, sites.history.frame_interval_ps, []
    if hops.counted >= FEWEST_HOPS and hops.non_edge > NON_EDGE_FRACTION * hops.counted:
        found.append(
            f"{hops.non_edge} of {hops.counted} hops follow no edge up to {sites.placed.network.max_edge_A:g} Å: "
            "frames are too far apart to see every step, or the longest edge is too short"
        )
    residences = {label: stay for label, stay in sites.statistics.residence.items() if stay.n_exits >= FEWEST_HOPS}
    times = {label: stay.time_ps for label, stay in residences.items()}
    short = [label for label, time in times.items() if time is not None and time.value < FRAMES_PER_STAY * interval]
    if short:
        found.append(
            f"stays on {', '.join(short)} last less than {FRAMES_PER_STAY} frames: store frames more often than every "
            f"{interval:g} ps to see every hop"
        )
    if hops.recrossing_ps and hops.recrossing_ps <= interval:
        found.append(
            f"the recrossing time {hops.recrossing_ps:g} ps is not longer than a frame ({interval:g} ps): returns "
            "count as hops"
        )
    if hops.recrossing_ps > LONGEST_DWELL * sites.history.duration_ps:
        found.append(
            f"the recrossing time {hops.recrossing_ps:g} ps is more than a quarter of the run "
            f"({sites.history.duration_ps:g} ps): hops that last may be taken for returns"
        )
    return found


def _mode_warnings(sites: SiteAnalysis) -> list[str]:
    found, interval = [], sites.history.frame_interval_ps
    if round(sites.window_ps / interval + 1e-9) == 0:
        found.append(
            f"the window of {sites.window_ps:g} ps is less than half a frame ({interval:g} ps): concerted events are "
            "pairs of hops seen at the same frame only"
        )
    if sites.side_window_ps is None and sites.modes:
        found.append("the run is too short to measure the background of concerted events: only raw counts are given")
    biased = [mode.label for mode in sites.modes if mode.named and _null_is_off(mode)]
    if biased:
        found.append(
            f"with hops shifted in time at random {', '.join(biased)} still show an excess beyond the interval: their "
            "background is not steady"
        )
    return found


def _null_is_off(mode: ModeCount) -> bool:
    events = mode.events
    if events is None or mode.null_excess is None or events.lower is None or events.upper is None:
        return False
    return abs(mode.null_excess) > 0.5 * (events.upper - events.lower)
