"""What DeePMD-kit says while it trains."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

FINISHED = ("finished training", "Trained model has been saved to")
"""What the back ends TensorFlow and PyTorch say after the last step."""

CHATTER = ("implib-gen", "DeePMD-kit: ", "WARNING: All log messages", "W0000", "I0000", "E0000")
"""Beginnings of lines that TensorFlow and the CUDA stubs always print; they mean nothing."""

COMPLAINT = re.compile(r"^(?:[\w.]*(?:Error|Exception)\b.*|.*(?:command not found|No such file or directory))$", re.M)
"""Last line of a Python traceback, or the shell's word on a missing program."""


TRACEBACK = "Traceback (most recent call last)"

TORN = re.compile(
    r"\bDataLossError\b|is not a valid checkpoint|Read less bytes than requested|ckpt\S*; No such file or directory"
    r"|File does not exist\. Received: \S*\.meta\b|\bimport_meta_graph\b.*(?:Decode|Parse)Error"
    r"|PytorchStreamReader failed|torch/serialization\.py.*\bEOFError\b",
    re.DOTALL,
)
"""What TensorFlow and (last line) PyTorch say where a part of a checkpoint is missing, cut short or of another one."""


@dataclass(frozen=True)
class TrainingLog:
    """Facts from the log of a training.

    :param version: version of DeePMD-kit, ``unknown`` where the log does not say.
    :param is_finished: whether the last step was reached.
    :param wall_s: wall time of the training in s, without the start of the program.
    :param seconds_per_step: average time of a step in s, without the first hundred.
    """

    version: str
    is_finished: bool
    wall_s: float | None
    seconds_per_step: float | None


def read_training_log(text: str) -> TrainingLog:
    """Return the facts from the log of ``dp train``."""
    version = re.search(r"Source:\s+v?(\d\S*)", text)
    wall = re.search(r"\bwall time: ([\d.]+) s\s*$", text, flags=re.MULTILINE)
    step = re.search(r"average training time: ([\d.eE+-]+) s/batch", text)
    return TrainingLog(
        version=version[1] if version else "unknown",
        is_finished=any(words in text for words in FINISHED),
        wall_s=float(wall[1]) if wall else None,
        seconds_per_step=float(step[1]) if step else None,
    )


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training is, by the last lines of its log.

    :param step: last step that it told of.
    :param left_s: wall time in s to the last step, as the program forecasts it.
    :param rmse_force_eV_A: error of the forces in eV Å⁻¹ of one batch of held-out frames, or else of training frames.
    """

    step: int
    left_s: float | None
    rmse_force_eV_A: float | None


def read_progress(text: str) -> TrainingProgress | None:
    """Return how far a training is, ``None`` before it told of a step.

    :param text: the end of its log.
    """
    steps = list(_TOLD.finditer(text))
    if not steps:
        return None
    told = steps[-1]
    days, *clock = (int(part or 0) for part in told.group("days", "hours", "minutes", "seconds"))
    left_s = None if told["hours"] is None else float(np.dot((days, *clock), (86400, 3600, 60, 1)))
    errors = dict(re.findall(rf"Batch +{told['step']}: (trn|val): .*\brmse_f = ([\d.e+-]+)", text))
    error = errors.get("val", errors.get("trn"))
    return TrainingProgress(int(told["step"]), left_s, None if error is None else float(error))


_TOLD = re.compile(
    r"Batch +(?P<step>\d+): total wall time = [\d.]+ s"
    r"(?:, eta = (?:(?P<days>\d+) days?, )?(?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>\d+))?"
)


def is_checkpoint_torn(text: str) -> bool:
    """Return whether ``dp train`` ended because a part of its checkpoint could not be read.

    :param text: its log.
    """
    _, found, last = text.rpartition(TRACEBACK)
    return bool(found) and TORN.search(last) is not None


def last_complaint(*logs: str) -> str:
    """Return the line of the first log with an error in it that says what went wrong, or else the last line of all.

    :param logs: logs in the order of the commands: the first failure explains the later ones.
    """
    for text in logs:
        errors = [line for line in COMPLAINT.findall(text) if not line.startswith(CHATTER)]
        if errors:
            return str(errors[-1]).strip()
    for text in reversed(logs):
        said = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(CHATTER)]
        if said:
            return said[-1]
    return "the program said nothing"
