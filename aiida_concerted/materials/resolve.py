"""The one door to a site model: a shipped name, a SITES.yaml or a SITES.cif."""

from __future__ import annotations

from pathlib import Path

from aiida_concerted.materials.cif import read_cif_sites
from aiida_concerted.materials.loader import load_site_model
from aiida_concerted.materials.model import SiteModel


def resolve_sites(name_or_path: str | Path, *, carrier: str | None = None) -> SiteModel:
    """Return the site model of a shipped name (in any case), of a YAML file or of a CIF.

    The labels of a CIF become site labels; what was changed in them stands in ``label_mapping``.

    :param name_or_path: what the user gave; a path that ends in ``.cif`` is read as a CIF.
    :param carrier: element that moves. It picks the sites of a CIF (lithium when not given), and a model of another
        element is refused.
    :raises ValueError: if there is no such model, its content is wrong, or it is of another carrier.
    """
    if Path(name_or_path).suffix.lower() == ".cif":
        return read_cif_sites(name_or_path, carrier or "Li")
    model = load_site_model(name_or_path, default_carrier=carrier)
    if carrier is not None and model.carrier != carrier:
        raise ValueError(
            f"{name_or_path}: the sites of '{model.material}' are those of {model.carrier}, but the carrier is "
            f"{carrier}: give the sites of {carrier} or change the carrier"
        )
    return model
