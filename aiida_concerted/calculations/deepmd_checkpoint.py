"""The checkpoint in the folder of a training that was cut short."""

from __future__ import annotations

from dataclasses import dataclass

from aiida import orm

from aiida_concerted.formats.deepmd_checkpoint import FILE, curve_until, read_checkpoint_step
from aiida_concerted.formats.lcurve import FILE as CURVE


@dataclass(frozen=True)
class Checkpoint:
    """Where a training can go on.

    :param step: training step of the last checkpoint.
    :param curve: the learning curve up to it.
    """

    step: int
    curve: str


def checkpoint_of(folder: orm.RemoteData) -> Checkpoint | None:
    """Return the last checkpoint of a training, ``None`` where it came to none or its files are gone.

    :param folder: the folder that the training left behind.
    """
    training = folder.creator
    if folder.is_cleaned or not isinstance(training, orm.CalcJobNode) or "retrieved" not in training.outputs:
        return None
    repository = training.outputs.retrieved.base.repository
    names = repository.list_object_names()
    step = read_checkpoint_step(repository.get_object_content(FILE)) if FILE in names else None
    if step is None:
        return None
    curve = repository.get_object_content(CURVE) if CURVE in names else ""
    return Checkpoint(step, curve_until(curve, step))
