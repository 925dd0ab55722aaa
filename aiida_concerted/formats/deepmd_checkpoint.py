"""Where a training that was cut short goes on: DeePMD-kit's ``checkpoint`` file and the learning curve up to it."""

from __future__ import annotations

import re

FILE = "checkpoint"
PREFIX = "model.ckpt"
RESTART = {"tensorflow": PREFIX, "pytorch": f"{PREFIX}.pt"}
"""What ``dp train --restart`` is given: links that the program keeps at its last complete checkpoint."""


def read_checkpoint_step(text: str) -> int | None:
    """Return the training step of the last checkpoint, ``None`` where the file names none.

    :param text: content of the file ``checkpoint``: protobuf text of TensorFlow, or the bare name of PyTorch's file.
    """
    found = re.search(rf"{re.escape(PREFIX)}-(\d+)", text)
    return int(found[1]) if found else None


def curve_until(text: str, step: int) -> str:
    """Return the learning curve without the rows beyond a step, which a restart writes again, and without a torn row.

    :param text: content of ``lcurve.out``.
    :param step: step of the checkpoint.
    """
    complete = [line for line in text.splitlines(keepends=True) if line.endswith("\n") and line.strip()]
    return "".join(line for line in complete if line.startswith("#") or int(line.split()[0]) <= step)
