"""How a computer is reached where the setup file says nothing of it."""

import pytest

from aiida_concerted.environment.setup.computers import make_computer
from aiida_concerted.environment.setup.wishes import ComputerWish


@pytest.mark.parametrize(
    ("scheduler", "said", "login_shell"),
    [
        ("core.direct", {}, False),
        ("core.direct", {"use_login_shell": True}, True),
        ("core.slurm", {}, True),  # the commands of a queue may be found in a login shell alone
    ],
)
def test_jobs_that_are_processes_of_this_machine_are_watched_without_a_login_shell(
    aiida_profile, tmp_path, scheduler, said, login_shell
):
    label = f"{scheduler}-{login_shell}-{bool(said)}"
    wish = ComputerWish(label, "localhost", "core.local", scheduler, authentication=said)
    computer = make_computer(wish, str(tmp_path))
    assert computer.get_configuration().get("use_login_shell", True) is login_shell
    assert computer.get_configuration()["safe_interval"] == 0.0
    with computer.get_transport() as transport:
        assert transport._use_login_shell is login_shell


def test_where_modules_are_loaded_the_login_shell_that_knows_them_is_kept(aiida_profile, tmp_path):
    wish = ComputerWish("with-modules", "localhost", "core.local", "core.direct", has_modules=True)
    assert make_computer(wish, str(tmp_path)).get_configuration().get("use_login_shell", True) is True
