"""The profile of a demonstration folder: SQLite with write-ahead logging, AiiDA's own broker, one local computer.

Everything here may be called again at any time: what a killed start left half made is finished or made anew.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from aiida_concerted.environment.errors import SetupError
from aiida_concerted.environment.folder import PROFILE_NAME, DemoFolder
from aiida_concerted.environment.logs import send_logs_to_file
from aiida_concerted.environment.setup.computers import configure, find_computer, make_computer
from aiida_concerted.environment.setup.profiles import is_whole, make_profile
from aiida_concerted.environment.setup.wishes import ComputerWish, ProfileWish
from aiida_concerted.environment.sqlite import use_write_ahead_log

if TYPE_CHECKING:
    from aiida.manage.configuration.profile import Profile
    from aiida.orm import Computer

COMPUTER_LABEL = "localhost"
USER_EMAIL = "demo@localhost"

_OPTIONS = {
    "runner.poll.interval": 1,  # parents look for finished children every second
    "daemon.timeout": 30,  # starting on a busy machine takes longer than AiiDA's two seconds
    "transport.task_retry_initial_interval": 5,  # a local disk recovers sooner than a remote login node
    "warnings.development_version": False,
    "warnings.rabbitmq_version": False,
}


def prepare_profile(folder: DemoFolder) -> Profile:
    """Create the folder's profile where it is missing or half made, and load it.

    :raises SetupError: if the configuration cannot be read.
    """
    folder.create()
    folder.activate()
    send_logs_to_file(folder.log_file)
    config = _configuration(folder)
    if PROFILE_NAME in config.profile_names:
        _follow_move(config, folder)
    if PROFILE_NAME not in config.profile_names or not is_whole(config.get_profile(PROFILE_NAME)):
        _create(config, folder)
    _set_options(config)
    use_write_ahead_log(folder.database)
    return load_profile(folder)


def load_profile(folder: DemoFolder) -> Profile:
    """Load the profile of an existing demonstration.

    :raises SetupError: if there is no demonstration, or its profile cannot be opened.
    """
    folder.require()
    folder.activate()
    send_logs_to_file(folder.log_file)
    from aiida.common.exceptions import AiidaException
    from aiida.manage import configuration

    config = _configuration(folder)
    if PROFILE_NAME in config.profile_names:
        _follow_move(config, folder)  # a copy of a demonstration must not read and write in the original
    try:
        profile = configuration.load_profile(PROFILE_NAME, allow_switch=True)
        from aiida.manage import get_manager

        get_manager().get_profile_storage()
    except AiidaException as error:
        raise SetupError(
            f"the profile in {folder.configuration} cannot be opened ({error}): begin anew with --restart"
        ) from error
    send_logs_to_file(folder.log_file)
    return profile


def prepare_computer(folder: DemoFolder) -> Computer:
    """Return the local computer, created and configured where it is not.

    :raises SetupError: if ``ps`` is missing, without which AiiDA takes every running job for finished.
    """
    if shutil.which("ps") is None:
        raise SetupError("the command 'ps' is missing, which AiiDA watches jobs with: install the package 'procps'")
    workdir = str(folder.work)
    wish = ComputerWish(
        label=COMPUTER_LABEL,
        hostname="localhost",
        transport="core.local",
        scheduler="core.direct",
        settings={"description": "this machine"},
        authentication={"safe_interval": 0.0, "use_login_shell": False},
    )
    computer = find_computer(COMPUTER_LABEL) or make_computer(wish, workdir)
    if computer.get_workdir() != workdir:
        computer.set_workdir(workdir)
    computer.set_minimum_job_poll_interval(1.0)
    computer.set_default_mpiprocs_per_machine(1)
    configure(computer, wish)
    return computer


def _configuration(folder: DemoFolder) -> Any:
    from aiida.common.exceptions import ConfigurationError
    from aiida.manage.configuration import get_config

    try:
        return get_config(create=True)
    except ConfigurationError as error:
        raise SetupError(
            f"{folder.configuration}/config.json is damaged ({error}): begin anew with --restart"
        ) from error


def _follow_move(config: Any, folder: DemoFolder) -> None:
    """Point the profile at its storage again after the folder was moved: AiiDA keeps absolute paths."""
    profile = config.get_profile(PROFILE_NAME)
    if profile.storage_config["filepath"] != str(folder.storage) and folder.database.is_file():
        profile.set_storage("core.sqlite_dos", {**profile.storage_config, "filepath": str(folder.storage)})
        config.update_profile(profile)
        config.store()


def _create(config: Any, folder: DemoFolder) -> None:
    if PROFILE_NAME in config.profile_names:
        config.remove_profile(PROFILE_NAME)
        config.store()
    shutil.rmtree(folder.storage, ignore_errors=True)
    wish = ProfileWish(PROFILE_NAME, email=USER_EMAIL, folder=folder.storage, broker="zeromq")
    make_profile(config, wish, lambda variable, purpose: "")
    config.set_default_profile(PROFILE_NAME, overwrite=True)
    config.store()


def _set_options(config: Any) -> None:
    changed = False
    for name, value in _OPTIONS.items():
        if config.get_option(name, scope=PROFILE_NAME, default=False) != value:
            config.set_option(name, value, scope=PROFILE_NAME)
            changed = True
    if changed:
        config.store()
