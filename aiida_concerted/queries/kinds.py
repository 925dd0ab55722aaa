"""What can be asked for: node types, the columns of their rows, and how one node becomes rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiida import orm

from aiida_concerted.common.hints import nearest
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.data.potential import DeepPotentialData
from aiida_concerted.data.results import (
    ArrheniusData,
    DiffusivityData,
    ModeFrequenciesData,
    SiteStatisticsData,
    VacancyFormationData,
)
from aiida_concerted.data.sites import SiteHistoryData
from aiida_concerted.data.stashed import StashedTrajectoryData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.queries.table import Row

COMMON_FILTERS = ("material", "formula", "carrier", "level_of_theory", "study")
OF_A_RUN = ("trajectory_uuid", "potential_sha256", "potential_uuid", "potential_version", "code")
"""Columns of what was computed from a trajectory: where that came from."""

CREATED_BY = ("created_by", "code")
"""Columns of what an engine made: the process, and the code it ran."""


WORKCHAIN = "workchain"
"""Column of the PK of the work chain that returned a result which names no study."""


@dataclass(frozen=True)
class Published:
    """The place of a published number in the rows of a kind.

    :param value: column of the number.
    :param error: column of its standard error.
    :param label: column of its site label or mode.
    :param constants: what else stands in the row.
    """

    value: str
    error: str | None = None
    label: str | None = None
    constants: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Kind:
    """One kind of result.

    :param name: the word that asks for it.
    :param node_class: its node type.
    :param columns: attributes that become columns, in order; all other columns follow from ``expand``.
    :param filters: filters beyond the common ones.
    :param expand: turns the attributes of one node into the differing parts of its rows.
    :param expanded: columns that ``expand`` fills, which stand after the material's.
    :param paths: node types between this one and the trajectory that it was computed from, one way or several.
    :param provenance: columns of its provenance.
    :param published: what a published number becomes in a row, by its quantity: the column of the value and that of its
        error, the column of its label, and further columns.
    :param sort: columns that rows are sorted by.
    :param also: node types that are of this kind too, with the same attributes.
    """

    name: str
    node_class: type[orm.Data]
    columns: tuple[str, ...]
    filters: tuple[str, ...] = ()
    expand: Callable[[Mapping[str, Any]], Iterable[Row]] = field(default=lambda attributes: ({},))
    expanded: tuple[str, ...] = ()
    paths: tuple[tuple[type[orm.Data], ...], ...] = ()
    provenance: tuple[str, ...] = ()
    published: Mapping[str, Published] = field(default_factory=dict)
    sort: tuple[str, ...] = ("material",)
    also: tuple[type[orm.Data], ...] = ()

    @property
    def classes(self) -> Any:
        """Return the node type, or all of them in a list, as queries take it."""
        return [self.node_class, *self.also] if self.also else self.node_class

    @property
    def leading(self) -> tuple[str, ...]:
        """Return the columns that name the material."""
        return tuple(name for name in ("material", "formula", "carrier") if name in self.columns)

    @property
    def all_columns(self) -> tuple[str, ...]:
        """Return every column, in order."""
        rest = tuple(name for name in self.columns if name not in self.leading)
        own = (*self.leading, *self.expanded, *rest)
        source = ("source",) if self.published else ()
        return ("pk", "uuid", *own, *source, "study_uuid", WORKCHAIN, "created", *self.provenance)


def kind_of(name: str) -> Kind:
    """Return the kind of this name.

    :raises ValueError: if there is none.
    """
    if name not in KINDS:
        raise ValueError(f"there is nothing called '{name}' to ask for: {nearest(name, KINDS)}")
    return KINDS[name]


def _by_key(columns: Mapping[str, str], key: str) -> Callable[[Mapping[str, Any]], list[Row]]:
    """Return a function that makes a row of every key of an attribute that is a dictionary.

    :param columns: attribute by column; the first names the rows.
    :param key: column for the key.
    """

    def rows(attributes: Mapping[str, Any]) -> list[Row]:
        tables = {column: attributes.get(attribute) or {} for column, attribute in columns.items()}
        names = dict.fromkeys(name for table in tables.values() for name in table)
        return [{key: name, **{column: table.get(name) for column, table in tables.items()}} for name in names]

    return rows


_MATERIAL = ("material", "formula", "carrier")
_MODES = {
    "frequency_per_cell_s": "modes",
    "frequency_lower_per_cell_s": "frequency_lower_per_cell_s",
    "frequency_upper_per_cell_s": "frequency_upper_per_cell_s",
    "n_events": "n_events",
}
_OCCUPANCIES = {
    "occupancy": "occupancy",
    "occupancy_stderr": "occupancy_stderr",
    "residence_time_ps": "residence_time_ps",
    "residence_time_lower_ps": "residence_time_lower_ps",
    "residence_time_upper_ps": "residence_time_upper_ps",
}
_VACANCIES = {"formation_energy_eV": "formation_energy_eV", "spread_eV": "spread_eV", "n_sites": "n_sites"}

_ENERGY = ("activation_energy_eV", "activation_energy_stderr_eV")

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "diffusivities",
            DiffusivityData,
            (*_MATERIAL, "temperature_K", "diffusivity_m2_s", "diffusivity_stderr_m2_s", "charge_diffusivity_m2_s",
             "charge_diffusivity_stderr_m2_s", "haven_ratio", "haven_ratio_stderr", "conductivity_S_m",
             "conductivity_stderr_S_m", "n_hops", "sampling", "duration_ps", "n_atoms", "method", "level_of_theory"),
            filters=("temperature_K",),
            paths=((),),
            provenance=OF_A_RUN,
            published={
                "tracer_diffusivity": Published("diffusivity_m2_s", "diffusivity_stderr_m2_s"),
                "charge_diffusivity": Published("charge_diffusivity_m2_s", "charge_diffusivity_stderr_m2_s"),
                "conductivity": Published("conductivity_S_m", "conductivity_stderr_S_m"),
                "haven_ratio": Published("haven_ratio", "haven_ratio_stderr"),
            },
            sort=("material", "temperature_K"),
        ),
        Kind(
            "arrhenius",
            ArrheniusData,
            (*_MATERIAL, "quantity", "mode", "activation_energy_eV", "activation_energy_stderr_eV", "prefactor",
             "prefactor_unit", "diffusivity_300K_m2_s", "diffusivity_300K_lower_m2_s", "diffusivity_300K_upper_m2_s",
             "conductivity_300K_S_m", "conductivity_300K_lower_S_m", "conductivity_300K_upper_S_m",
             "temperatures_K", "n_events", "reason", "n_atoms", "method", "level_of_theory"),
            filters=("max_activation_energy_eV", "quantity", "mode"),
            paths=((DiffusivityData,), (ModeFrequenciesData, SiteHistoryData), (SiteStatisticsData, SiteHistoryData)),
            provenance=("potential_sha256", "potential_uuid", "potential_version", "code"),
            published={
                "activation_energy": Published(*_ENERGY, constants=(("quantity", "tracer_diffusivity"),)),
                "mode_activation_energy": Published(*_ENERGY, "mode", (("quantity", "mode_frequency"),)),
            },
            sort=("material", "quantity", "mode"),
        ),
        Kind(
            "modes",
            ModeFrequenciesData,
            (*_MATERIAL, "temperature_K", "window_ps", "recrossing_ps", "n_atoms", "level_of_theory"),
            filters=("temperature_K", "mode"),
            expand=_by_key(_MODES, "mode"),
            expanded=("mode", *_MODES),
            paths=((SiteHistoryData,),),
            provenance=OF_A_RUN,
            sort=("material", "mode", "temperature_K"),
        ),
        Kind(
            "occupancies",
            SiteStatisticsData,
            (*_MATERIAL, "temperature_K", "n_hops", "recrossing_ps", "n_atoms", "level_of_theory"),
            filters=("temperature_K",),
            expand=_by_key(_OCCUPANCIES, "site"),
            expanded=("site", *_OCCUPANCIES),
            paths=((SiteHistoryData,),),
            provenance=OF_A_RUN,
            published={
                "occupancy": Published("occupancy", "occupancy_stderr", "site"),
                "residence_time": Published("residence_time_ps", label="site"),
            },
            sort=("material", "site", "temperature_K"),
        ),
        Kind(
            "vacancies",
            VacancyFormationData,
            (*_MATERIAL, "reference_energy_eV_per_atom", "perfect_energy_eV", "n_atoms", "level_of_theory"),
            expand=_by_key(_VACANCIES, "site"),
            expanded=("site", *_VACANCIES),
            published={"vacancy_formation_energy": Published("formation_energy_eV", label="site")},
            sort=("material", "site"),
        ),
        Kind(
            "potentials",
            DeepPotentialData,
            ("material", "type_map", "cutoff_A", "backend", "version", "seed", "compressed", "sha256",
             "level_of_theory"),
            provenance=CREATED_BY,
        ),
        Kind(
            "frames",
            LabelledFramesData,
            ("material", "formula", "n_frames", "n_atoms", "species", "has_virials", "level_of_theory", "content_hash"),
            provenance=CREATED_BY,
        ),
        Kind(
            "trajectories",
            MolecularDynamicsData,
            (*_MATERIAL, "temperature_K", "n_frames", "frame_interval_ps", "n_atoms", "n_carriers", "volume_A3",
             "supercell", "seed", "level_of_theory", "potential_sha256", "places"),
            filters=("temperature_K",),
            provenance=CREATED_BY,
            also=(StashedTrajectoryData,),
            sort=("material", "temperature_K"),
        ),
    )
}  # fmt: skip
"""Everything that can be asked for, by name."""

MISSING_FILTERS = {"potentials": ("formula", "carrier"), "frames": ("carrier",)}
"""Common filters that a kind has no attribute for."""


def filters_of(kind: Kind) -> tuple[str, ...]:
    """Return the filters that a kind understands."""
    common = tuple(name for name in COMMON_FILTERS if name not in MISSING_FILTERS.get(kind.name, ()))
    return common + kind.filters
