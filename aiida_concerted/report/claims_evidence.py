"""What a study's numbers say about each claim: a verdict, the numbers and the nodes behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from aiida_concerted.analysis.arrhenius import ArrheniusFit, fit_arrhenius
from aiida_concerted.common.estimate import NORMAL_95
from aiida_concerted.common.numbers import format_estimate, format_interval, format_number
from aiida_concerted.common.units import BOLTZMANN_EV_PER_K, PS_IN_S
from aiida_concerted.report.content import Result, StudyContent
from aiida_concerted.report.modes import mode_entries
from aiida_concerted.report.points import points_of, sound_results
from aiida_concerted.report.published import DIFFUSIVITY, Published

AGREES, DIFFERS, OPEN = "agrees", "differs", "cannot be said"

SIGMAS = 2.0
"""Standard errors that a difference must have to count as one: nineteen of twenty by chance alone stay below."""

ISOTROPIC = 2.0 / 3.0
CREDIBLE_CHI_SQUARE = 3.0
"""Reduced chi-square above which points do not lie on one line within their errors."""

DOMINANT = 0.5
COUPLED_MODES = ("Li4", "Li2")
ACTIVATED = "Li2"
MINIMUM_FOR_A_LINE = 3
ROOM_TEMPERATURE_K = 300.0
NEAR_ROOM_TEMPERATURE = 0.01
"""Largest relative difference of temperatures near 300 K, as of a measured 298 K, that stand for each other."""


def is_room_temperature(temperature_K: float) -> bool:
    """Return whether a temperature stands for 300 K."""
    return abs(temperature_K / ROOM_TEMPERATURE_K - 1.0) <= NEAR_ROOM_TEMPERATURE


@dataclass(frozen=True)
class Finding:
    """A verdict with what is behind it.

    :param verdict: :data:`AGREES`, :data:`DIFFERS` or :data:`OPEN`.
    :param numbers: the numbers in words.
    :param uuids: nodes that they came from.
    """

    verdict: str
    numbers: str
    uuids: tuple[str, ...] = ()


def _open(reason: str, uuids: tuple[str, ...] = ()) -> Finding:
    return Finding(OPEN, reason, uuids)


def _uuids(*groups: Sequence[Any]) -> tuple[str, ...]:
    items = (item for group in groups for item in group)
    return tuple(dict.fromkeys(uuid for item in items for uuid in getattr(item, "uuids", (item.uuid,))))


def _by_difference(difference: float, stderr: float, numbers: str, uuids: tuple[str, ...]) -> Finding:
    """Return the verdict on a difference that the claim says is positive."""
    if not stderr > 0 or abs(difference) < SIGMAS * stderr:
        return Finding(OPEN, f"{numbers}: not distinguishable within the errors", uuids)
    return Finding(AGREES if difference > 0 else DIFFERS, numbers, uuids)


def anisotropy(content: StudyContent, _: Published) -> Finding:
    """Return whether the share of the ab plane comes closer to that of isotropic diffusion."""
    known = [item for item in points_of(content.diffusivities) if item.get("ab_share") is not None]
    if len(known) < 2:
        return _open("fewer than two temperatures have an anisotropy")
    cold, hot = known[0], known[-1]
    away = [abs(item["ab_share"] - ISOTROPIC) for item in (cold, hot)]
    errors = [float(item.content.get("ab_share", {}).get("stderr") or 0.0) for item in (cold, hot)]
    texts = [
        f"{format_estimate(item['ab_share'], error)} at {item.temperature_K:g} K"
        for item, error in zip((cold, hot), errors, strict=True)
    ]
    return _by_difference(
        away[0] - away[1], float(np.hypot(errors[0], errors[1])), f"ab share {' and '.join(texts)}", _uuids((cold, hot))
    )


def disorder(content: StudyContent, _: Published) -> Finding:
    """Return whether the peaks of g(r) fall."""
    gone = {item.temperature_K for item in content.diffusivities} - {
        item.temperature_K for item in sound_results(content.diffusivities)
    }
    known = [item for item in content.structures if item.rdf and item.temperature_K not in gone]
    if len(known) < 2:
        return _open("fewer than two temperatures have pair distributions")
    cold, hot = known[0], known[-1]
    texts, signs = [], []
    for pair in cold.rdf:
        if pair not in hot.rdf:
            continue
        low, high = (item.rdf[pair].highest_peak for item in (cold, hot))
        texts.append(
            f"{pair.replace('-', '–')} {format_estimate(low.value, low.stderr)} → "
            f"{format_estimate(high.value, high.stderr)}"
        )
        error, fall = float(np.hypot(low.stderr, high.stderr)), low.value - high.value
        signs.append(0 if not error or abs(fall) < SIGMAS * error else int(np.sign(fall)))
    numbers = f"highest peak of g(r) from {cold.temperature_K:g} to {hot.temperature_K:g} K: " + "; ".join(texts)
    uuids = _uuids((cold, hot))
    if signs and min(signs) >= 0 and max(signs) > 0:
        return Finding(AGREES, numbers, uuids)
    if signs and max(signs) <= 0 and min(signs) < 0:
        return Finding(DIFFERS, numbers, uuids)
    return Finding(OPEN, numbers, uuids)


def residence(content: StudyContent, _: Published) -> Finding:
    """Return whether residence times shorten along a line in the Arrhenius plot."""
    known = points_of(content.site_statistics)
    texts, verdicts = [], []
    for label in dict.fromkeys(label for item in known for label in item["residence_time_ps"]):
        fit = _residence_fit(known, label)
        if fit is None:
            continue
        # Times fall as the temperature rises: a positive energy of the rate is a negative one of the time.
        energy, error = -fit.activation_energy_eV.value, fit.activation_energy_eV.stderr
        chi = fit.reduced_chi_square
        shape = "" if chi is None else f" (reduced χ² {format_number(chi, 2)})"
        texts.append(f"{label} {format_estimate(energy, error)} eV{shape}")
        if abs(energy) < SIGMAS * error or chi is None:
            verdicts.append(OPEN)
        else:
            verdicts.append(AGREES if energy > 0 and chi <= CREDIBLE_CHI_SQUARE else DIFFERS)
    if not verdicts:
        return _open("fewer than two temperatures have bounded residence times of a label")
    numbers = "activation energy of the residence time: " + "; ".join(texts)
    return Finding(_all_of(verdicts), numbers, _uuids(known))


def _residence_fit(items: Sequence[Result], label: str) -> ArrheniusFit | None:
    rows = []
    for item in items:
        entry = item.content.get("sites", {}).get("residence_time_ps", {}).get(label, {})
        value, lower, upper = (entry.get(key) for key in ("value", "lower", "upper"))
        if value and lower and upper:
            # Intervals of times are symmetric in the logarithm, nearly.
            rows.append((item.temperature_K, value, value * np.log(upper / lower) / (2.0 * NORMAL_95)))
    if len(rows) < 2:
        return None
    return fit_arrhenius(*(list(column) for column in zip(*rows, strict=True)))


def _all_of(verdicts: Sequence[str]) -> str:
    if DIFFERS in verdicts:
        return DIFFERS
    return AGREES if all(verdict == AGREES for verdict in verdicts) else OPEN


def _mode_fits(content: StudyContent) -> list[Result]:
    fits = [fit for fit in content.arrhenius if fit["quantity"] == "mode_frequency"]
    return [fit for fit in fits if fit.get("activation_energy_eV") is not None]


def mode_arrhenius(content: StudyContent, _: Published) -> Finding:
    """Return whether the named modes' counts follow their Arrhenius fits."""
    named = [fit for fit in _mode_fits(content) if fit.get("mode") in content.named_modes]
    fits = named if content.named_modes else _mode_fits(content)
    if not fits:
        which = "named mode" if content.named_modes else "mode"
        return _open(f"no {which} has enough events above chance for an activation energy", _uuids(content.modes))
    texts, verdicts = [], []
    for fit in fits:
        energy, error = fit["activation_energy_eV"], fit.get("activation_energy_stderr_eV") or 0.0
        chi, freedom = _deviation_from_line(content, fit)
        shape = "" if freedom < 1 else f" (reduced χ² {format_number(chi / freedom, 2)})"
        texts.append(f"{fit['mode']} {format_estimate(energy, error)} eV{shape}")
        if abs(energy) < SIGMAS * error or freedom < 1:
            verdicts.append(OPEN)
        else:
            verdicts.append(AGREES if energy > 0 and chi / freedom <= CREDIBLE_CHI_SQUARE else DIFFERS)
    lacking = len(content.named_modes) - len(named) if content.named_modes else 0
    without = f"; {lacking} named modes have too few events" if lacking else ""
    verdict = _all_of(verdicts)
    return Finding(
        OPEN if verdict == AGREES and lacking else verdict, "; ".join(texts) + without, _uuids(fits, content.modes)
    )


def _deviation_from_line(content: StudyContent, fit: Result) -> tuple[float, int]:
    """Return the chi-square of a mode's counts about its fit, and the degrees of freedom."""
    chi, number = 0.0, 0
    for item in points_of(content.modes):
        entry = mode_entries(item).get(str(fit["mode"]), {})
        count, lower, upper, exposure = (entry.get(key) for key in ("count", "lower", "upper", "exposure_cell_ps"))
        if count is None or lower is None or upper is None or exposure is None:
            continue
        if item.temperature_K not in fit["temperatures_K"]:
            continue
        rate = fit["prefactor"] * np.exp(-fit["activation_energy_eV"] / (BOLTZMANN_EV_PER_K * item.temperature_K))
        expected = rate * float(exposure) * PS_IN_S
        width = max((float(upper) - float(lower)) / (2.0 * NORMAL_95), 1.0)
        chi += ((float(count) - expected) / width) ** 2
        number += 1
    return chi, number - 2


def order_of_modes(content: StudyContent, _: Published) -> Finding:
    """Return whether modes through one label need less energy than modes through another."""
    low, high = COUPLED_MODES
    groups: dict[str, list[Result]] = {low: [], high: []}
    for fit in _mode_fits(content):
        labels = str(fit["mode"]).split("-")
        if fit["mode"] in content.named_modes and (low in labels) != (high in labels):
            groups[low if low in labels else high].append(fit)
    if any(not group for group in groups.values()):
        lacking = " and ".join(label for label, group in groups.items() if not group)
        return _open(f"no named mode through {lacking} has an activation energy")
    means = {label: _weighted(group) for label, group in groups.items()}
    (a, a_error), (b, b_error) = means[low], means[high]
    numbers = f"modes through {low} {format_estimate(a, a_error)} eV, through {high} {format_estimate(b, b_error)} eV"
    return _by_difference(b - a, float(np.hypot(a_error, b_error)), numbers, _uuids(*groups.values()))


def _weighted(fits: Sequence[Result]) -> tuple[float, float]:
    values = np.array([fit["activation_energy_eV"] for fit in fits], dtype=np.float64)
    weights = np.array([1.0 / max(fit.get("activation_energy_stderr_eV") or 0.0, 1e-6) ** 2 for fit in fits])
    return float(np.average(values, weights=weights)), float(weights.sum() ** -0.5)


def activation_of_sites(content: StudyContent, _: Published) -> Finding:
    """Return whether a label empties while modes through it become more frequent."""
    statistics = [item for item in points_of(content.site_statistics) if ACTIVATED in item["occupancy"]]
    modes = points_of(content.modes)
    if len(statistics) < 2 or len(modes) < 2:
        return _open(f"fewer than two temperatures have an occupancy of {ACTIVATED} and modes")
    cold, hot = statistics[0], statistics[-1]
    held = [
        (item["occupancy"][ACTIVATED], (item.get("occupancy_stderr") or {}).get(ACTIVATED, 0.0)) for item in (cold, hot)
    ]
    rates = [_frequency_through(item, ACTIVATED) for item in (modes[0], modes[-1])]
    numbers = (
        f"occupancy of {ACTIVATED} {' → '.join(format_estimate(*pair) for pair in held)} and modes through it "
        f"{' → '.join(format_estimate(*pair) for pair in rates)} s⁻¹ per cell from {cold.temperature_K:g} to "
        f"{hot.temperature_K:g} K"
    )
    drop = _by_difference(held[0][0] - held[1][0], float(np.hypot(held[0][1], held[1][1])), numbers, ())
    rise = _by_difference(rates[1][0] - rates[0][0], float(np.hypot(rates[0][1], rates[1][1])), numbers, ())
    if all(rate < SIGMAS * error for rate, error in rates):
        return _open(f"{numbers}: no such modes above chance", _uuids((cold, hot), (modes[0], modes[-1])))
    return Finding(_all_of([drop.verdict, rise.verdict]), numbers, _uuids((cold, hot), (modes[0], modes[-1])))


def _frequency_through(item: Result, label: str) -> tuple[float, float]:
    """Return the summed frequency of all modes through a label and its error, in s⁻¹ per cell."""
    total, variance = 0.0, 0.0
    for mode, entry in mode_entries(item).items():
        frequency = entry.get("frequency_per_cell_s", {})
        if label in mode.split("-") and frequency.get("value") is not None:
            total += frequency["value"]
            width = (frequency.get("upper", 0.0) - frequency.get("lower", 0.0)) / (2.0 * NORMAL_95)
            variance += width**2
    return total, float(np.sqrt(variance))


def dominance(content: StudyContent, _: Published) -> Finding:
    """Return whether most hops belong to strings of hops above chance."""
    statistics = {item.temperature_K: item for item in points_of(content.site_statistics)}
    shares: list[tuple[float, float, float, float]] = []
    used: list[Result] = []
    for item in points_of(content.modes):
        hops = statistics.get(item.temperature_K)
        share = _concerted_share(item, hops) if hops is not None else None
        if hops is not None and share is not None:
            shares.append((item.temperature_K, *share))
            used += [item, hops]
    if not shares:
        return _open("no temperature has hops and a background of chance pairs")
    shown = shares if len(shares) < MINIMUM_FOR_A_LINE else [shares[0], shares[-1]]
    texts = [
        f"{raw:.0%} at {T:g} K, above chance {value:.0%} (95 %: {max(value - half, 0):.0%} to {value + half:.0%})"
        for T, raw, value, half in shown
    ]
    numbers = "hops in strings of two and more within the window: " + "; ".join(texts)
    if all(value - half > DOMINANT for *_, value, half in shown):
        return Finding(AGREES if len(shown) > 1 else OPEN, numbers, _uuids(used))
    if any(value + half < DOMINANT for *_, value, half in shown):
        return Finding(DIFFERS, numbers, _uuids(used))
    return Finding(OPEN, numbers, _uuids(used))


def _concerted_share(modes: Result, statistics: Result) -> tuple[float, float, float] | None:
    """Return the share of the hops in strings, the same less chance, and half of the 95 % interval of that."""
    entries = [entry for entry in mode_entries(modes).values() if entry.get("count") is not None]
    hops = statistics.get("n_hops") or 0
    if not entries or not hops:
        return None
    raw = sum(int(entry.get("raw_with_background", entry["raw"])) for entry in entries)
    if not raw:
        return 0.0, 0.0, 0.0
    count = sum(float(entry["count"]) for entry in entries)
    half = np.sqrt(sum(((entry["upper"] - entry["lower"]) / 2.0) ** 2 for entry in entries if "upper" in entry))
    in_strings = sum(int(length) * number for length, number in modes.content.get("chains", {}).items()) / hops
    return in_strings, in_strings * max(count, 0.0) / raw, in_strings * float(half) / raw


def closer_than_aimd(content: StudyContent, published: Published) -> Finding:
    """Return whether the diffusivity at 300 K is closer to experiment than published AIMD."""
    measured = published.find(DIFFUSIVITY, kind="experiment", temperature_K=ROOM_TEMPERATURE_K)
    short = published.find(DIFFUSIVITY, kind="AIMD", temperature_K=ROOM_TEMPERATURE_K)
    if not measured or not short:
        return _open("no published experiment and AIMD at 300 K to compare with")
    value, lower, upper, how, uuids = _room_temperature(content)
    if value is None or lower is None or upper is None:
        return _open(how, uuids)
    experiment, aimd = measured[0].value, short[0].value
    reach = abs(np.log(aimd / experiment))
    ends = [abs(np.log(number / experiment)) for number in (lower, upper)]
    numbers = (
        f"D(300 K) {format_interval(value, lower, upper)} m² s⁻¹ ({how}), experiment {format_number(experiment, 2)}, "
        f"published AIMD {format_number(aimd, 2)}"
    )
    if max(ends) < reach:
        return Finding(AGREES, numbers, uuids)
    outside = min(ends) > reach and not lower < experiment < upper
    return Finding(DIFFERS if outside else OPEN, numbers, uuids)


def _room_temperature(content: StudyContent) -> tuple[float | None, float | None, float | None, str, tuple[str, ...]]:
    """Return the diffusivity at 300 K with its 95 % interval, how it was had, and its node."""
    for item in points_of(content.diffusivities):
        if item.temperature_K == ROOM_TEMPERATURE_K and item["diffusivity_m2_s"] > 0:
            value, error = item["diffusivity_m2_s"], item["diffusivity_stderr_m2_s"]
            half = NORMAL_95 * error / value
            return value, value * float(np.exp(-half)), value * float(np.exp(half)), "simulated", item.uuids
    fit = content.fit_of("tracer_diffusivity")
    cold: Mapping[str, Any] = fit.content.get("extrapolated_300K_m2_s", {}) if fit is not None else {}
    if fit is None or not cold:
        return None, None, None, "no diffusivity at 300 K, simulated or extrapolated", ()
    return cold["value"], cold.get("lower"), cold.get("upper"), "extrapolated", (fit.uuid,)


def rising_share(content: StudyContent, _: Published) -> Finding:
    """Return whether the share of the ab plane rises from each temperature to the next, 300 K left out."""
    known = [
        item for item in points_of(content.diffusivities)
        if (item.content.get("ab_share", {}).get("stderr") or 0.0) > 0
        and not is_room_temperature(item.temperature_K)
    ]  # fmt: skip
    if len(known) < MINIMUM_FOR_A_LINE:
        return _open(f"fewer than {MINIMUM_FOR_A_LINE} temperatures besides 300 K have an anisotropy with an error")
    values = np.array([item["ab_share"] for item in known])
    errors = np.array([float(item.content["ab_share"]["stderr"]) for item in known])
    falls = (values[:-1] - values[1:]) / np.hypot(errors[:-1], errors[1:])
    steps = [
        f"{format_estimate(value, error)} at {item.temperature_K:g} K"
        for item, value, error in zip(known, values, errors, strict=True)
    ]
    numbers = f"ab share {', '.join(steps)}"
    if falls.max() >= _sigmas_of_any(len(falls)):
        return Finding(DIFFERS, numbers, _uuids(known))
    return _by_difference(values[-1] - values[0], float(np.hypot(errors[0], errors[-1])), numbers, _uuids(known))


def _sigmas_of_any(number: int) -> float:
    """Return what none of several differences reaches by chance as often as one stays below two standard errors."""
    normal = NormalDist()
    return normal.inv_cdf(1.0 - (1.0 - normal.cdf(SIGMAS)) / number)


def one_line(content: StudyContent, _: Published) -> Finding:
    """Return whether one Arrhenius line describes the diffusivity over the simulated temperatures."""
    fit = content.fit_of("tracer_diffusivity")
    shape = fit.content.get("bend") if fit is not None else None
    if fit is None or shape in (None, "not assessed"):
        return _open("fewer than five temperatures have a diffusivity: whether they bend is not assessed")
    temperatures, chi = set(fit["temperatures_K"]), fit.content.get("reduced_chi_square")
    numbers = f"{len(temperatures)} temperatures from {min(temperatures):g} to {max(temperatures):g} K"
    numbers += "" if chi is None else f", reduced χ² {format_number(chi, 2)}"
    if shape == "arrhenius":
        return Finding(AGREES, f"{numbers}: a line fits best", (fit.uuid,))
    return Finding(DIFFERS, f"{numbers}: {shape} fits better", (fit.uuid,))
