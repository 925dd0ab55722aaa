"""From a disordered site model an ordered cell."""

from __future__ import annotations

import dataclasses
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.materials import SiteModel, load_site_model, shipped_materials
from aiida_concerted.structures.ordering import DisorderedSites, OrderingOptions, order_cell
from aiida_concerted.structures.oxidation import OXIDATION_STATES

OPTIONS = tuple(field.name for field in dataclasses.fields(OrderingOptions))


@calcfunction
def order_site_model(sites: orm.Data, parameters: orm.Dict) -> dict[str, orm.Data] | ExitCode:
    """Return an ordered, neutral cell of low electrostatic energy and what was found about it.

    :param sites: the site model: the name of a shipped one, or a node with a site network made from one.
    :param parameters: ``seed``; optional ``oxidation_states`` in e by element, ``min_distance_A`` between carriers,
        ``min_per_label``, ``n_steps`` and ``n_restarts`` of the search.
    """
    settings = parameters.get_dict()
    unknown = sorted(set(settings) - {"seed", "oxidation_states", *OPTIONS})
    if unknown or "seed" not in settings:
        known = ", ".join(("seed", "oxidation_states", *OPTIONS))
        return ExitCode(210, f"ordering needs a seed and knows {known}; got {', '.join(sorted(settings))}")
    try:
        return _order(_model_of(sites), settings)
    except ValueError as error:
        return ExitCode(211, f"the site model cannot be ordered: {error}")


def _model_of(sites: orm.Data) -> SiteModel:
    if not isinstance(sites, orm.Str):
        model: SiteModel = sites.get_site_model()
        return model
    if sites.value.lower() not in shipped_materials():  # what a path holds would not be in the provenance
        raise ValueError(f"'{sites.value}' is no shipped model: make a node with SiteNetworkData.from_site_model")
    return load_site_model(sites.value)


def _order(model: SiteModel, settings: dict[str, Any]) -> dict[str, orm.Data]:
    options = OrderingOptions(**{name: settings[name] for name in OPTIONS if name in settings})
    groups = [DisorderedSites(label, positions, shares) for label, shares, positions in model.disordered_species()]
    charges = {**OXIDATION_STATES, **settings.get("oxidation_states", {})}
    ordered = order_cell(model.cell, groups, model.carrier, charges, seed=settings["seed"], options=options)
    counts = ordered.counts(model.carrier)
    results = {
        "material": model.material,
        "carrier": model.carrier,
        "formula": ordered.atoms.get_chemical_formula(),
        "ewald_energy_eV": ordered.energy_eV,
        "counts": {label: counts.get(label, 0) for label in model.labels},
        "labels": list(ordered.labels),
        "seed": settings["seed"],
        **dataclasses.asdict(options),
    }
    return {"structure": orm.StructureData(ase=ordered.atoms), "results": orm.Dict(results)}
