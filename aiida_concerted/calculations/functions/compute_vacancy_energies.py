"""Vacancy formation energies from total energies."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.data.formula import reduced_formula
from aiida_concerted.data.results import VacancyFormationData
from aiida_concerted.data.vasp import RunHead, read_head, read_last_energy
from aiida_concerted.formats.energy_settings import conflict


@calcfunction
def compute_vacancy_energies(
    plan: orm.Dict, perfect: orm.StructureData, reference: orm.StructureData, settings: orm.Dict, **runs: orm.FolderData
) -> VacancyFormationData | ExitCode:
    """Return E(vacancy) + μ − E(perfect) of each site, and mean and spread of each label.

    Free energies of neutral cells; μ is that of the carrier's element per atom (Eq. 5 of Fu et al., J. Energy Chem.
    2022). All cells must have been computed with the same INCAR and potentials, and perfect and defect cells with the
    same k-points.

    :param plan: the sites, as ``prepare_vacancies`` returned them.
    :param perfect: the perfect supercell.
    :param reference: the cell of the element.
    :param settings: ``max_distance_A`` above which a site label is doubtful, optional ``material`` and ``study_uuid``.
    :param runs: the files of the runs ``run_perfect``, ``run_reference`` and ``run_vacancy_000``, …
    """
    try:
        energies = {name.removeprefix("run_"): read_last_energy(node) for name, node in runs.items()}
        heads = {name.removeprefix("run_"): read_head(node) for name, node in runs.items()}
    except ValueError as error:
        return ExitCode(310, f"an energy cannot be read: {error}")
    problem = _difference(heads)
    if problem is not None:
        return ExitCode(413, f"energies of {problem}")
    potential = energies["reference"] / len(reference.sites)
    content = plan.get_dict()
    sites = _formation_energies(content["sites"], energies, potential)
    if not sites:
        return ExitCode(411, "no vacancy was computed")
    given = settings.get_dict()
    species = [perfect.get_kind(name).symbol for name in perfect.get_site_kindnames()]
    attributes = {
        **_context(content, species, given),
        "level_of_theory": heads["perfect"].level_of_theory,
        "reference_energy_eV_per_atom": potential,
        "perfect_energy_eV": energies["perfect"],
        **average_by_label(sites),
    }
    failed = [site["name"] for site in content["sites"] if site["name"] not in energies]
    doubtful = [site["name"] for site in sites if (site["distance_A"] or 0.0) > given["max_distance_A"]]
    result = {
        "sites": sites, "failed": failed, "doubtful_labels": doubtful, "max_distance_A": given["max_distance_A"],
        "energy_settings": heads["perfect"].settings.as_dict(),
    }  # fmt: skip
    return VacancyFormationData(attributes=attributes, result=result)


def _difference(heads: dict[str, RunHead]) -> str | None:
    """Return why energies cannot be subtracted."""
    levels = sorted({head.level_of_theory for head in heads.values()})
    if len(levels) > 1:
        return f"different levels of theory cannot be subtracted: {', '.join(levels)}"
    perfect = heads["perfect"]
    for name, head in heads.items():
        # The element is a metal, and has more k-points.
        reason = conflict(perfect.settings, head.settings, with_kpoints=name != "reference")
        if reason is not None:
            return f"'perfect' and '{name}' cannot be subtracted: {reason}"
    return None


def _formation_energies(
    sites: list[dict[str, Any]], energies: dict[str, float], potential: float
) -> list[dict[str, Any]]:
    return [
        {**site, "formation_energy_eV": energies[site["name"]] + potential - energies["perfect"]}
        for site in sites
        if site["name"] in energies
    ]


def _context(plan: dict[str, Any], species: list[str], given: dict[str, Any]) -> dict[str, Any]:
    formula = reduced_formula(species)
    return {
        "material": given.get("material") or plan["material"] or formula,
        "formula": formula,
        "carrier": plan["carrier"],
        "n_atoms": len(species),
        "study_uuid": given.get("study_uuid"),
        "missing_labels": plan["missing_labels"],
    }


def average_by_label(sites: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return mean, spread and number of sites by label.

    A site counts as often as symmetry repeats it, so that the mean is that over all carriers of a label.
    """
    mean, spread, number = {}, {}, {}
    for label in dict.fromkeys(site["label"] for site in sites):
        chosen = [site for site in sites if site["label"] == label]
        values = np.array([site["formation_energy_eV"] for site in chosen])
        weights = np.array([site["multiplicity"] for site in chosen], dtype=float)
        mean[label] = float(np.average(values, weights=weights))
        number[label] = len(chosen)
        if len(chosen) > 1:
            spread[label] = float(np.sqrt(np.average((values - mean[label]) ** 2, weights=weights)))
    return {"formation_energy_eV": mean, "spread_eV": spread, "n_sites": number}
