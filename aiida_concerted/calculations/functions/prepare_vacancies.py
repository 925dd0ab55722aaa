"""The perfect supercell, and one with a vacancy on each site of interest."""

from __future__ import annotations

from dataclasses import asdict

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.data.conversion import atoms_of_structure
from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.structures.defects import plan_vacancies


@calcfunction
def prepare_vacancies(
    structure: orm.StructureData, parameters: orm.Dict, sites: SiteNetworkData | None = None
) -> dict[str, orm.Data] | ExitCode:
    """Return ``perfect``, ``vacancy_000``, ``vacancy_001``, … and ``plan``, which says what each of them is.

    :param structure: the ordered cell.
    :param parameters: ``carrier``, ``supercell``, ``selection`` (``all`` or ``one_per_label``) and ``symprec_A``.
    :param sites: site network to label the carriers by; without it every inequivalent carrier is its own label.
    """
    settings = parameters.get_dict()
    try:
        plan = plan_vacancies(
            atoms_of_structure(structure),
            settings["carrier"],
            settings["supercell"],
            network=None if sites is None else sites.get_network(),
            selection=settings["selection"],
            symprec_A=settings["symprec_A"],
        )
    except ValueError as error:
        return ExitCode(210, str(error))
    names = [f"vacancy_{index:03d}" for index in range(len(plan.sites))]
    outputs: dict[str, orm.Data] = {
        name: orm.StructureData(ase=plan.defect(site)) for name, site in zip(names, plan.sites, strict=True)
    }
    outputs["perfect"] = orm.StructureData(ase=plan.perfect)
    outputs["plan"] = orm.Dict(
        {
            "sites": [{"name": name, **asdict(site)} for name, site in zip(names, plan.sites, strict=True)],
            "missing_labels": list(plan.missing_labels),
            "carrier": settings["carrier"],
            "material": None if sites is None else sites.base.attributes.get("material"),
        }
    )
    return outputs
