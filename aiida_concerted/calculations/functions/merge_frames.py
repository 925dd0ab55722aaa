"""Datasets put together."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.data.consistency import agreed_settings
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.learning.datasets import unite


@calcfunction
def merge_frames(parameters: orm.Dict | None = None, **parts: orm.Data) -> LabelledFramesData | ExitCode:
    """Return one dataset with the frames of all parts, each once, in the alphabetical order of their names.

    Energies of different levels of theory do not belong together, nor those of other cutoffs, potentials or k-points:
    the parts must agree on them, as far as they state them.

    :param parameters: optional ``material`` and ``study_uuid`` of the result; those that the parts agree on without.
    :param parts: datasets of the same atoms; they are ordered by element symbol.
    """
    nodes = [parts[name] for name in sorted(parts)]
    try:
        settings = agreed_settings({name: parts[name] for name in sorted(parts)})
    except ValueError as error:
        return ExitCode(210, f"these datasets cannot be merged: {error}")
    try:
        union = unite([node.get_frames() for node in nodes])
    except ValueError as error:
        return ExitCode(211, str(error))
    given = {} if parameters is None else parameters.get_dict()
    context = {key: given.get(key) or _agreed(nodes, key) for key in ("material", "study_uuid")}
    parents = [node.content_hash for node in nodes]
    return LabelledFramesData(
        union.frames, level_of_theory=nodes[0].level_of_theory, parents=parents, energy_settings=settings, **context
    )


def _agreed(nodes: list[orm.Data], key: str) -> str | None:
    """Return the value of an attribute that all nodes which have it agree on."""
    values = {node.base.attributes.get(key, None) for node in nodes} - {None}
    return values.pop() if len(values) == 1 else None
