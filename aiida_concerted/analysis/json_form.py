"""Facts about runs and site models as JSON, in which no number is infinite or undefined."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from aiida_concerted.analysis.sites import SiteNetwork
from aiida_concerted.common.trajectory import Trajectory

ANALYSIS_SCHEMA = "aiida-concerted/analysis/1"


def describe_network(network: SiteNetwork) -> dict[str, Any]:
    """Return the site model as far as results depend on it; sites are fractions of its cell."""
    labels = np.array(network.labels)
    return {
        "material": network.material,
        "counts_per_cell": network.counts,
        "max_edge_A": network.max_edge_A,
        "groups": [list(group) for group in network.groups],
        "modes": list(network.modes),
        "cell_A": network.cell.tolist(),
        "sites": {label: network.fractional[labels == label].round(6).tolist() for label in network.counts},
    }


def run_facts(trajectory: Trajectory) -> dict[str, Any]:
    """Return the section ``input`` of the JSON form."""
    names = [trajectory.carrier] * trajectory.n_carriers + list(trajectory.framework_species)
    facts = {
        "n_frames": trajectory.n_frames,
        "n_carriers": trajectory.n_carriers,
        "n_atoms": trajectory.n_atoms,
        "frame_interval_ps": trajectory.frame_interval_ps,
        "duration_ps": trajectory.duration_ps,
        "carrier": trajectory.carrier,
        "temperature_K": trajectory.temperature_K,
        "volume_A3": trajectory.volume_A3,
        "cell_A": trajectory.cell.tolist(),
        "composition": {name: names.count(name) for name in dict.fromkeys(names)},
    }
    return {key: value for key, value in facts.items() if value is not None}


def without_undefined(content: Any) -> Any:
    """Return JSON content without the entries that are ``None``, infinite or undefined, or lists that hold such."""
    if isinstance(content, Mapping):
        kept = {str(key): without_undefined(value) for key, value in content.items()}
        return {key: value for key, value in kept.items() if value is not None}
    if isinstance(content, list | tuple):
        items = [without_undefined(value) for value in content]
        return None if any(item is None for item in items) else items
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
