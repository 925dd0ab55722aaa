"""How far each training under way is: its step, its error so far, time left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiida_concerted.common.files import read_end
from aiida_concerted.environment.job_files import folder_here
from aiida_concerted.environment.processes import ProcessSummary
from aiida_concerted.formats.deepmd_log import TrainingProgress, read_progress

TRAINING, JOB = "DeepmdBaseWorkChain", "DeepmdTrainCalculation"
END_BYTES = 4096


@dataclass(frozen=True)
class TrainingStatus:
    """One training that has not ended.

    :param name: of the training, such as ``model_0``.
    :param n_steps: steps that it is to do.
    :param progress: what its log says; ``None`` before it says anything, or where the log is on another machine.
    """

    name: str
    n_steps: int
    progress: TrainingProgress | None


def read_trainings(tree: ProcessSummary) -> list[TrainingStatus]:
    """Return the trainings under way in a tree of processes, in the order in which they began."""
    return [_status(item) for item in tree.walk() if item.process_label == TRAINING and not item.has_ended]


def _status(training: ProcessSummary) -> TrainingStatus:
    from aiida import orm

    from aiida_concerted.calculations.deepmd_train import training_parameters

    chain: Any = orm.load_node(training.pk)
    jobs = [item for item in training.walk() if item.process_label == JOB and not item.has_ended]
    progress = _look_at_log(orm.load_node(jobs[-1].pk)) if jobs else None
    return TrainingStatus(training.name, training_parameters(chain.inputs.train.parameters).n_steps, progress)


def _look_at_log(job: Any) -> TrainingProgress | None:
    from aiida_concerted.calculations.deepmd_train import DeepmdTrainCalculation

    folder = folder_here(job)
    if folder is None:
        return None
    try:
        return read_progress(read_end(folder / DeepmdTrainCalculation.LOGS["train"], END_BYTES))
    except OSError:
        return None
