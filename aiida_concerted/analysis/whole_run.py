"""Everything that one run tells: transport, structure, sites and concerted modes, with what to be careful about."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted import __version__
from aiida_concerted.analysis.density import DensityMap, carrier_density
from aiida_concerted.analysis.diffusion import TransportResult, estimate_diffusivity
from aiida_concerted.analysis.fit_window import MINIMUM_FRAMES
from aiida_concerted.analysis.hops import DEFAULT_RECROSSING_PS, recrossing_curve
from aiida_concerted.analysis.json_form import ANALYSIS_SCHEMA, describe_network, run_facts, without_undefined
from aiida_concerted.analysis.modes import DEFAULT_BACKGROUND_PS, DEFAULT_WINDOW_PS
from aiida_concerted.analysis.radial import RadialDistribution, carrier_radial_distributions
from aiida_concerted.analysis.run_warnings import run_warnings, site_warnings, transport_warnings
from aiida_concerted.analysis.site_analysis import SiteAnalysis, analyse_sites, first_frame_after
from aiida_concerted.analysis.sites import SiteNetwork
from aiida_concerted.analysis.van_hove import VanHove, carrier_van_hove, characteristic_time
from aiida_concerted.analysis.watched import Watch, WatchedPositions, watched
from aiida_concerted.common.cells import cell_heights
from aiida_concerted.common.hints import nearest
from aiida_concerted.common.positions import from_frame
from aiida_concerted.common.trajectory import Trajectory

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Progress = Callable[[str, float], None]
"""Called with the name of a stage and the fraction of it that is done, from 0 to 1."""

CONFIDENCE_LEVEL = 0.95
PARTS = ("transport", "sites", "rdf", "van_hove", "density", "recrossing")
"""What a run is asked for; every one but those of the sites needs no sites."""

STAGES = {
    "transport": "diffusivity",
    "sites": "sites and modes",
    "recrossing": "recrossings",
    "rdf": "pair distribution",
    "van_hove": "van Hove function",
    "density": "density",
}

PASSES = {"transport": 4.0, "sites": 1.0, "van_hove": 1.0, "density": 1.0}
"""How often a part reads all positions, for its progress; what takes its frames from 200 places reads that many."""

SAMPLED_FRAMES = {"rdf": 400, "van_hove": 8000}
"""Frames that a part reads at most: at 200 places, for every element or lag anew."""

RDF_RADIUS_A = (6.0, 10.0)
"""Shortest and longest reach of g(r): half the cell in between."""

DENSITY_SPACING_A = 0.2
DENSITY_VOXELS = 2_000_000
"""A grid has about this many voxels at most, and wider ones in a large cell."""

DWELL_TIMES_PS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class AnalysisSettings:
    """What can be chosen about the analysis of a run.

    :param charge: charge of one carrier in e.
    :param discard_ps: time at the beginning that is left out, in ps.
    :param window_ps: longest time between the two hops of a concerted event in ps.
    :param recrossing_ps: a carrier that is back sooner than this has not left, in ps.
    :param background_ps: shortest and longest lag at which unrelated hops are counted, in ps; beyond twice the window
        when not given.
    :param fit_window_ps: first and last lag of the fit of the diffusivity in ps; found from the run when not given.
    :param origin_shift: shift of the sites in fractions of the site cell; found from the framework when not given.
    :param skip: names of ``PARTS`` to leave out.
    :param seed: seed of every random choice.
    :raises ValueError: if a number is out of range or a part is unknown.
    """

    charge: float = 1.0
    discard_ps: float = 0.0
    window_ps: float = DEFAULT_WINDOW_PS
    recrossing_ps: float = DEFAULT_RECROSSING_PS
    background_ps: tuple[float, float] | None = None
    fit_window_ps: tuple[float, float] | None = None
    origin_shift: tuple[float, float, float] | None = None
    skip: frozenset[str] = frozenset()
    seed: int = 0

    def __post_init__(self) -> None:
        for part in sorted(self.skip):
            if part not in PARTS:
                raise ValueError(f"there is no part '{part}' of the analysis to skip: {nearest(part, PARTS)}")
        for name in ("charge", "discard_ps", "window_ps", "recrossing_ps"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"{name} must be a finite number, got {getattr(self, name)}")
        if self.charge == 0:
            raise ValueError("charge must not be zero: a neutral particle carries no current")

    @property
    def side_window_ps(self) -> tuple[float, float]:
        """Return the shortest and longest lag at which unrelated hops are counted, in ps."""
        if self.background_ps is not None:
            return self.background_ps
        begin, end = DEFAULT_BACKGROUND_PS
        longer = max(1.0, self.window_ps / DEFAULT_WINDOW_PS)
        return begin * longer, end * longer

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        optional = {"fit_window_ps": self.fit_window_ps, "origin_shift": self.origin_shift}
        return {
            "charge": self.charge,
            "discard_ps": self.discard_ps,
            "window_ps": self.window_ps,
            "recrossing_ps": self.recrossing_ps,
            "background_ps": list(self.side_window_ps),
            "seed": self.seed,
            **{key: list(value) for key, value in optional.items() if value is not None},
        }


@dataclass(frozen=True)
class RunAnalysis:
    """The results of one run; a part that was not asked for or is not computable is ``None``.

    :param input: facts about the run, the section ``input`` of the JSON form.
    :param settings: the choices made.
    :param cell: lattice vectors of the run as rows in Å, shape ``(3, 3)``.
    :param frame: ``framework``, or ``laboratory`` where the run has no framework.
    :param transport: diffusivities, Haven ratio, conductivities and displacement curves.
    :param sites: occupancy, residence, hops and concerted modes.
    :param rdf: g(r) by pair of elements.
    :param van_hove: self and distinct van Hove functions.
    :param density: density of the carriers in the site cell, or in the run's cell without sites.
    :param recrossing: dwell times of the recrossing rule in ps and the hops that each leaves.
    :param skipped: parts left out on demand.
    :param warnings: what a reader must know, one sentence each.
    """

    input: dict[str, Any]
    settings: AnalysisSettings
    cell: FloatArray
    frame: str
    transport: TransportResult | None = None
    sites: SiteAnalysis | None = None
    rdf: dict[str, RadialDistribution] = field(default_factory=dict)
    van_hove: VanHove | None = None
    density: DensityMap | None = None
    recrossing: tuple[tuple[float, ...], IntArray] | None = None
    skipped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def carrier(self) -> str:
        """Return the element symbol of the carriers."""
        return str(self.input["carrier"])

    @property
    def temperature_K(self) -> float | None:
        """Return the temperature in K, ``None`` where it is not known."""
        return self.input.get("temperature_K")

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form: no number in it is infinite or undefined, and what is not known is left out."""
        content: dict[str, Any] = {
            "schema": ANALYSIS_SCHEMA,
            "version": __version__,
            "confidence_level": CONFIDENCE_LEVEL,
            "frame": self.frame,
            "input": dict(self.input),
            "settings": self.settings.as_dict(),
            "skipped": list(self.skipped),
            "warnings": list(self.warnings),
        }
        if self.sites is not None:
            content["input"]["supercell"] = self.sites.supercell
            content["site_model"] = describe_network(self.sites.placed.network)
            content |= self.sites.as_dict()
        if self.transport is not None:
            content |= self.transport.as_dict()
        if self.recrossing is not None:
            dwell_ps, counts = self.recrossing
            content["recrossing"] = {"dwell_ps": list(dwell_ps), "hops": [int(count) for count in counts]}
        if self.rdf:
            content["rdf"] = {pair: function.as_dict() for pair, function in self.rdf.items()}
        if self.van_hove is not None:
            content["van_hove"] = self.van_hove.as_dict()
            if (time := _replacement_time(self.van_hove)) is not None:
                content["van_hove"]["replacement_time_ps"] = time
        finite = without_undefined(content)
        assert isinstance(finite, dict)  # noqa: S101 - a dictionary stays one
        return finite


def analyse_run(
    trajectory: Trajectory,
    network: SiteNetwork | None,
    settings: AnalysisSettings | None = None,
    *,
    progress: Progress | None = None,
) -> RunAnalysis:
    """Return everything that a run tells.

    :param trajectory: one run at one temperature; its positions need not be in memory, they are gone through in blocks.
    :param network: reference sites of the unit cell; without it there are no sites, hops and modes.
    :param settings: choices; the defaults when not given.
    :param progress: called with the name and the fraction of each stage.
    :raises ValueError: if the cell is no supercell of the network's, the framework does not fit, or a setting does not
        fit the run.
    """
    run, positions = watched(trajectory)
    return _Work(run, positions, network, settings or AnalysisSettings(), progress or _silent).result()


def after(trajectory: Trajectory, discard_ps: float) -> Trajectory:
    """Return the run without its beginning, positions not copied.

    Frames of the framework stay where they are stored: with a stride up to a stride more than asked for is left out.

    :param discard_ps: time at the beginning that is left out, in ps.
    :raises ValueError: if fewer than two frames would remain.
    """
    first = first_frame_after(trajectory, discard_ps)
    if first == 0:
        return trajectory
    stride, framework = trajectory.framework_stride, trajectory.framework
    first = min(-(-first // stride) * stride, (trajectory.n_frames - 2) // stride * stride)
    drift = trajectory.framework_displacement
    return replace(
        trajectory,
        carriers=from_frame(trajectory.carriers, first),
        framework=None if framework is None else from_frame(framework, first // stride),
        framework_displacement=None if drift is None else drift[first:],
    )


def _silent(stage: str, fraction: float) -> None:
    """Report nothing."""


def _replacement_time(functions: VanHove) -> float | None:
    """Return the time after which carriers have begun to take each other's places in ps."""
    return characteristic_time(functions) if functions.distinct.size else None


@dataclass(frozen=True)
class _Work:
    """The parts of the analysis of one run, one method each."""

    trajectory: Trajectory
    positions: WatchedPositions
    network: SiteNetwork | None
    settings: AnalysisSettings
    progress: Progress

    def result(self) -> RunAnalysis:
        """Return all parts together."""
        run, settings = after(self.trajectory, self.settings.discard_ps), self.settings
        transport = self._part("transport", self.transport)
        sites = self._part("sites", self.sites)
        recrossing = None if sites is None else self._part("recrossing", lambda: self.recrossing(sites))
        frame = "laboratory" if run.framework_displacement is None else "framework"
        return RunAnalysis(
            input=run_facts(self.trajectory),
            settings=settings,
            cell=run.cell,
            frame=frame,
            transport=transport,
            sites=sites,
            rdf=self._part("rdf", lambda: carrier_radial_distributions(run, r_max=_rdf_radius(run.cell))) or {},
            van_hove=self._part("van_hove", lambda: carrier_van_hove(run)),
            density=self._part("density", lambda: self.density(run, sites)),
            recrossing=recrossing,
            skipped=tuple(part for part in PARTS if part in settings.skip),
            warnings=(
                *run_warnings(self.trajectory, settings.discard_ps),
                *transport_warnings(transport),
                *site_warnings(sites),
            ),
        )

    def _part(self, name: str, compute: Callable[[], Any]) -> Any:
        if name in self.settings.skip:
            return None
        stage = STAGES[name]
        self.progress(stage, 0.0)
        self.positions.watch = Watch(lambda fraction: self.progress(stage, fraction), self._numbers_of(name))
        found = compute()
        self.positions.watch = None
        self.progress(stage, 1.0)
        return found

    def _numbers_of(self, name: str) -> float:
        """Return how many numbers a part reads."""
        run = self.trajectory
        frames = min(PASSES.get(name, 1.0) * run.n_frames, SAMPLED_FRAMES.get(name, math.inf))
        return 3.0 * run.n_carriers * frames

    def transport(self) -> TransportResult | None:
        """Return diffusivities and conductivities, ``None`` where too few frames are left."""
        settings = self.settings
        if self.trajectory.n_frames - first_frame_after(self.trajectory, settings.discard_ps) < MINIMUM_FRAMES:
            return None
        return estimate_diffusivity(
            self.trajectory,
            charge=settings.charge,
            discard_ps=settings.discard_ps,
            fit_window_ps=settings.fit_window_ps,
            seed=settings.seed,
        )

    def sites(self) -> SiteAnalysis | None:
        """Return everything about sites, ``None`` without a network."""
        if self.network is None:
            return None
        settings = self.settings
        return analyse_sites(
            self.trajectory,
            self.network,
            window_ps=settings.window_ps,
            recrossing_ps=settings.recrossing_ps,
            background_ps=settings.side_window_ps,
            discard_ps=settings.discard_ps,
            seed=settings.seed,
            origin_shift=settings.origin_shift,
        )

    def recrossing(self, sites: SiteAnalysis) -> tuple[tuple[float, ...], IntArray]:
        """Return how many hops each dwell time of the recrossing rule leaves."""
        interval, longest = sites.history.frame_interval_ps, sites.history.duration_ps / 4
        times = {time for time in (*DWELL_TIMES_PS, self.settings.recrossing_ps) if interval <= time <= longest}
        dwell = (0.0, *sorted(times - {0.0}))
        return dwell, recrossing_curve(sites.history, dwell)

    def density(self, run: Trajectory, sites: SiteAnalysis | None) -> DensityMap:
        """Return the density of the carriers, folded into the site cell where there is one."""
        if sites is None:
            return carrier_density(run, spacing_A=_voxel_edge(run.cell))
        placed = sites.placed
        unit_cell = np.linalg.solve(placed.supercell.matrix, placed.cell).astype(np.float64)
        x, y, z = placed.origin_shift.tolist()
        return carrier_density(run, spacing_A=_voxel_edge(unit_cell), unit_cell=unit_cell, origin_shift=(x, y, z))


def _rdf_radius(cell: FloatArray) -> float:
    shortest, longest = RDF_RADIUS_A
    return float(np.clip(0.5 * cell_heights(cell).min(), shortest, longest))


def _voxel_edge(cell: FloatArray) -> float:
    return max(DENSITY_SPACING_A, float((abs(np.linalg.det(cell)) / DENSITY_VOXELS) ** (1 / 3)))
