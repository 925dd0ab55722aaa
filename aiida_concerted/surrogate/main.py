"""The console script ``concerted-vasp-surrogate``: started without arguments in a folder of inputs, as VASP is."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

HELP = """Usage: concerted-vasp-surrogate [--help] [--version]

Runs without arguments in a folder that holds INCAR, POSCAR, POTCAR and KPOINTS, and writes vasprun.xml, OUTCAR,
OSZICAR, XDATCAR and CONTCAR as VASP 6 does. Energies, forces and stress come from the CHGNet universal potential:
this is NOT density-functional theory, and every output file says so.

Does IBRION = -1, 0 (MDALGO = 0, 2; SMASS = -3 or >= 0), 1, 2 with ISIF = 0, 2, 3 (3 in relaxations). Tags of
electrons and parallelism have no effect; tags that would change the result otherwise are refused by name.

After each step of molecular dynamics the full state goes to surrogate.state.npz; a run that finds it beside the
POSCAR it belongs to goes on without a seam. A STOPCAR with LSTOP or LABORT ends the run after the current step.

For tests of what mends runs, CONCERTED_SURROGATE_IMITATE=KIND[@STEP] imitates a failure of VASP at an ionic step:
scf (NELM reached), brmix, zbrent, edddav, subspace (the message, and the end), memory (killed), vanish (no output
files), hang; kill@BYTE kills the run when so many bytes are written. With CONCERTED_SURROGATE_IMITATE_ONCE=FILE only
the first run does, which makes the file.

Threads: OMP_NUM_THREADS. Exit status: 0 finished, 1 failed on the way, 2 inputs refused (reason on standard error).
"""

_RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status of the run in the current folder.

    :param arguments: of the command line; those of the process where not given.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments:
        return _answer(arguments)
    if any(os.environ.get(name, "0") not in {"", "0"} for name in _RANKS):
        return 0  # under mpirun every process starts here; only the first may write the files
    from aiida_concerted.surrogate.run import run_in_folder

    return run_in_folder(Path.cwd(), sys.stdout, sys.stderr)


def _answer(arguments: Sequence[str]) -> int:
    """Return the exit status of a call that runs nothing."""
    if list(arguments) in (["--help"], ["-h"]):
        sys.stdout.write(HELP)
        return 0
    if list(arguments) == ["--version"]:
        from aiida_concerted.surrogate.run import SUBVERSION

        sys.stdout.write(SUBVERSION + "\n")
        return 0
    sys.stderr.write("concerted-vasp-surrogate takes no arguments: start it in the folder of the inputs (see --help)\n")
    return 2


if __name__ == "__main__":
    raise SystemExit(main())
