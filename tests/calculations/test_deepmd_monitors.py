from types import SimpleNamespace

import pytest
from aiida.engine.processes.calcjobs.monitors import CalcJobMonitorAction
from aiida.transports.plugins.local import LocalTransport

from aiida_concerted.calculations.deepmd_monitors import stop_diverged

HEAD = "# step rmse_trn rmse_e_trn rmse_f_trn lr\n# a remark of the program\n"
SOUND = HEAD + "".join(f"{step} 1.0 0.1 0.2 1e-3\n" for step in range(0, 100, 10))


@pytest.fixture
def watch(tmp_path):
    """Return a function that lets the monitor look at a learning curve."""

    def look(text):
        if text is not None:
            (tmp_path / "lcurve.out").write_text(text)
        with LocalTransport() as transport:
            return stop_diverged(SimpleNamespace(get_remote_workdir=lambda: str(tmp_path)), transport)

    return look


@pytest.mark.parametrize("row", ["100 nan nan nan 1e-3\n", "100 1.0 inf 0.2 1e-3\n", "100 1e60 0.1 1e59 1e-3\n"])
def test_a_training_that_diverged_is_ended_and_its_parser_keeps_the_word(watch, row):
    found = watch(SOUND + row)
    assert found.action is CalcJobMonitorAction.KILL
    assert "step 100" in found.message
    assert not found.override_exit_code


@pytest.mark.parametrize("text", [None, "", HEAD, SOUND, SOUND + "100 nan nan", HEAD + "0 1.0 nan 0.2 1e-3\n"])
def test_a_training_that_goes_well_or_says_nothing_yet_is_let_run(watch, text):
    assert watch(text) is None


def test_a_job_without_a_folder_is_let_run():
    assert stop_diverged(SimpleNamespace(get_remote_workdir=lambda: None), None) is None
