"""The output files, written as the run goes so that a killed run leaves what a killed VASP leaves."""

from __future__ import annotations

import os
import platform
import resource
import time
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.formats import oszicar, outcar, xdatcar_writer
from aiida_concerted.formats.poscar import Poscar, format_poscar
from aiida_concerted.formats.vasp_output import IonicStep, RunDescription
from aiida_concerted.formats.vasprun_writer import VasprunWriter
from aiida_concerted.surrogate.imitation import CutStream, Imitation

FloatArray = NDArray[np.float64]

VASP_VERSION = "6.4.2"
"""The version of VASP whose files are written."""


OUTPUT_FILES = ("vasprun.xml", "OUTCAR", "OSZICAR", "XDATCAR", "CONTCAR")


class RunOutputs:
    """All files of one run, and the lines that VASP prints.

    Opening it clears what an earlier run left, so that a refused run does not pass off old results as its own.

    :param folder: where the files go.
    :param subversion: what really makes the numbers.
    :param stdout: where the lines are printed.
    :param imitation: a failure to imitate; a ``kill`` cuts the files at a byte.
    """

    def __init__(self, folder: Path, subversion: str, stdout: TextIO, imitation: Imitation | None = None) -> None:
        self._folder = folder
        self._subversion = subversion
        self._stdout = stdout
        self._started = time.perf_counter()
        self._date = (time.strftime("%Y %m %d"), time.strftime("%H:%M:%S"))
        self._budget = [imitation.at] if imitation is not None and imitation.kind == "kill" else None
        for name in OUTPUT_FILES:
            (folder / name).unlink(missing_ok=True)
        self._files: list[TextIO | CutStream] = []
        self._outcar = self._open("OUTCAR")
        self._last_energy = 0.0
        self._has_xdatcar_header = False
        self._say(outcar.format_banner(VASP_VERSION, subversion, self._date))
        self._print(
            f" running on {1:4d} total cores\n distrk:  each k-point on {1:4d} cores, {1:4d} groups\n"
            f" distr:  one band on {1:4d} cores, {1:4d} groups\n vasp.{VASP_VERSION} {subversion}\n"
        )

    def begin(self, run: RunDescription) -> None:
        """Open the files of a run that was not refused, and write what comes before its first step."""
        self._run = run
        vasprun, self._oszicar, self._xdatcar = (self._open(name) for name in ("vasprun.xml", "OSZICAR", "XDATCAR"))
        self._vasprun = VasprunWriter(vasprun)
        self._vasprun.begin(run)
        self._say(outcar.format_setup(run))
        poscar = run.poscar
        self._print(
            f" POSCAR found type information on POSCAR {' '.join(poscar.elements)}\n"
            f" POSCAR found : {len(poscar.counts):2d} types and {poscar.n_atoms:7d} ions\n entering main loop\n"
            f"{oszicar.ELECTRONIC_HEADER}"
        )

    @property
    def started(self) -> tuple[str, str]:
        """Return date and time of the beginning."""
        return self._date

    def note(self, text: str) -> None:
        """Write a line of the surrogate's own to OUTCAR and to standard output."""
        self._say(f" surrogate: {text}\n")
        self._print(f" surrogate: {text}\n")

    def step(self, step: IonicStep, *, write_positions: bool = True) -> None:
        """Write one ionic step to all files that grow.

        :param write_positions: whether this configuration goes to XDATCAR.
        """
        change = step.energy - self._last_energy
        self._last_energy = step.energy
        electronic = oszicar.format_electronic_step(step, change=change)
        ionic = oszicar.format_ionic_step(step, change=change)
        header = oszicar.ELECTRONIC_HEADER
        self._oszicar.write(header + electronic + ionic)
        self._print(electronic + ionic)
        self._say(outcar.format_step(step, self._run, change=change))
        if write_positions:
            if not self._has_xdatcar_header or self._run.parameter("ISIF") == 3:
                self._xdatcar.write(xdatcar_writer.format_header(self._run.poscar, step.cell))
            self._has_xdatcar_header = True
            self._xdatcar.write(xdatcar_writer.format_frame(step.index, step.fractional))
        self._vasprun.step(step)
        for file in self._files:
            file.flush()

    def contcar(self, poscar: Poscar) -> None:
        """Replace CONTCAR; a reader sees the old file or the new one, never half of one."""
        if self._budget is not None:  # to be cut as VASP's is
            with (self._folder / "CONTCAR").open("w", encoding="utf-8") as stream:
                CutStream(stream, self._budget).write(format_poscar(poscar))
            return
        partial = self._folder / "CONTCAR.partial"
        partial.write_text(format_poscar(poscar), encoding="utf-8")
        os.replace(partial, self._folder / "CONTCAR")

    def converged(self) -> None:
        """Write that a relaxation has reached its criterion."""
        self._say(outcar.format_converged())
        self._print(" reached required accuracy - stopping structural energy minimisation\n")

    def stopped(self, *, hard: bool) -> None:
        """Write that STOPCAR ended the run."""
        self._say(outcar.format_stopped(hard=hard))
        self._print(outcar.format_stopped(hard=hard))

    def said(self, text: str) -> None:
        """Write what VASP prints when it gives up."""
        self._say(text)
        self._print(text)

    def failed(self, message: str) -> None:
        """Write why the run ends here, to OUTCAR only; who called says it on standard error."""
        self._say(f"\n ERROR: {message}\n")

    def finish(self, cell: FloatArray, fractional: FloatArray) -> None:
        """Close the document and write the closing block.

        :param cell: of the structure in CONTCAR, shape ``(3, 3)``.
        :param fractional: positions in CONTCAR, shape ``(n_atoms, 3)``.
        """
        self._vasprun.end(cell, fractional)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        self._say(
            outcar.format_timing(
                cpu=usage.ru_utime + usage.ru_stime,
                user=usage.ru_utime,
                system=usage.ru_stime,
                elapsed=time.perf_counter() - self._started,
                memory_kB=usage.ru_maxrss / (1024 if platform.system() == "Darwin" else 1),
            )
        )

    def close(self) -> None:
        """Close all files as they are."""
        for file in self._files:
            file.close()

    def _open(self, name: str) -> TextIO | CutStream:
        stream = (self._folder / name).open("w", encoding="utf-8")
        file = stream if self._budget is None else CutStream(stream, self._budget)
        self._files.append(file)
        return file

    def _say(self, text: str) -> None:
        self._outcar.write(text)
        self._outcar.flush()

    def _print(self, text: str) -> None:
        self._stdout.write(text)
        self._stdout.flush()
