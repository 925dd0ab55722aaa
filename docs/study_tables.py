"""The tables of the page on LGPS, from files that the program wrote; ``python -m docs.study_tables`` writes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aiida_concerted.common.numbers import UNKNOWN, format_estimate, format_interval, format_number, format_published
from aiida_concerted.common.units import S_PER_M_IN_MS_PER_CM
from aiida_concerted.report.claims_evidence import OPEN
from aiida_concerted.report.comparison import WRITTEN_UNITS
from benchmarks.tables import markdown_table, write_between_marks

FOLDER = Path(__file__).parent / "studies" / "lgps"
PAGE = Path(__file__).parent / "studies" / "lgps.md"
Numbers = Mapping[str, Any]

SETS = {
    "held_out_by_dataset": "held out",
    "in_set_by_dataset": "training",
}
IDS: dict[tuple[str, str], str] = {
    ("tracer_diffusivity", "Z.-H. Fu, deep potential"): "N01",
    ("tracer_diffusivity", "A. Kuhn, experiment"): "N02",
    ("tracer_diffusivity", "Z.-H. Fu, AIMD"): "N03",
    ("activation_energy", "Z.-H. Fu, deep potential"): "N04",
    ("activation_energy", ""): "N05",
    ("haven_ratio", ""): "N06",
    ("mode_activation_energy", "Z.-H. Fu, deep potential"): "N07",
    ("mode_activation_energy", ""): "N08",
    ("van_hove_time", ""): "N09",
    ("occupancy", ""): "N10",
    ("vacancy_formation_energy", ""): "N12",
    ("conductivity", ""): "N13",
}
"""Line of the acceptance table that a published number belongs to; without author and kind for all others."""

SAID = (
    ("N11", "residence times at 300 K leave the line", "no run at 300 K"),
    ("N14", "concerted motion lowers barriers in garnets", "not of this material"),
    ("N15", "batteries work between −50 and 200 °C", "not a number of the material"),
)
"""Lines of the acceptance table without a number that ships."""

QUANTITIES = {
    "tracer_diffusivity": "D",
    "activation_energy": "Eₐ of D",
    "haven_ratio": "Haven ratio",
    "mode_activation_energy": "Eₐ",
    "van_hove_time": "van Hove time",
    "occupancy": "occupancy",
    "vacancy_formation_energy": "vacancy",
    "conductivity": "conductivity",
    "energy_rmse": "error of energies, training frames",
    "force_rmse": "error of forces, training frames",
    "accurate_fraction": "accurate fraction",
}


def estimate(content: Mapping[str, Any] | None, factor: float = 1.0) -> str:
    """Return a value with its error, or with its interval where it has no error."""
    if not content:
        return UNKNOWN
    if content.get("stderr") is not None:
        return format_estimate(factor * content["value"], factor * content["stderr"])
    return interval(content, factor)


def interval(content: Mapping[str, Any] | None, factor: float = 1.0) -> str:
    """Return a value with its 95 % interval."""
    if not content or "value" not in content:
        return UNKNOWN if not content or "lower" not in content else f"≥ {format_number(factor * content['lower'], 2)}"
    ends = (None if content.get(end) is None else factor * content[end] for end in ("lower", "upper"))
    return format_interval(factor * content["value"], *ends)


def kelvin(item: Mapping[str, Any]) -> str:
    """Return the temperature of a run in K."""
    return f"{item['temperature_K']:g}"


def headline(numbers: Numbers) -> str:
    """Return what a reader in a hurry wants to know, one line each."""
    fit = next(fit for fit in numbers["fits"] if fit["quantity"] == "tracer_diffusivity")
    energy = format_estimate(fit["activation_energy_eV"], fit["activation_energy_stderr_eV"])
    first, last = numbers["points"][0], numbers["points"][-1]
    compared = (*numbers["comparison"], *numbers["claims"])
    verdicts = [*(item["verdict"] for item in compared), *(OPEN for _ in SAID)]
    words = {"agrees": "agree", "differs": "differ", "cannot be said": "cannot be said from this"}
    counts = ", ".join(f"{verdicts.count(verdict)} {text}" for verdict, text in words.items())
    warned = any("does not follow one Arrhenius line" in text for text in numbers["warnings"])
    doubt = "; no single line fits all temperatures, so that it should not be extrapolated" if warned else ""
    lines = [
        f"activation energy of the diffusivity {energy} eV between {first['temperature_K']:g} and "
        f"{last['temperature_K']:g} K, an error of sampling alone{doubt}",
        *(
            f"at {item['temperature_K']:g} K D = "
            f"{format_estimate(item['diffusivity_m2_s'], item['diffusivity_stderr_m2_s'])} m² s⁻¹, "
            f"{estimate(item['ab_share'])} of it in the ab plane"
            for item in (first, last)
        ),
        f"of {len(verdicts)} published numbers and claims {counts}; verdicts at 300 K rest on an extrapolation",
    ]
    return "\n".join(f"* {line}" for line in lines)


def errors(numbers: Numbers) -> str:
    """Return the errors of each potential on each set of frames."""
    rows = []
    for model, metrics in sorted(numbers["errors"][-1].items()):
        for key, words in SETS.items():
            for name, own in sorted(metrics.get(key, {}).items()):
                energy, force = (1000 * own[f"rmse_{what}"] for what in ("energy_eV_per_atom", "force_eV_A"))
                rows.append((model, words, name, f"{own['n_frames']:,}", f"{energy:.2f}", f"{force:.1f}"))
    head = ("potential", "frames", "dataset", "number", "energy (meV/atom)", "force (meV Å⁻¹)")
    return markdown_table(head, rows)


def diffusion(numbers: Numbers) -> str:
    """Return what moves how fast in each run."""
    rows = [
        (
            kelvin(item), f"{item['n_atoms']}", f"{item['duration_ps']:g}", estimate(item.get("tracer_m2_s")),
            estimate(item.get("ab_share")), interval(item.get("haven_ratio")), item["sampling"],
        )
        for item in numbers["diffusivities"]
    ]  # fmt: skip
    head = ("T (K)", "atoms", "length (ps)", "D (m² s⁻¹)", "ab share", "Haven ratio", "sampling")
    return markdown_table(head, rows)


def points(numbers: Numbers) -> str:
    """Return what all runs of a temperature say together."""
    rows = []
    for item in numbers["points"]:
        value, stderr = item["diffusivity_m2_s"], item["diffusivity_stderr_m2_s"]
        conductivity = (S_PER_M_IN_MS_PER_CM * item[f"conductivity{end}_S_m"] for end in ("", "_stderr"))
        haven = (item.get("haven_ratio"), item.get("haven_ratio_stderr"))
        rows.append((
            kelvin(item), f"{len(item['uuids'])}", f"{item['duration_ps']:g}", format_estimate(value, stderr),
            f"{100 * stderr / value:.0f} %", estimate(item.get("ab_share")),
            UNKNOWN if haven[0] is None else format_estimate(*haven), format_estimate(*conductivity),
        ))  # fmt: skip
    head = ("T (K)", "runs", "ps", "D (m² s⁻¹)", "error", "ab share", "Haven ratio", "σ (mS cm⁻¹)")
    return markdown_table(head, rows)


def potentials(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the diffusivities by either potential, those of the second from the rows of a query."""
    first = {item["temperature_K"]: item for item in read_numbers()["points"]}
    table = []
    for row in rows:
        own = first[row["temperature_K"]]
        pairs = [(item["diffusivity_m2_s"], item["diffusivity_stderr_m2_s"]) for item in (own, row)]
        (a, a_error), (b, b_error) = pairs
        apart = abs(a - b) / float(np.hypot(a_error, b_error))
        table.append((kelvin(row), *(format_estimate(*pair) for pair in pairs), format_number(apart, 2)))
    head = ("T (K)", "D by model_0 (m² s⁻¹)", "D by model_1 (m² s⁻¹)", "apart (standard errors)")
    return markdown_table(head, table)


def sizes(numbers: Numbers) -> str:
    """Return the diffusivity in cells of several sizes, smallest first."""
    items = sorted(numbers["cell_sizes"], key=lambda item: item["n_atoms"])
    rows = [
        (item["cell"], f"{item['n_atoms']}", f"{item['duration_ps']:g}", estimate(item.get("tracer_m2_s")),
         estimate(item.get("ab_share")))
        for item in items
    ]  # fmt: skip
    (test,) = numbers["size_tests"]
    common = format_estimate(test["diffusivity_m2_s"], test["diffusivity_stderr_m2_s"])
    verdict = (
        f"Does D depend on the size, by more than {test['tolerance']:.0%}? Verdict: *{test['verdict']}*; the ab share: "
        f"*{test['ab_share_verdict']}*. Together the sizes give D = {common} m² s⁻¹."
    )
    return f"{markdown_table(('cell', 'atoms', 'ps', 'D (m² s⁻¹)', 'ab share'), rows)}\n\n{verdict}"


def by_label(numbers: Numbers, key: str, tell: Callable[[Mapping[str, Any] | None], str]) -> str:
    """Return what each run says of the sites of each label."""
    items = numbers["site_statistics"]
    labels = sorted({label for item in items for label in item["occupancy"]})
    rows = [(kelvin(item), *(tell(item[key].get(label)) for label in labels)) for item in items]
    return markdown_table(("T (K)", *labels), rows)


def modes(numbers: Numbers) -> str:
    """Return frequency and activation energy of every class of concerted hops that was seen, named ones first."""
    runs = {kelvin(item): {entry["label"]: entry for entry in item["classes"]} for item in numbers["mode_points"]}
    fits = {fit["mode"]: fit for fit in numbers["fits"] if fit["quantity"] == "mode_frequency"}
    rows = []
    for label, is_named, total in seen_classes(numbers):
        frequencies = (interval(own.get(label, {}).get("frequency_per_cell_s"), 1e-9) for own in runs.values())
        fit = fits.get(label, {})
        energy = fit.get("activation_energy_eV")
        text = UNKNOWN if energy is None else format_estimate(energy, fit.get("activation_energy_stderr_eV"))
        rows.append((f"**{label}**" if is_named else label, *frequencies, f"{total}", text))
    head = ("class", *(f"{T} K" for T in runs), "pairs", "Eₐ (eV)")
    return markdown_table(head, rows)


def seen_classes(numbers: Numbers) -> list[tuple[str, bool, int]]:
    """Return label, whether it is named, and pairs of every class that was seen at some temperature."""
    found: dict[str, tuple[bool, int]] = {}
    for item in numbers["modes"]:
        for entry in item["classes"]:
            _, total = found.get(entry["label"], (False, 0))
            found[entry["label"]] = (entry["named"], total + entry["raw"])
    classes = [(label, *about) for label, about in found.items() if about[0] or about[1]]
    named = [entry for entry in classes if entry[1]]
    return [*named, *sorted((entry for entry in classes if not entry[1]), key=lambda entry: -entry[2])]


def sensitivity(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the frequencies of the named classes by window and recrossing time, from the rows of a query."""
    named = [label for label, is_named, _ in seen_classes(read_numbers()) if is_named]
    found: dict[tuple[float, float, float], dict[str, str]] = {}
    for row in rows:
        key = (row["temperature_K"], row["window_ps"], row["recrossing_ps"])
        ends = (row.get(f"frequency_{end}per_cell_s") for end in ("", "lower_", "upper_"))
        texts = [None if end is None else 1e-9 * end for end in ends]
        own = UNKNOWN if texts[0] is None else format_interval(*texts)
        found.setdefault(key, {})[row["mode"]] = own
    table = [
        (*(f"{number:g}" for number in key), *(found[key].get(label, UNKNOWN) for label in named))
        for key in sorted(found)
    ]
    return markdown_table(("T (K)", "window (ps)", "recrossing (ps)", *named), table)


def vacancies(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the energies of the stand-in with its name, from the rows of a query."""
    table = [(row["site"], f"{row['formation_energy_eV']:.2f}", row["level_of_theory"]) for row in rows]
    return markdown_table(("site", "formation energy (eV)", "by"), table)


def fits(numbers: Numbers) -> str:
    """Return the activation energies other than those of the modes."""
    rows = [
        (
            fit["quantity"].replace("_", " "), ", ".join(f"{T:g}" for T in sorted(set(fit["temperatures_K"]))),
            UNKNOWN if fit.get("activation_energy_eV") is None
            else format_estimate(fit["activation_energy_eV"], fit.get("activation_energy_stderr_eV")),
            fit.get("reason") or "",
        )
        for fit in numbers["fits"] if fit["quantity"] != "mode_frequency"
    ]  # fmt: skip
    return markdown_table(("quantity", "T (K)", "Eₐ (eV)", "note"), rows)


def pairs(numbers: Numbers) -> str:
    """Return the highest peak of each pair distribution and the time of the van Hove function."""
    names = list(numbers["pair_functions"][0]["highest_peaks"])
    rows = []
    for item in numbers["pair_functions"]:
        peaks = (item["highest_peaks"][name] for name in names)
        texts = (f"{estimate(peak['g'])} at {peak['r_A']:.2f} Å" for peak in peaks)
        time = item.get("van_hove_time_ps")
        rows.append((kelvin(item), *texts, UNKNOWN if time is None else format_number(time, 2)))
    head = ("T (K)", *(name.replace("-", "–") for name in names), "van Hove time (ps)")
    return markdown_table(head, rows)


def published(numbers: Numbers) -> str:
    """Return every published number with this study's and the verdict."""
    rows = []
    for item in numbers["comparison"]:
        place = f"{item['label']} " if item.get("label") else ""
        where = f", {item['temperature_K']:g} K" if item.get("temperature_K") else ""
        unit = WRITTEN_UNITS.get(item["unit"], item["unit"])
        quantity = f"{place}{QUANTITIES[item['quantity']]}{where}" + (f" ({unit})" if unit else "")
        theirs = format_published(item["published"], item.get("published_stderr"))
        source = f"{item['kind']}, {_first_author(item['source'])}"
        rows.append((id_of(item), quantity, theirs, source, item["text"], item["verdict"], item["reason"]))
    rows += [(key, what, UNKNOWN, "deep potential, Z.-H. Fu et al.", UNKNOWN, OPEN, why) for key, what, why in SAID]
    head = ("", "quantity", "published", "by", "here", "verdict", "why")
    return markdown_table(head, sorted(rows, key=lambda row: row[0] or "O"))


def id_of(item: Mapping[str, Any]) -> str:
    """Return the line of the acceptance table that a published number belongs to; empty for further ones."""
    by = f"{item['source'].split()[0]} {item['source'].split()[1].rstrip(',')}, {item['kind']}"
    if item["quantity"] == "tracer_diffusivity" and item["temperature_K"] != 300.0:
        return ""
    return IDS.get((item["quantity"], by), IDS.get((item["quantity"], ""), ""))


def _first_author(source: str) -> str:
    return source.split(",")[0]


def claims(numbers: Numbers) -> str:
    """Return the verdict on every claim with the numbers behind it."""
    rows = [(item["key"], item["claim"], item["verdict"], item["numbers"]) for item in numbers["claims"]]
    return markdown_table(("", "claim", "verdict", "numbers"), rows)


TABLES: dict[str, Callable[[Numbers], str]] = {
    "headline": headline, "errors": errors, "points": points, "fits": fits, "diffusion": diffusion,
    "potentials": lambda _: potentials(read_numbers("other_potential.json")), "sizes": sizes,
    "occupancies": lambda numbers: by_label(numbers, "occupancy", estimate),
    "residences": lambda numbers: by_label(numbers, "residence_time_ps", interval), "pairs": pairs, "modes": modes,
    "sensitivity": lambda _: sensitivity(read_numbers("sensitivity.json")), "published": published, "claims": claims,
    "vacancies": lambda _: vacancies(read_numbers("vacancies.json")),
}  # fmt: skip


def read_numbers(name: str = "numbers.json") -> Any:
    """Return what the program wrote."""
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def write_tables(names: Iterable[str] = TABLES) -> None:
    """Write the tables into the page."""
    numbers = read_numbers()
    for name in names:
        write_between_marks(PAGE, name, TABLES[name](numbers))


if __name__ == "__main__":
    write_tables()
