import os
import subprocess
import sys
import time

import pytest

from aiida_concerted.surrogate.main import HELP, main
from aiida_concerted.surrogate.run import SUBVERSION
from tests.conftest import executable
from tests.surrogate.support import write_inputs


def call(folder, *arguments, **environment):
    """Return the finished process of the console script."""
    return subprocess.run(
        [executable("concerted-vasp-surrogate"), *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_help_and_version_answer_without_a_run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["--help"]) == 0
    assert capsys.readouterr().out == HELP
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == SUBVERSION + "\n"
    assert list(tmp_path.iterdir()) == []
    assert len(HELP.splitlines()) < 24
    assert max(len(line) for line in HELP.splitlines()) <= 120


def test_arguments_are_refused(capsys):
    assert main(["INCAR"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_refused_input_answers_at_once_with_one_line(tmp_path):
    write_inputs(tmp_path, "IVDW = 12\n")
    begun = time.perf_counter()
    result = call(tmp_path)
    assert time.perf_counter() - begun < 5
    assert result.returncode == 2
    assert result.stderr == (
        "concerted-vasp-surrogate: INCAR line 1: IVDW = 12 changes the result in a way that the surrogate does not "
        "compute; remove it\n"
    )
    assert "IVDW = 12" in (tmp_path / "OUTCAR").read_text()


def test_nothing_heavy_is_imported_before_it_is_needed():
    script = (
        "import sys, aiida_concerted.surrogate.main, aiida_concerted.surrogate.run\n"
        "heavy = {'torch', 'chgnet', 'ase', 'pymatgen', 'aiida', 'scipy'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or None)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("name", ["OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"])
def test_under_mpirun_only_the_first_process_works(tmp_path, name):
    write_inputs(tmp_path, "NSW = 0\n")
    assert call(tmp_path, **{name: "1"}).returncode == 0
    assert not (tmp_path / "OUTCAR").exists()
