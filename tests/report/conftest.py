from __future__ import annotations

import pytest
from aiida import orm

from aiida_concerted.report import write_report
from aiida_concerted.report.gather import gather_study
from aiida_concerted.report.gather_trajectories import with_trajectories
from tests.report.synthetic_study import SURROGATE, SyntheticStudy


@pytest.fixture(scope="package")
def lammps(aiida_profile):
    """Return a code that nothing runs, in a folder that no report may name."""
    # Without processes side by side, tests of other folders may run in between, after which this is asked for again.
    _, computer = orm.Computer.collection.get_or_create(
        label="report-machine", hostname="localhost", transport_type="core.local", scheduler_type="core.direct",
        workdir="/home/secret/work",
    )  # fmt: skip
    return orm.InstalledCode(
        label="lmp-of-report", computer=computer.store(), filepath_executable="/home/secret/bin/lmp"
    ).store()


@pytest.fixture(scope="package")
def finished(lammps):
    """Return a finished study with every part."""
    return SyntheticStudy().store(lammps)


@pytest.fixture(scope="package")
def content(finished):
    """Return what a report gathers of the finished study."""
    return gather_study(finished)


@pytest.fixture(scope="package")
def whole(content, finished):
    """Return the same with what its trajectories tell."""
    return with_trajectories(content, finished)


@pytest.fixture(scope="package")
def report_file(finished, tmp_path_factory):
    """Return the report of the finished study."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(finished, path)
    return path


@pytest.fixture(scope="package")
def running(lammps):
    """Return a study that is still in its sweep; one of two temperatures is not there."""
    synthetic = SyntheticStudy(
        temperatures_K=(800.0, 1000.0), reached_K=(1000.0,), parts=("learn", "sweep"), exit_status=None, n_frames=120
    )
    return synthetic.store(lammps)


@pytest.fixture(scope="package")
def hostile(lammps):
    """Return a study of a material whose name is markup, just begun."""
    synthetic = SyntheticStudy(
        material='<script>alert("x")</script>', level_of_theory=f"{SURROGATE} <b>&", parts=("vacancy",)
    )
    return synthetic.store(lammps)
