"""What a report is made of, as plain data: nothing here knows of nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.concerted_event import ConcertedEvent
from aiida_concerted.analysis.density import DensityMap
from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.analysis.radial import RadialDistribution
from aiida_concerted.analysis.sites import SiteNetwork
from aiida_concerted.analysis.van_hove import VanHove
from aiida_concerted.common.stand_in import is_stand_in
from aiida_concerted.plotting import Exploration
from aiida_concerted.queries.turns import TurnSummary

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Result:
    """One result: its attributes, whole content and curves.

    :param uuid: UUID of the node.
    :param attributes: small numbers, units in the keys.
    :param content: the whole result, units in the keys.
    :param arrays: curves, units in the names.
    :param others: UUIDs of further nodes, where several runs are taken together.
    """

    uuid: str
    attributes: Mapping[str, Any]
    content: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    others: tuple[str, ...] = ()

    @property
    def uuids(self) -> tuple[str, ...]:
        """Return the UUIDs of all nodes that it comes from."""
        return (self.uuid, *self.others)

    def __getitem__(self, key: str) -> Any:
        """Return one attribute."""
        return self.attributes[key]

    def get(self, key: str, default: Any = None) -> Any:
        """Return one attribute, or the default."""
        return self.attributes.get(key, default)

    @property
    def temperature_K(self) -> float:
        """Return the temperature in K, zero where the result has none."""
        return float(self.attributes.get("temperature_K") or 0.0)


@dataclass(frozen=True)
class HistoryContent:
    """The sites that the carriers of one run held."""

    uuid: str
    temperature_K: float
    history: SiteHistory


@dataclass(frozen=True)
class StructureContent:
    """Where the carriers of one run are, and how they lie to each other and to the framework.

    :param uuid: UUID of the trajectory.
    :param used_ps: how much of the run was looked at, from its beginning.
    :param duration_ps: length of the run.
    :param sites: fractional coordinates in the cell of the density by label.
    """

    uuid: str
    temperature_K: float
    used_ps: float
    duration_ps: float
    density: DensityMap | None
    sites: Mapping[str, FloatArray]
    rdf: Mapping[str, RadialDistribution]
    van_hove: VanHove | None


@dataclass(frozen=True)
class EventContent:
    """One concerted event of a run.

    :param uuids: of the trajectory and of the site history.
    :param carriers: numbers of the two carriers in the run.
    """

    uuids: tuple[str, ...]
    temperature_K: float
    carriers: tuple[int, int]
    event: ConcertedEvent


@dataclass(frozen=True)
class CellSizeContent:
    """The diffusivity of a run in a cell of another size.

    :param name: of the cell, such as ``3×3×2``.
    """

    name: str
    result: Result


@dataclass(frozen=True)
class ParityContent:
    """Predictions of one model for held-out frames.

    :param energy: reference and predicted energies in eV per atom.
    :param force: reference and predicted force components in eV Å⁻¹.
    """

    uuid: str
    model: str
    energy: tuple[FloatArray, FloatArray] | None
    force: tuple[FloatArray, FloatArray] | None


@dataclass(frozen=True)
class CurveContent:
    """Errors of one model over its training.

    :param columns: ``step`` and errors, units in the names.
    """

    uuid: str
    model: str
    columns: Mapping[str, FloatArray]


@dataclass(frozen=True)
class LearningContent:
    """The learning loop.

    :param turns: rows of the loop's table: turn, runs, frames labelled, errors by model.
    :param explorations: the runs of every turn with the UUID of their deviations.
    :param summaries: what each turn brought and cost.
    :param stopped: why the loop ended, in one line.
    :param trust_eV_A: lower and upper trust level in eV Å⁻¹.
    :param threshold: least accurate fraction that ends the loop.
    :param n_frames: frames of the final dataset.
    """

    uuid: str | None = None
    turns: tuple[Mapping[str, Any], ...] = ()
    explorations: tuple[tuple[str, Exploration], ...] = ()
    summaries: tuple[TurnSummary, ...] = ()
    stopped: str | None = None
    trust_eV_A: tuple[float, float] | None = None
    threshold: float | None = None
    n_frames: int | None = None
    dataset_uuid: str | None = None
    curves: tuple[CurveContent, ...] = ()
    parities: tuple[ParityContent, ...] = ()
    models: tuple[Result, ...] = ()

    @property
    def least_accurate(self) -> float | None:
        """Return the least accurate fraction of the runs of the last turn, ``None`` where nothing was explored."""
        last = max((run.turn for _, run in self.explorations), default=0)
        fractions = [
            run.counts["accurate"] / total
            for _, run in self.explorations
            if run.turn == last and (total := sum(run.counts.values()))
        ]
        return min(fractions, default=None)


@dataclass(frozen=True)
class StageContent:
    """One child of the study.

    :param name: label of its call.
    :param state: in words.
    :param is_done: whether it finished without a failure.
    :param n_calculations: calculations that ran an executable below it.
    :param elapsed_s: from its creation to its last change.
    :param job_s: summed times of its calculations from creation to last change, waiting included.
    :param core_s: the same times the cores asked for.
    """

    uuid: str
    name: str
    state: str
    is_done: bool
    n_calculations: int
    elapsed_s: float
    job_s: float
    core_s: float


@dataclass(frozen=True)
class CodeContent:
    """One executable as the study used it; no paths and no user names."""

    label: str
    computer: str
    executable: str
    plugin: str
    n_calculations: int


@dataclass(frozen=True)
class MakingContent:
    """How a study was made.

    :param stages: its children.
    :param codes: the executables that ran.
    :param versions: version by software.
    :param settings: name and text of every plain input.
    :param n_failed_processes: processes that ended without success.
    """

    stages: tuple[StageContent, ...]
    codes: tuple[CodeContent, ...]
    versions: Mapping[str, str]
    settings: tuple[tuple[str, str], ...]
    n_failed_processes: int


@dataclass(frozen=True)
class StudyContent:
    """Everything a report needs of a study; what is missing is empty and named in ``missing``."""

    uuid: str
    pk: int
    label: str
    state: str
    is_finished_ok: bool
    created: datetime
    changed: datetime
    material: str
    formula: str
    carrier: str
    level_of_theory: str
    structure: Mapping[str, Any] | None
    site_labels: tuple[str, ...]
    named_modes: tuple[str, ...]
    temperatures_K: tuple[float, ...]
    diffusivities: tuple[Result, ...]
    site_statistics: tuple[Result, ...]
    modes: tuple[Result, ...]
    arrhenius: tuple[Result, ...]
    histories: tuple[HistoryContent, ...]
    vacancy: Result | None
    learning: LearningContent
    making: MakingContent
    missing: tuple[str, ...]
    network: SiteNetwork | None = None
    sites_uuid: str | None = None
    structures: tuple[StructureContent, ...] = ()
    events: tuple[EventContent, ...] = ()
    cell_sizes: tuple[CellSizeContent, ...] = ()
    size_test: Result | None = None
    effort: Mapping[str, Any] | None = None

    @property
    def is_surrogate(self) -> bool:
        """Return whether energies and forces come from a stand-in instead of first principles."""
        return is_stand_in(self.level_of_theory)

    def fit_of(self, quantity: str, mode: str | None = None) -> Result | None:
        """Return the Arrhenius fit of a quantity and, where given, of a mode or label."""
        for fit in self.arrhenius:
            if fit["quantity"] == quantity and (mode is None or fit.get("mode") == mode):
                return fit
        return None
