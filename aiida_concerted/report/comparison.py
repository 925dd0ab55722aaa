"""Every published number of a material beside the study's own: agrees, differs, or cannot be said from this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from aiida_concerted.analysis.van_hove import characteristic_time
from aiida_concerted.common.estimate import NORMAL_95
from aiida_concerted.common.numbers import UNKNOWN, format_estimate, format_interval, format_number, format_published
from aiida_concerted.common.stand_in import is_stand_in
from aiida_concerted.materials import ReferenceValue, short_source
from aiida_concerted.report.claims_evidence import (
    AGREES,
    DIFFERS,
    OPEN,
    ROOM_TEMPERATURE_K,
    SIGMAS,
    is_room_temperature,
)
from aiida_concerted.report.content import Result, StudyContent
from aiida_concerted.report.figures.sites import occupancy_estimate
from aiida_concerted.report.points import points_of
from aiida_concerted.report.published import (
    ACTIVATION_ENERGY,
    DIFFUSIVITY,
    MODE_ENERGY,
    OCCUPANCY,
    VACANCY_ENERGY,
    Published,
)
from aiida_concerted.report.tables import Table

SAME_TEMPERATURE = 0.003
"""Largest relative difference of two temperatures that count as one: D changes by 2 % over it at 300 K."""

LEAST_DIGITS = 2
"""Digits that a published number is taken to have, at least: 30 ps and 1.0 are not known to half of themselves."""

WRITTEN_UNITS = {"m2/s": "m² s⁻¹", "S/m": "S m⁻¹", "meV/A": "meV Å⁻¹"}
"""Units of the data files as people write them."""

STAND_IN = "from a stand-in for first principles"


@dataclass(frozen=True)
class Own:
    """The study's number for something that was published.

    :param value: in the published unit, ``None`` where there is none.
    :param stderr: one standard error; of the logarithm where ``is_ratio``; ``None`` where it is not known.
    :param is_ratio: whether errors are relative and ratios are compared, as of numbers over orders of magnitude.
    :param how: how it was had, or why there is none.
    :param uuids: nodes that it came from.
    """

    value: float | None
    stderr: float | None = None
    is_ratio: bool = False
    how: str = ""
    uuids: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Return the number with its error, or with its 95 % interval, as people read it."""
        if self.value is None:
            return UNKNOWN
        if self.is_ratio and self.stderr is not None:
            factor = float(np.exp(NORMAL_95 * self.stderr))
            return format_interval(self.value, self.value / factor, self.value * factor)
        return format_estimate(self.value, self.stderr)


@dataclass(frozen=True)
class Comparison:
    """A published number, the study's, and whether they agree.

    :param verdict: ``agrees``, ``differs`` or ``cannot be said``.
    :param reason: how the verdict follows.
    """

    published: ReferenceValue
    own: Own
    verdict: str
    reason: str


def compare_numbers(content: StudyContent, published: Published) -> list[Comparison]:
    """Return one comparison for each published number of the study's material.

    Two numbers agree where they differ by no more than two standard errors of both. A number that was published
    without an error counts with its rounding. Nothing can be said where the study has no such number, or where its own
    error is more than half of it.
    """
    found = []
    for value in published.values:
        find = FINDERS.get(value.quantity)
        own = find(content, value) if find else Own(None, how="not computed by a study")
        found.append(Comparison(value, own, *_judge(content, value, own)))
    return found


def _judge(content: StudyContent, value: ReferenceValue, own: Own) -> tuple[str, str]:
    if own.value is None:
        return OPEN, own.how
    if content.is_surrogate or own.how == STAND_IN:
        return OPEN, STAND_IN
    if own.stderr is None:
        return OPEN, f"{own.how}; its error is not known"
    if SIGMAS * own.stderr >= (1.0 if own.is_ratio else abs(own.value)):
        return OPEN, f"{own.how}; known too roughly"
    error = value.uncertainty if value.uncertainty is not None else rounding_of(value.value)
    if own.is_ratio:
        difference, error = float(np.log(own.value / value.value)), error / value.value
    else:
        difference = own.value - value.value
    sigmas = abs(difference) / float(np.hypot(own.stderr, error))
    return (AGREES if sigmas <= SIGMAS else DIFFERS), f"{own.how}; {format_number(sigmas, 2)} standard errors apart"


def rounding_of(value: float) -> float:
    """Return the standard error that a number has from its rounding: a flat spread over half a unit of its last digit.

    A number has the digits that it is written with, and two where it has fewer.
    """
    written = Decimal(f"{value:.12g}").normalize()
    unit = 10.0 ** (written.adjusted() - max(LEAST_DIGITS, len(written.as_tuple().digits)) + 1)
    return 0.5 * unit / float(np.sqrt(3.0))


def _is_at(item: Any, temperature_K: float) -> bool:
    return abs(item.temperature_K / temperature_K - 1.0) <= SAME_TEMPERATURE


def _runs_at(item: Result) -> str:
    number = f"{len(item.uuids)} runs" if item.others else "run"
    return f"{number} at {item.temperature_K:g} K"


def _diffusivity(content: StudyContent, value: ReferenceValue) -> Own:
    T = float(value.temperature_K or ROOM_TEMPERATURE_K)
    items = [item for item in points_of(content.diffusivities) if item["diffusivity_m2_s"] > 0]
    for item in items:
        if _is_at(item, T):
            return Own(item["diffusivity_m2_s"], _relative(item), True, _runs_at(item), item.uuids)
    between = _between(items, T)
    if between is not None:
        return between
    return _at_room_temperature(content, "diffusivity_300K{}_m2_s", T)


def _relative(item: Result) -> float:
    return float(item["diffusivity_stderr_m2_s"] / item["diffusivity_m2_s"])


def _between(items: Sequence[Result], temperature_K: float) -> Own | None:
    """Return the diffusivity on the Arrhenius line through the runs next to a temperature on both sides."""
    colder = [item for item in items if item.temperature_K < temperature_K]
    hotter = [item for item in items if item.temperature_K > temperature_K]
    if not colder or not hotter:
        return None
    low = max(colder, key=lambda item: item.temperature_K)
    high = min(hotter, key=lambda item: item.temperature_K)
    weight = (1 / temperature_K - 1 / low.temperature_K) / (1 / high.temperature_K - 1 / low.temperature_K)
    logs = [float(np.log(item["diffusivity_m2_s"])) for item in (low, high)]
    error = float(np.hypot((1 - weight) * _relative(low), weight * _relative(high)))
    return Own(
        float(np.exp((1 - weight) * logs[0] + weight * logs[1])), error, True,
        f"between runs at {low.temperature_K:g} and {high.temperature_K:g} K", (*low.uuids, *high.uuids),
    )  # fmt: skip


def _at_room_temperature(content: StudyContent, name: str, temperature_K: float) -> Own:
    fit = content.fit_of("tracer_diffusivity")
    value, lower, upper = (fit.get(name.format(end)) if fit else None for end in ("", "_lower", "_upper"))
    if fit is None or not value or not is_room_temperature(temperature_K):
        return Own(None, how=f"no run near {temperature_K:g} K")
    error = float(np.log(upper / lower)) / (2 * NORMAL_95) if lower and upper else None
    return Own(value, error, True, "extrapolated by the fit to 300 K", (fit.uuid,))


def _conductivity(content: StudyContent, value: ReferenceValue) -> Own:
    """Return the Nernst–Einstein conductivity over the Haven ratio, which is in what an experiment measures.

    The Haven ratio is that of the same runs where they tell it, else the mean over temperatures.
    """
    T = float(value.temperature_K or ROOM_TEMPERATURE_K)
    point = _conducting_point(content, T)
    own = _at_room_temperature(content, "conductivity_300K{}_S_m", T) if point is None else _nernst_einstein(point)
    is_known = point is not None and _has_haven(point) and SIGMAS * point["haven_ratio_stderr"] < point["haven_ratio"]
    haven = _mean_haven_ratio([point] if point is not None and is_known else points_of(content.diffusivities))
    if own.value is None or own.stderr is None:
        return own
    if not haven.value or haven.stderr is None:
        return Own(own.value, None, True, f"{own.how}, without a Haven ratio", own.uuids)
    error = float(np.hypot(own.stderr, haven.stderr / haven.value))
    if point is not None and is_known and point.get("charge_diffusivity_stderr_m2_s"):
        # The tracer diffusivity cancels, and its error with it.
        error = float(point["charge_diffusivity_stderr_m2_s"] / point["charge_diffusivity_m2_s"])
    how = f"{own.how}, over the Haven ratio {haven.text}"
    return Own(own.value / haven.value, error, True, how, tuple(dict.fromkeys((*own.uuids, *haven.uuids))))


def _conducting_point(content: StudyContent, temperature_K: float) -> Result | None:
    """Return the runs nearest to a temperature of those at it; measurements at 298 K are set beside runs at 300 K."""
    found = [
        item for item in points_of(content.diffusivities)
        if item.get("conductivity_S_m") and (
            _is_at(item, temperature_K)
            or (is_room_temperature(temperature_K) and is_room_temperature(item.temperature_K))
        )
    ]  # fmt: skip
    return min(found, key=lambda item: abs(item.temperature_K - temperature_K), default=None)


def _nernst_einstein(point: Result) -> Own:
    error = point.get("conductivity_stderr_S_m")
    relative = None if error is None else error / point["conductivity_S_m"]
    how = f"Nernst–Einstein at {point.temperature_K:g} K"
    return Own(point["conductivity_S_m"], relative, True, how, point.uuids)


def _activation_energy(content: StudyContent, _: ReferenceValue) -> Own:
    return _energy_of(content.fit_of("tracer_diffusivity"), "no fit of the diffusivity")


def _mode_energy(content: StudyContent, value: ReferenceValue) -> Own:
    return _energy_of(content.fit_of("mode_frequency", value.label), "too few events of this mode")


def _energy_of(fit: Result | None, lacking: str) -> Own:
    energy = fit.get("activation_energy_eV") if fit is not None else None
    if fit is None or energy is None:
        return Own(None, how=(fit.get("reason") if fit is not None else None) or lacking)
    temperatures = fit.get("temperatures_K") or ()
    span = f"{min(temperatures):g} to {max(temperatures):g} K" if len(temperatures) else "all temperatures"
    return Own(energy, fit.get("activation_energy_stderr_eV"), False, f"fit over {span}", (fit.uuid,))


def _haven_ratio(content: StudyContent, _: ReferenceValue) -> Own:
    return _mean_haven_ratio(points_of(content.diffusivities))


def _has_haven(item: Result) -> bool:
    return item.get("haven_ratio") is not None and (item.get("haven_ratio_stderr") or 0.0) > 0


def _mean_haven_ratio(points: Sequence[Result]) -> Own:
    """Return the mean over temperatures, weighted by the errors."""
    known = [item for item in points if _has_haven(item)]
    if not known:
        return Own(None, how="no Haven ratio")
    values = np.array([item["haven_ratio"] for item in known])
    weights = np.array([item["haven_ratio_stderr"] for item in known]) ** -2.0
    how = f"mean over {len(known)} temperatures" if len(known) > 1 else f"at {known[0].temperature_K:g} K"
    return Own(
        float(np.average(values, weights=weights)), float(weights.sum() ** -0.5), False, how,
        tuple(uuid for item in known for uuid in item.uuids),
    )  # fmt: skip


def _occupancy(content: StudyContent, value: ReferenceValue) -> Own:
    for item in points_of(content.site_statistics):
        if value.temperature_K and _is_at(item, value.temperature_K):
            estimate = occupancy_estimate(item, str(value.label))
            if estimate is not None:
                return Own(estimate["value"], estimate.get("stderr"), False, _runs_at(item), item.uuids)
    return Own(None, how=f"no run at {value.temperature_K:g} K")


def _vacancy_energy(content: StudyContent, value: ReferenceValue) -> Own:
    energy = content.vacancy["formation_energy_eV"].get(value.label) if content.vacancy is not None else None
    if content.vacancy is None or energy is None:
        return Own(None, how="no vacancy energy of this label")
    stands_in = is_stand_in(content.vacancy.get("level_of_theory"))
    return Own(energy, None, False, STAND_IN if stands_in else "static energies", (content.vacancy.uuid,))


def _van_hove_time(content: StudyContent, value: ReferenceValue) -> Own:
    for item in content.structures:
        if value.temperature_K and _is_at(item, value.temperature_K) and item.van_hove is not None:
            time = characteristic_time(item.van_hove)
            if time is not None:
                return Own(time, None, False, "half of the height within 1 Å, a convention", (item.uuid,))
    return Own(None, how=f"no run at {value.temperature_K:g} K")


def _rmse(key: str) -> Callable[[StudyContent, ReferenceValue], Own]:
    def find(content: StudyContent, _: ReferenceValue) -> Own:
        turns = content.learning.turns
        parts = [item.get("in_set") for item in turns[-1].get("metrics", {}).values()] if turns else []
        values = [1000.0 * part[key] for part in parts if isinstance(part, dict) and part.get(key) is not None]
        if not values:
            return Own(None, how="no potential was trained")
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
        return Own(
            float(np.mean(values)), spread, False, f"training frames; ± is the spread of {len(values)} potentials"
        )

    return find


def _accurate_fraction(content: StudyContent, _: ReferenceValue) -> Own:
    least = content.learning.least_accurate
    if least is None:
        return Own(None, how="no explorations")
    return Own(least, None, False, "least of the last turn's runs")


FINDERS: dict[str, Callable[[StudyContent, ReferenceValue], Own]] = {
    DIFFUSIVITY: _diffusivity,
    ACTIVATION_ENERGY: _activation_energy,
    MODE_ENERGY: _mode_energy,
    OCCUPANCY: _occupancy,
    VACANCY_ENERGY: _vacancy_energy,
    "conductivity": _conductivity,
    "haven_ratio": _haven_ratio,
    "van_hove_time": _van_hove_time,
    "energy_rmse": _rmse("rmse_energy_eV_per_atom"),
    "force_rmse": _rmse("rmse_force_eV_A"),
    "accurate_fraction": _accurate_fraction,
}
"""How the study's number for a published quantity is found."""


def comparison_table(comparisons: Sequence[Comparison]) -> Table:
    """Return every published number with the study's and a verdict."""
    lines = tuple(
        (
            title_of(item.published),
            _with_unit(item.published),
            f"{item.published.kind}, {short_source(item.published.source)}",
            item.own.text, item.verdict, item.reason,
        )
        for item in comparisons
    )  # fmt: skip
    columns = ("Quantity", "Published", "By", "This study", "Verdict", "Why")
    note = (
        "Agrees: no more than two standard errors of both apart; numbers published without an error count with their "
        "rounding. ± is one standard error, a range in parentheses the 95 % interval."
    )
    return Table("comparison", "Published numbers, one by one", columns, lines, (note,) if lines else ())


def _with_unit(value: ReferenceValue) -> str:
    unit = WRITTEN_UNITS.get(value.unit, value.unit)
    return f"{format_published(value.value, value.uncertainty)} {unit}".strip()


def title_of(value: ReferenceValue) -> str:
    """Return what a published number is of, such as ``Occupancy, Li2, 300 K``."""
    name = value.quantity.replace("_", " ").replace("rmse", "RMSE").replace("van hove", "van Hove")
    label = value.label.replace("-", "–") if value.label else None
    parts = [name[:1].upper() + name[1:], label, f"{value.temperature_K:g} K" if value.temperature_K else None]
    return ", ".join(part for part in parts if part)


def as_record(item: Comparison) -> dict[str, Any]:
    """Return one comparison as plain data, for files."""
    value, own = item.published, item.own
    record = {
        "quantity": value.quantity, "label": value.label, "temperature_K": value.temperature_K, "unit": value.unit,
        "published": value.value, "published_stderr": value.uncertainty, "kind": value.kind, "source": value.source,
        "value": own.value, "text": own.text, "relative_stderr" if own.is_ratio else "stderr": own.stderr,
        "verdict": item.verdict, "reason": item.reason, "uuids": list(own.uuids),
    }  # fmt: skip
    return {key: entry for key, entry in record.items() if entry is not None}
