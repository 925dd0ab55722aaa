"""What a reader must know before the numbers: warnings in the order of their weight."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiida_concerted.analysis.cell_sizes import DEPENDS, UNDECIDED
from aiida_concerted.analysis.effort import REACHED, describe_point
from aiida_concerted.analysis.framework import MAX_FRAMEWORK_DEPARTURE_A
from aiida_concerted.report.content import StudyContent
from aiida_concerted.report.modes import shown_modes

SHORT_RUN_PS = 1000.0
MULTIPLE_OCCUPANCY = 0.05

SURROGATE_BANNER = "Surrogate, demonstration scale: not DFT"


def caveats(content: StudyContent) -> list[str]:
    """Return the warnings of a study, one sentence or two each."""
    return [text for check in CHECKS for text in check(content)]


def _state(content: StudyContent) -> Iterable[str]:
    if not content.is_finished_ok:
        yield f"The study is not complete: it is {content.state}."


def _missing_pieces(content: StudyContent) -> Iterable[str]:
    for text in content.missing:
        yield f"Missing: {text}."


def _failed_points(content: StudyContent) -> Iterable[str]:
    reached = {item.temperature_K for item in content.diffusivities}
    lost = [f"{T:g}" for T in content.temperatures_K if T not in reached]
    if lost and content.diffusivities:
        yield f"No result at {_join(lost)} K: these runs failed or are not finished."


def _loop(content: StudyContent) -> Iterable[str]:
    least, threshold = content.learning.least_accurate, content.learning.threshold
    if least is not None and threshold is not None and least < threshold:
        yield (
            f"The learning loop ended before the committee agreed everywhere: in the worst run of its last turn "
            f"{least:.1%} of the frames were accurate, {threshold:.1%} were asked for."
        )


def _sampling(content: StudyContent) -> Iterable[str]:
    insufficient = [item.temperature_K for item in content.diffusivities if item.get("sampling") == "insufficient"]
    poor = [f"{T:g}" for T in dict.fromkeys(insufficient)]
    if poor:
        rule = next(
            (item.content["sampling_rule"] for item in content.diffusivities if "sampling_rule" in item.content), ""
        )
        text = f"Insufficient sampling at {_join(poor)} K: treat these diffusivities as orders of magnitude."
        yield f"{text} {_sentence(rule)}".strip()


def _target(content: StudyContent) -> Iterable[str]:
    if content.effort is None or content.effort["is_reached"]:
        return
    missed = {name: point for name, point in content.effort["points"].items() if point["state"] != REACHED}
    if missed:
        texts = "; ".join(f"{name}, {describe_point(point)}" for name, point in missed.items())
        yield f"Known less well than asked: {texts}."
    if not content.effort["is_energy_reached"]:
        yield "The activation energy of the diffusivity is known less well than asked."


def _size(content: StudyContent) -> Iterable[str]:
    verdict = content.size_test["verdict"] if content.size_test is not None else None
    if verdict == DEPENDS:
        yield "The diffusivity depends on the size of the cell; the figure of sizes shows how."
    elif verdict == UNDECIDED:
        yield "Whether the diffusivity depends on the size of the cell cannot be said: the errors are too wide."


def _length(content: StudyContent) -> Iterable[str]:
    lengths = [item["duration_ps"] for item in content.diffusivities if item.get("duration_ps")]
    if lengths and min(lengths) < SHORT_RUN_PS:
        yield (
            f"Short runs: {_span(lengths)} ps of production a run. Rare hops, slow sites and cold temperatures "
            "need a nanosecond or more."
        )


def _modes(content: StudyContent) -> Iterable[str]:
    if not content.modes:
        return
    without = [
        mode
        for mode in shown_modes(content)
        if (fit := content.fit_of("mode_frequency", mode)) is None or fit.get("activation_energy_eV") is None
    ]
    if without:
        yield f"Too few events for an activation energy of {_join(without)}; the table of modes says why."


def _bent(content: StudyContent) -> Iterable[str]:
    fit = content.fit_of("tracer_diffusivity")
    if fit is None:
        return
    if fit.get("reason"):
        yield f"No activation energy of the diffusivity: {fit['reason']}."
    bend = fit.content.get("bend")
    if bend not in (None, "arrhenius", "not assessed"):
        yield f"The diffusivity does not follow one Arrhenius line ({bend} fits better): do not extrapolate the fit."
    excluded = fit.content.get("excluded_temperatures_K") or []
    if excluded:
        yield f"Left out of the fit, since nothing diffused: {_join(f'{T:g}' for T in excluded)} K."


def _crowded(content: StudyContent) -> Iterable[str]:
    worst = max(
        (item.content.get("sites", {}).get("multiple_occupancy_fraction", 0.0) for item in content.site_statistics),
        default=0.0,
    )
    if worst > MULTIPLE_OCCUPANCY:
        yield f"Carriers share a site for up to {worst:.0%} of the time: the site model may not fit this structure."


def _framework(content: StudyContent) -> Iterable[str]:
    gone = [
        item for item in content.site_statistics if (item.get("framework_departure_A") or 0) > MAX_FRAMEWORK_DEPARTURE_A
    ]
    if gone:
        far = max(item["framework_departure_A"] for item in gone)
        yield (
            f"At {_join(f'{item.temperature_K:g}' for item in gone)} K the framework left its crystal, by up to "
            f"{far:.1f} Å (root mean square): it melts, and sites and modes there say little; "
            "these temperatures are left out of the fits. "
            "With a small potential the reason is most likely the potential."
        )


def _failed_processes(content: StudyContent) -> Iterable[str]:
    if content.making.n_failed_processes:
        number = content.making.n_failed_processes
        what = f"{number} processes of this study" if number > 1 else "One process of this study"
        yield f"{what} failed or {'were' if number > 1 else 'was'} killed on the way; the graph tells what replaced it."


CHECKS: tuple[Callable[[StudyContent], Iterable[str]], ...] = (
    _state,
    _missing_pieces,
    _failed_points,
    _loop,
    _framework,
    _sampling,
    _target,
    _size,
    _length,
    _modes,
    _bent,
    _crowded,
    _failed_processes,
)


def _join(words: Iterable[str]) -> str:
    return ", ".join(words)


def _span(values: list[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"


def _sentence(rule: str) -> str:
    return f"Rule: {rule}." if rule else ""
