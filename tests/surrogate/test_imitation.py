"""Imitated failures leave what VASP leaves, and what reads VASP's files sees them for what they are."""

import os
import signal

import pytest
from parsevasp.stream import Stream

from aiida_concerted.data.vasp_md import read_md_folder
from aiida_concerted.formats.oszicar import read_oszicar
from aiida_concerted.formats.outcar import read_outcar_summary
from aiida_concerted.formats.vasprun import read_vasprun_frames
from aiida_concerted.surrogate.imitation import ONCE, SAID, VARIABLE, Imitation, read_imitation
from tests.surrogate.support import run, write_inputs

MD = "IBRION = 0\nNSW = 6\nPOTIM = 1.5\nTEBEG = 300\nISIF = 2\nMDALGO = 2\nSMASS = 0\nNELM = 7\n"
OUTPUTS = ("vasprun.xml", "OUTCAR", "OSZICAR", "XDATCAR", "CONTCAR")


@pytest.fixture
def folder(tmp_path):
    return write_inputs(tmp_path / "run", MD)


def run_apart(folder):
    """Return how a process of its own ended: its exit status, or minus the signal."""
    child = os.fork()
    if child == 0:
        os._exit(run(folder)[0])
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("kind", sorted(SAID))
def test_vasps_own_failures_are_printed_as_aiida_vasp_looks_for_them(folder, monkeypatch, kind):
    monkeypatch.setenv(VARIABLE, f"{kind}@4")
    code, out, _ = run(folder)
    (folder / "vasp_output").write_text(out)
    found = {entry.shortname for entry in Stream(file_path=str(folder / "vasp_output")).entries}
    expected = {"brmix": "brmix", "zbrent": "zbrent", "edddav": "edddav_zhegv", "subspace": "pssyevx"}
    assert code == 1
    assert SAID[kind] in out
    assert expected[kind] in found
    assert read_md_folder(folder).n_steps == 3
    assert not read_outcar_summary(folder / "OUTCAR").is_finished


def test_electrons_that_do_not_converge_reach_nelm_in_every_file(folder, monkeypatch):
    monkeypatch.setenv(VARIABLE, "scf@3")
    code, out, _ = run(folder)
    result = read_vasprun_frames(folder / "vasprun.xml")
    assert code == 0
    assert result.unconverged.tolist() == [2]
    assert result.n_electronic.tolist() == [1, 1, 7, 1, 1, 1]
    assert (folder / "OUTCAR").read_text().count("Iteration      3(") == 7
    assert out.count("DAV:   7") == (folder / "OSZICAR").read_text().count("DAV:   7") == 1
    assert len(read_oszicar(folder / "OSZICAR")) == 6
    assert read_md_folder(folder).segment.is_converged.tolist() == [True, True, False, True, True, True]


def test_out_of_memory_is_a_kill_between_two_steps(folder, monkeypatch):
    monkeypatch.setenv(VARIABLE, "memory@5")
    assert run_apart(folder) == -signal.SIGKILL
    found = read_md_folder(folder)
    assert (found.n_steps, found.continuation.n_before, found.is_closed) == (4, 4, False)


def test_vanished_files_are_gone(folder, monkeypatch):
    monkeypatch.setenv(VARIABLE, "vanish@2")
    assert run_apart(folder) == -signal.SIGKILL
    assert [name for name in OUTPUTS if (folder / name).exists()] == []
    assert read_md_folder(folder).n_steps == 0


def test_a_kill_at_a_byte_leaves_so_many_bytes(folder, monkeypatch):
    n_whole = sum((folder / name).stat().st_size for name in OUTPUTS) if run(folder)[0] == 0 else 0
    steps = []
    for byte in (40, n_whole // 3, n_whole // 2, 2 * n_whole // 3):
        monkeypatch.setenv(VARIABLE, f"kill@{byte}")
        assert run_apart(folder) == -signal.SIGKILL
        # CONTCAR is written anew at each step, so that fewer bytes lie there than were written.
        left = sum((folder / name).stat().st_size for name in OUTPUTS if (folder / name).exists())
        assert left <= byte
        steps.append(read_md_folder(folder).n_steps)
    assert steps == sorted(steps)
    assert steps[0] == 0 < steps[-1] < 6


def test_only_the_first_run_fails_where_that_is_asked_for(folder, monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, "brmix@2")
    monkeypatch.setenv(ONCE, str(tmp_path / "failed"))
    assert [run(folder)[0] for _ in range(3)] == [1, 0, 0]


@pytest.mark.parametrize("text", ["brmx", "brmix@0", "kill@-3", "scf@x"])
def test_unknown_failures_are_refused(folder, monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    code, _, err = run(folder)
    assert code == 2
    assert "is no failure: use one of brmix, zbrent" in err


def test_without_the_variable_nothing_fails():
    assert read_imitation({}) == Imitation()
    assert not any(Imitation().ends(step) or Imitation().is_unconverged(step) for step in range(9))
