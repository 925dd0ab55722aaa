"""Everything that a setup file asks for, looked at before anything is made."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiida_concerted.common.hints import nearest
from aiida_concerted.environment.errors import SetupError
from aiida_concerted.environment.setup.codes import look_at_code, missing_code, refuse_impossible, resolve
from aiida_concerted.environment.setup.computers import find_computer, look_at_computer, missing_computer
from aiida_concerted.environment.setup.potcars import look_at_potcars
from aiida_concerted.environment.setup.profiles import Ask, connect, load, look_at_profile
from aiida_concerted.environment.setup.step import Step
from aiida_concerted.environment.setup.wishes import CodeWish, Wishes


def plan(wishes: Wishes, ask: Ask, *, update_options: bool = False) -> list[Step]:
    """Return a step for each thing that a file asks for; nothing is made or changed.

    :param ask: returns a password; called only while a profile is made.
    :param update_options: whether codes that are there take the options of the file.
    :raises SetupError: if something could not be made.
    """
    config = configuration()
    profile = look_at_profile(config, wishes.profile, ask)
    is_there = profile.state != "missing"
    if profile.state == "differs":
        return [profile]
    if is_there:
        load(wishes.profile.name)
    codes = [_settle(code, wishes, is_there=is_there) for code in wishes.codes]
    work_dir = str(Path(configuration_folder()) / "scratch" / wishes.profile.name)
    steps = [profile]
    for computer in wishes.computers.values():
        steps.append(look_at_computer(computer, work_dir) if is_there else missing_computer(computer, work_dir))
    steps += [look_at_code(code, update_options=update_options) if is_there else missing_code(code) for code in codes]
    if wishes.potcars is not None:
        steps.append(look_at_potcars(wishes.potcars, is_profile_there=is_there))
    return steps


def carry_out(steps: list[Step], name: str) -> Iterator[tuple[Step, str | None]]:
    """Make what is missing, one thing after the other; yield each step with what was made of it, if anything.

    :param name: the profile, loaded once it is there.
    :raises SetupError: if something differs, before anything is made, or if something cannot be made.
    """
    if any(step.state == "differs" for step in steps):
        raise SetupError("the file differs from what is there: nothing was made")
    for number, step in enumerate(steps):
        made = step.make() if step.make is not None else None
        if number == 0:
            load(name)
        yield step, made if step.make is None or isinstance(made, str) else step.message


def try_connection(wishes: Wishes, ask: Ask) -> None:
    """Connect to the database server that a new profile would use, if it would use one and its password is at hand.

    :raises SetupError: if it refuses.
    """
    wish = wishes.profile
    if wish.storage == "postgresql" and wish.password_variable in os.environ:
        connect(wish, ask(wish.password_variable, f"database '{wish.connection['database']}'"))


def configuration() -> Any:
    """Return AiiDA's configuration, ``None`` where there is none yet.

    :raises SetupError: if it cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it makes a folder for its configuration
        from aiida.common.exceptions import ConfigurationError, MissingConfigurationError
        from aiida.manage.configuration import get_config

    try:
        return get_config()
    except MissingConfigurationError:
        return None
    except ConfigurationError as error:
        raise SetupError(f"AiiDA's configuration cannot be read: {' '.join(str(error).split())}") from error


def choose_profile(name: str | None) -> str | None:
    """Return the name of a profile, of the default one where none is named; ``None`` where there is no profile at all.

    :raises SetupError: if there is none of this name.
    """
    config = configuration()
    known = list(config.profile_names) if config is not None else []
    if name is None:
        default: str | None = config.default_profile_name if config is not None else None
        return default
    if name not in known:
        raise SetupError(f"there is no profile '{name}': {nearest(name, known) if known else 'see verdi profile list'}")
    return name


def configuration_folder() -> Path:
    """Return the folder of AiiDA's configuration."""
    from aiida.manage.configuration.settings import AiiDAConfigDir

    return Path(AiiDAConfigDir.get())


def _settle(code: CodeWish, wishes: Wishes, *, is_there: bool) -> CodeWish:
    """Return a code with its executable found, after seeing that its computer takes it."""
    wanted = wishes.computers.get(code.computer)
    if wanted is not None:
        transport, scheduler = wanted.transport, wanted.scheduler
    else:
        found = find_computer(code.computer) if is_there else None
        if found is None:
            known = list(wishes.computers)
            hint = nearest(code.computer, known) if known else "describe it under computers"
            raise SetupError(f"codes.{code.full_label}: there is no computer '{code.computer}': {hint}")
        transport, scheduler = found.transport_type, found.scheduler_type
    refuse_impossible(code, scheduler)
    return resolve(code) if transport == "core.local" else code
