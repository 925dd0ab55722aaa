"""The headline numbers of a study beside published ones, as rows, as tables and in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiida import orm

from aiida_concerted.common.numbers import UNKNOWN, format_estimate, format_interval, format_number
from aiida_concerted.common.units import S_PER_M_IN_MS_PER_CM
from aiida_concerted.materials import ReferenceValue
from aiida_concerted.report.content import Result, StudyContent
from aiida_concerted.report.figures.sites import labels_of, occupancy_estimate
from aiida_concerted.report.gather import gather_study
from aiida_concerted.report.modes import mode_entries, ordered_modes, raw_events
from aiida_concerted.report.points import all_points_of
from aiida_concerted.report.published import (
    ACTIVATION_ENERGY,
    DIFFUSIVITY,
    MODE_ENERGY,
    OCCUPANCY,
    VACANCY_ENERGY,
    Published,
    describe,
)

NO_SPREAD = 1


@dataclass(frozen=True)
class SummaryRow:
    """One headline number.

    :param section: ``diffusion``, ``occupancy``, ``activation``, ``modes`` or ``vacancies``.
    :param quantity: what it is, such as ``tracer_diffusivity``.
    :param unit: unit of the numbers; empty for a ratio.
    :param value: the number, ``None`` where there is none.
    :param stderr: one standard error, ``None`` where unknown.
    :param label: site label or mode, where the quantity belongs to one.
    :param temperature_K: temperature in K, where it belongs to one.
    :param lower: lower end of the 95 % interval, where the error is not symmetric.
    :param upper: upper end of it.
    :param published: published values of the same quantity with kind and source.
    :param note: what must be known about it, such as why there is no value.
    """

    section: str
    quantity: str
    unit: str
    value: float | None
    stderr: float | None = None
    label: str | None = None
    temperature_K: float | None = None
    lower: float | None = None
    upper: float | None = None
    published: tuple[str, ...] = ()
    note: str = ""

    @property
    def text(self) -> str:
        """Return the number with its error as people read it."""
        if self.value is None:
            return UNKNOWN
        if self.lower is not None or self.upper is not None:
            return format_interval(self.value, self.lower, self.upper)
        return format_estimate(self.value, self.stderr)


def summary_rows(study: orm.ProcessNode) -> list[SummaryRow]:
    """Return the headline numbers of a study, whatever state it is in, with published ones beside.

    :param study: the study, or a sweep.
    """
    content = gather_study(study)
    return rows_of(content, Published.of(content.material))


def rows_of(content: StudyContent, published: Published) -> list[SummaryRow]:
    """Return the headline numbers of gathered content."""
    return [
        *_diffusion(content, published),
        *_occupancy(content, published),
        *_activation(content, published),
        *_modes(content, published),
        *_vacancies(content, published),
    ]


def _texts(values: Iterable[ReferenceValue]) -> tuple[str, ...]:
    return tuple(describe(value) for value in values)


def _diffusion(content: StudyContent, published: Published) -> list[SummaryRow]:
    rows = []
    for item in all_points_of(content.diffusivities):
        T = item.temperature_K
        beside = _texts(published.find(DIFFUSIVITY, temperature_K=T))
        line = published.diffusivity_at(T)
        if not beside and line is not None:
            beside = (f"≈ {format_number(line, 2)}",)
        numbers = {
            "tracer_diffusivity": ("m² s⁻¹", item["diffusivity_m2_s"], item["diffusivity_stderr_m2_s"], beside),
            "haven_ratio": (
                "",
                item.get("haven_ratio"),
                item.get("haven_ratio_stderr"),
                _texts(published.find("haven_ratio")),
            ),
            "conductivity": ("mS cm⁻¹", *_conductivity(item), _texts(published.find("conductivity", temperature_K=T))),
        }
        for quantity, (unit, value, stderr, texts) in numbers.items():
            if value is not None:
                note = "insufficient sampling" if item.get("sampling") == "insufficient" else ""
                rows.append(
                    SummaryRow("diffusion", quantity, unit, value, stderr, temperature_K=T, published=texts, note=note)
                )
    return rows


def _conductivity(item: Result) -> tuple[float | None, float | None]:
    """Return the Nernst–Einstein conductivity in mS cm⁻¹ and its error."""
    value = item.get("conductivity_S_m")
    if value is None:
        return None, None
    stderr = item.get("conductivity_stderr_S_m")
    if stderr is None:
        stderr = item.content.get("conductivity_S_m", {}).get("nernst_einstein", {}).get("stderr")
    return value * S_PER_M_IN_MS_PER_CM, None if stderr is None else stderr * S_PER_M_IN_MS_PER_CM


def _occupancy(content: StudyContent, published: Published) -> list[SummaryRow]:
    rows = []
    for item in all_points_of(content.site_statistics):
        for label in labels_of(content):
            estimate = occupancy_estimate(item, label)
            if estimate is not None:
                beside = _texts(published.find(OCCUPANCY, label=label, temperature_K=item.temperature_K))
                rows.append(
                    SummaryRow(
                        "occupancy",
                        "occupancy",
                        "",
                        estimate["value"],
                        estimate.get("stderr"),
                        label=label,
                        temperature_K=item.temperature_K,
                        published=beside,
                    )
                )
    return rows


def _activation(content: StudyContent, published: Published) -> list[SummaryRow]:
    fit = content.fit_of("tracer_diffusivity")
    if fit is None:
        return []
    rows = [
        SummaryRow(
            "activation",
            "activation_energy",
            "eV",
            fit.get("activation_energy_eV"),
            fit.get("activation_energy_stderr_eV"),
            published=_texts(published.find(ACTIVATION_ENERGY)),
            note=fit.get("reason") or "",
        )
    ]
    cold = fit.content.get("extrapolated_300K_m2_s")
    if cold:
        rows.append(
            SummaryRow(
                "activation",
                "tracer_diffusivity",
                "m² s⁻¹",
                cold["value"],
                None,
                temperature_K=300.0,
                lower=cold.get("lower"),
                upper=cold.get("upper"),
                published=_texts(published.find(DIFFUSIVITY, temperature_K=300.0)),
                note="extrapolated by the fit",
            )
        )
    return rows


def _modes(content: StudyContent, published: Published) -> list[SummaryRow]:
    totals = raw_events(content)
    rows = []
    for mode in ordered_modes(content):
        fit = content.fit_of("mode_frequency", mode)
        if fit is None and not content.modes:
            continue
        events = fit.get("n_events") if fit is not None else None
        count = totals.get(mode, 0) if events is None else events
        reason = (fit.get("reason") if fit is not None else None) or ("" if fit is not None else "not fitted")
        note = f"{count} events" + (f"; {reason}" if reason else "")
        rows.append(
            SummaryRow(
                "modes",
                "mode_activation_energy",
                "eV",
                fit.get("activation_energy_eV") if fit is not None else None,
                fit.get("activation_energy_stderr_eV") if fit is not None else None,
                label=mode,
                published=_texts(published.find(MODE_ENERGY, label=mode)),
                note=note,
            )
        )
    return rows


def _vacancies(content: StudyContent, published: Published) -> list[SummaryRow]:
    if content.vacancy is None:
        return []
    energies: Mapping[str, Any] = content.vacancy["formation_energy_eV"]
    rows = []
    missing = content.vacancy.get("missing_labels") or []
    for label in dict.fromkeys([*content.site_labels, *energies, *missing]):
        beside = _texts(published.find(VACANCY_ENERGY, label=label))
        value = energies.get(label)
        number = content.vacancy.get("n_sites", {}).get(label, 0)
        note = f"{number} site{'s' if number != 1 else ''}" if value is not None else "no carrier on this label"
        spread = content.vacancy.get("spread_eV", {}).get(label)
        if spread is not None and number > NO_SPREAD:
            note += f", spread {format_number(spread, 2)} eV"
        rows.append(
            SummaryRow("vacancies", "vacancy_formation_energy", "eV", value, label=label, published=beside, note=note)
        )
    return rows


def mode_counts(content: StudyContent, mode: str) -> str:
    """Return the counts of a mode by temperature, background subtracted, such as ``600 K: 3; 800 K: 12``."""
    parts = []
    for item in content.modes:
        entry = mode_entries(item).get(mode)
        if entry and "count" in entry:
            parts.append(f"{item.temperature_K:g} K: {format_number(entry['count'], 2)}")
    return "; ".join(parts)
