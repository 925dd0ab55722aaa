"""Fixtures shared by all tests: a temporary AiiDA profile and codes for the real engines beside the interpreter."""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

# Importing AiiDA makes a configuration folder; the plugin below imports it before it makes a profile of its own.
_CONFIGURATION = tempfile.mkdtemp(prefix="aiida-concerted-tests-")
os.environ["AIIDA_PATH"] = _CONFIGURATION
atexit.register(shutil.rmtree, _CONFIGURATION, ignore_errors=True)

# Started in the background of a script, this process ignores Ctrl-C, and so would every program that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["aiida.tools.pytest_fixtures"]

SHARING_FOLDERS = ("tests/report",)
"""Folders of tests whose fixtures take long to make and are shared by their files."""

SINGLE_THREAD = """
export OMP_NUM_THREADS=1
export DP_INTRA_OP_PARALLELISM_THREADS=1
export DP_INTER_OP_PARALLELISM_THREADS=1
export TF_CPP_MIN_LOG_LEVEL=2
"""


def executable(name: str) -> str:
    """Return the path of a console script of this environment; a missing one is an installation error, not a skip."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        pytest.fail(f"'{name}' is not installed beside {sys.executable}: install the extras engines and surrogate")
    return str(path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Let one process take all tests of a file, and of a folder whose fixtures live as long as its tests."""
    from xdist.scheduler import LoadFileScheduling

    class WithFolders(LoadFileScheduling):
        def _split_scope(self, nodeid):
            path = super()._split_scope(nodeid)
            folder = path.rpartition("/")[0]
            return folder if folder in SHARING_FOLDERS else path

    return WithFolders(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture
def fast_localhost(aiida_localhost):
    """Return the local computer without AiiDA's polite waiting times."""
    aiida_localhost.set_minimum_job_poll_interval(0.1)
    aiida_localhost.configure(safe_interval=0.0)
    return aiida_localhost


@pytest.fixture(scope="session")
def checks_of_executables(request):
    """Remember in pytest's cache which executables work, which each of them takes ten seconds to show."""
    from aiida_concerted.workflows import executables

    with pytest.MonkeyPatch.context() as patch:
        place = request.config.cache.mkdir("executables") / "checks.json"
        patch.setattr(executables, "cache_file", lambda: place)
        yield place


@pytest.fixture
def engine_code(fast_localhost, checks_of_executables):
    """Return a function that makes the code of a real engine on one thread, or finds the one made before.

    It is found by what it runs, not by its label alone. Codes of the same label that other tests left behind are given
    another one, so that the label names one code.
    """
    from aiida import orm

    def make(label, plugin, name):
        program = executable(name)
        query = orm.QueryBuilder().append(orm.Computer, filters={"uuid": fast_localhost.uuid}, tag="computer")
        query.append(orm.InstalledCode, with_computer="computer", filters={"label": label})
        found = None
        for code in query.all(flat=True):
            if found is None and (str(code.filepath_executable), code.prepend_text) == (program, SINGLE_THREAD):
                found = code
            else:
                code.label = f"{label}-left-{code.pk}"
        if found is not None:
            return found
        code = orm.InstalledCode(
            label=label, computer=fast_localhost, default_calc_job_plugin=plugin, filepath_executable=program,
            prepend_text=SINGLE_THREAD,
        )  # fmt: skip
        return code.store()

    return make


@pytest.fixture
def dp_code(engine_code):
    """Return the code of the real ``dp``."""
    return engine_code("dp", "concerted.deepmd.train", "dp")


@pytest.fixture
def lmp_code(engine_code):
    """Return the code of the real ``lmp`` with the deepmd pair style."""
    return engine_code("lmp", "concerted.lammps.md", "lmp")


@pytest.fixture
def surrogate_code(engine_code):
    """Return the code of the VASP surrogate."""
    return engine_code("vasp-surrogate", "vasp.vasp", "concerted-vasp-surrogate")


@pytest.fixture(scope="session")
def tiny_frames():
    """Return labelled frames of sixteen atoms with the elements of LGPS, energies in closed form."""
    from tests.engines import labelled_frames

    return labelled_frames()


@pytest.fixture(scope="session")
def tiny_models(request, tmp_path_factory):
    """Return the files of two tiny frozen potentials with different seeds, trained once and kept in pytest's cache."""
    from tests import engines

    digest = hashlib.sha256(Path(engines.__file__).read_bytes()).hexdigest()
    place = request.config.cache.mkdir("tiny-models")
    kept = place / digest[:16]
    with (place / "lock").open("w") as lock:  # processes that run tests side by side want the same models
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.is_dir():
            folder = tmp_path_factory.mktemp("tiny-models")
            made = place / "made"
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            for number, path in enumerate(engines.train_models(folder, executable("dp"))):
                shutil.copy(path, made / f"model_{number}.pb")
            made.rename(kept)
    return sorted(kept.glob("model_*.pb"))


@pytest.fixture
def lgps_potcars(aiida_profile, tmp_path):
    """Return the label of a POTCAR family with placeholder headers for Li, Ge, P and S."""
    from aiida_vasp.data.potcar import PotcarData

    from aiida_concerted.surrogate.potcar import write_placeholder_potcars

    label, folder = "lgps-placeholders", tmp_path / "potcars"
    write_placeholder_potcars(folder, {"Li_sv": "Li", "Ge_d": "Ge", "P": "P", "S": "S"})
    PotcarData.upload_potcar_family(str(folder), label, "headers only", stop_if_existing=False)
    return label
