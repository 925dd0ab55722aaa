"""Codes that cannot start are named before anything is submitted."""

import pytest
from aiida import orm

from aiida_concerted.workflows import executables
from aiida_concerted.workflows.executables import check_code
from aiida_concerted.workflows.explore import ExploreWorkChain


@pytest.fixture(autouse=True)
def forgetful(tmp_path, monkeypatch):
    """Remember nothing of other tests."""
    monkeypatch.setattr(executables, "cache_file", lambda: tmp_path / "checks.json")


@pytest.fixture
def code_of(fast_localhost, tmp_path):
    """Return a function that makes a code of a script."""

    def make(body, *, name="lmp", mode=0o755, prepend_text=""):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(mode)
        return orm.InstalledCode(
            label=name, computer=fast_localhost, filepath_executable=str(path), prepend_text=prepend_text,
            default_calc_job_plugin="concerted.lammps.md",
        ).store()  # fmt: skip

    return make


@pytest.mark.parametrize(
    ("body", "program", "message"),
    [
        ("echo \"ERROR: Unrecognized pair style 'deepmd'\"; exit 1", "lmp", "does not know 'pair_style deepmd'"),
        ("echo 'error: libmpi.so.12 not found' >&2; exit 127", "lmp", r"does not run \(error: libmpi.so.12 not found"),
        ("echo 'ImportError: no tensorflow' >&2; exit 1", "dp", r"does not start \(ImportError: no tensorflow"),
    ],
)
def test_a_broken_executable_is_named_with_its_code_in_one_line(code_of, body, program, message):
    with pytest.raises(ValueError, match=f"{message}.*set up the code 'lmp@localhost' again") as caught:
        check_code(code_of(body), program)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("program", ["lmp", "dp", "vasp"])
def test_a_missing_or_forbidden_file_is_named(code_of, tmp_path, program):
    code = code_of("exit 0", mode=0o644)
    with pytest.raises(ValueError, match="may not be executed"):
        check_code(code, program)
    (tmp_path / "lmp").unlink()
    with pytest.raises(ValueError, match=r"/lmp does not exist.*'lmp@localhost'"):
        check_code(code, program)


def test_vasp_itself_is_never_started(code_of):
    check_code(code_of("exit 1", name="vasp_std"), "vasp")


def test_a_surrogate_that_does_not_start_is_found_out(code_of):
    with pytest.raises(ValueError, match="no chgnet"):
        check_code(code_of("echo no chgnet; exit 1", name="concerted-vasp-surrogate"), "vasp")


def test_the_prepend_text_is_run_first_and_a_check_that_passed_is_not_repeated(code_of, tmp_path):
    log = tmp_path / "log"
    code = code_of(f'[ "$READY" = yes ] || exit 1; echo started >> {log}', prepend_text="export READY=yes")
    for _ in range(2):
        check_code(code, "dp")
    assert log.read_text() == "started\n"
    with pytest.raises(ValueError, match="does not start"):
        check_code(code_of('[ "$READY" = yes ]'), "dp")


def test_a_code_that_was_seen_to_work_is_not_started(code_of):
    code = code_of("exit 1")
    executables.remember_code(code, "lmp")
    check_code(code, "lmp")


def test_codes_of_other_computers_are_not_looked_at(aiida_computer_ssh):
    computer = aiida_computer_ssh(label="far", configure=False)
    check_code(orm.InstalledCode(label="lmp", computer=computer, filepath_executable="/far/lmp"), "lmp")


def test_codes_in_containers_are_not_looked_for_outside(fast_localhost):
    code = orm.ContainerizedCode(
        label="boxed", computer=fast_localhost, filepath_executable="/in/the/box/lmp", image_name="box.sif",
        engine_command="apptainer exec {image_name}", default_calc_job_plugin="concerted.lammps.md",
    ).store()  # fmt: skip
    check_code(code, "lmp")


def test_the_builder_says_it(code_of, sound_structure):
    with pytest.raises(ValueError, match="does not know 'pair_style deepmd'"):
        ExploreWorkChain.get_builder_from_protocol(
            code_of("echo unknown pair style; exit 1"), {"cell": sound_structure}, {}, protocol="fast"
        )
