"""A site model as the YAML text from which it is read back."""

from __future__ import annotations

import numpy as np
import yaml

from aiida_concerted.analysis.sites import SiteNetwork

DIGITS = 6


def site_model_text(network: SiteNetwork, carrier: str) -> str:
    """Return a site network as SITES.yaml with every site listed: what was found once can be used again.

    :param network: the sites, in the standard setting or not: lengths and angles of the cell are written.
    :param carrier: element that moves.
    """
    labels = dict.fromkeys(network.labels)
    places = np.array(network.labels)
    content = {
        "material": network.material,
        "carrier": carrier,
        "spacegroup": "none",
        "cell": _cell(network.cell),
        "sites": {label: {"positions": _rounded(network.fractional[places == label])} for label in labels},
        "framework": _framework(network),
        "max_edge_A": round(network.max_edge_A, DIGITS),
        "groups": [list(group) for group in network.groups],
        "modes": list(network.modes),
        "origin_shift": None if network.origin_shift is None else list(network.origin_shift),
    }
    kept = {key: value for key, value in content.items() if value not in (None, [], {})}
    return yaml.safe_dump(kept, sort_keys=False, default_flow_style=None, allow_unicode=True, width=110)


def _cell(cell: np.ndarray) -> dict[str, float]:
    lengths = np.linalg.norm(cell, axis=1)
    cosines = [cell[i] @ cell[j] / (lengths[i] * lengths[j]) for i, j in ((1, 2), (0, 2), (0, 1))]
    angles = np.degrees(np.arccos(cosines))
    names = ("a", "b", "c", "alpha", "beta", "gamma")
    return {name: round(float(value), DIGITS) for name, value in zip(names, [*lengths, *angles], strict=True)}


def _framework(network: SiteNetwork) -> dict[str, dict[str, object]]:
    """Return the framework's sites, those that the same elements may take under one label."""
    found: dict[str, dict[str, object]] = {}
    taken = set(network.labels)
    for elements in dict.fromkeys(network.framework_elements):
        here = [index for index, others in enumerate(network.framework_elements) if others == elements]
        label = "_".join(elements)
        while label in taken:
            label += "_framework"
        taken.add(label)
        species = elements[0] if len(elements) == 1 else list(elements)
        found[label] = {"species": species, "positions": _rounded(network.framework_fractional[here])}
    return found


def _rounded(fractional: np.ndarray) -> list[list[float]]:
    rows: list[list[float]] = np.round(fractional, DIGITS).tolist()
    return rows
