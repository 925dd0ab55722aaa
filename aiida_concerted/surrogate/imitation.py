"""Failures imitated on demand, so that whatever mends runs of VASP can be tried on what VASP leaves behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

VARIABLE = "CONCERTED_SURROGATE_IMITATE"
ONCE = "CONCERTED_SURROGATE_IMITATE_ONCE"

SAID = {
    "brmix": " BRMIX: very serious problems\n the old and the new charge density differ\n"
    " old charge density:  100.00000 new   99.90000\n",
    "zbrent": " ZBRENT: fatal error in bracketing\n     please rerun with smaller EDIFF, or copy CONTCAR\n"
    "     to POSCAR and continue\n",
    "edddav": " Error EDDDAV: Call to ZHEGV failed. Returncode =   7 1   8\n",
    "subspace": " Error in subspace rotation PSSYEVX: not enough eigenvalues found           7           8\n",
}
"""What VASP prints before it ends."""

KINDS = (*SAID, "scf", "memory", "vanish", "hang", "kill")


@dataclass(frozen=True)
class Imitation:
    """One failure and when it happens.

    :param kind: ``scf`` (the electrons of a step reach NELM), ``brmix``, ``zbrent``, ``edddav``, ``subspace`` (the
        message, and the end), ``memory`` (killed by the kernel), ``vanish`` (all output files gone), ``hang`` (nothing
        more happens), ``kill`` (killed at a byte of the output, which can be within a line of any file); none if empty.
    :param at: the ionic step, from 1, or the byte.
    """

    kind: str = ""
    at: int = 1

    def ends(self, step: int) -> bool:
        """Return whether the run fails within this step."""
        return self.kind not in {"", "scf", "kill"} and step == self.at

    def is_unconverged(self, step: int) -> bool:
        """Return whether the electrons of this step do not converge."""
        return self.kind == "scf" and step == self.at


class ImitatedFailureError(RuntimeError):
    """The run ends as VASP does after its message."""


def read_imitation(environment: Mapping[str, str]) -> Imitation:
    """Return the failure that the environment asks for: ``CONCERTED_SURROGATE_IMITATE=KIND[@NUMBER]``.

    With ``CONCERTED_SURROGATE_IMITATE_ONCE=FILE`` only the run that makes this file fails, and none after it.

    :raises ValueError: if the kind is unknown or the number is none.
    """
    text = environment.get(VARIABLE, "").strip()
    if not text:
        return Imitation()
    kind, _, number = text.partition("@")
    if kind not in KINDS or (number and not (number.isdigit() and int(number) > 0)):
        raise ValueError(f"{VARIABLE} = {text} is no failure: use one of {', '.join(KINDS)}, then @ and a step or byte")
    if marker := environment.get(ONCE):
        try:
            Path(marker).touch(exist_ok=False)
        except FileExistsError:
            return Imitation()
    return Imitation(kind, int(number or 1))


def fail(imitation: Imitation, folder: Path, names: tuple[str, ...]) -> None:
    """End the run in the imitated way.

    :param names: files that vanish, where that is the failure.
    :raises ImitatedFailureError: with what VASP prints, where VASP itself gives up.
    """
    if imitation.kind in SAID:
        raise ImitatedFailureError(SAID[imitation.kind])
    if imitation.kind == "vanish":
        for name in names:
            (folder / name).unlink(missing_ok=True)
    if imitation.kind == "hang":
        signal.pause()
    os.kill(os.getpid(), signal.SIGKILL)


class CutStream:
    """A text file that is written up to a byte of all files together, at which the process is killed.

    :param stream: the file; closed by :meth:`close`.
    :param budget: bytes that may still be written, shared by all files of a run, as a list of one number.
    """

    def __init__(self, stream: TextIO, budget: list[int]) -> None:
        self._stream = stream
        self._budget = budget

    def write(self, text: str) -> int:
        """Write, or as much of it as the budget allows and no more."""
        if len(text) >= self._budget[0]:
            self._stream.write(text[: self._budget[0]])
            self._stream.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        self._budget[0] -= len(text)
        return self._stream.write(text)

    def flush(self) -> None:
        """Flush the file."""
        self._stream.flush()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
