"""Whether datasets belong together: one level of theory, and one set of what decides the energies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.formats.energy_settings import unite_settings


def agreed_settings(datasets: Mapping[str, LabelledFramesData]) -> dict[str, Any] | None:
    """Return the settings on which datasets agree, ``None`` where none of them states any.

    What a dataset does not state, as one imported without the inputs of its runs, is not compared.

    :param datasets: datasets by name; at least one.
    :raises ValueError: if levels of theory or settings differ, naming what.
    """
    levels = sorted({node.level_of_theory for node in datasets.values()})
    if len(levels) > 1:
        raise ValueError(f"different levels of theory do not belong together: {', '.join(levels)}")
    stated = {name: node.energy_settings for name, node in datasets.items() if _states_settings(node)}
    return unite_settings(stated).as_dict() if stated else None


def _states_settings(node: LabelledFramesData) -> bool:
    return node.base.attributes.get("energy_settings", None) is not None
