"""The options by which a command finds its profile, and how they are followed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from aiida_concerted.environment.errors import SetupError
from aiida_concerted.environment.folder import DEFAULT_FOLDER, DemoFolder

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

_F = TypeVar("_F", bound=Callable[..., Any])


def profile_options(command: _F) -> _F:
    """Return the command with ``--folder`` and ``--profile``."""
    folder = click.option(
        "--folder", type=click.Path(path_type=Path, file_okay=False), help="Folder of a demonstration."
    )
    profile = click.option("-p", "--profile", help="AiiDA profile, if not the default one.")
    return folder(profile(command))


def open_profile(folder: Path | None, profile: str | None) -> DemoFolder | None:
    """Load the profile that the options name; return the demonstration's folder if it is one's.

    Without options this is the demonstration in the current folder, where there is one and ``AIIDA_PATH`` says nothing
    else; otherwise AiiDA's default profile.

    :raises SetupError: if both are given or the profile cannot be loaded.
    """
    if folder is not None and profile is not None:
        raise SetupError("--folder and --profile exclude each other: give one")
    here = DemoFolder.at(folder or DEFAULT_FOLDER)
    if folder is not None or (profile is None and "AIIDA_PATH" not in os.environ and here.is_ours):
        from aiida_concerted.environment.profile import load_profile

        load_profile(here)
        return here
    _load_users_profile(profile)
    return None


def load_study(pk: int | None, folder: DemoFolder | None) -> ProcessNode:
    """Return the process of this key, or the study of the folder.

    :raises SetupError: if there is none.
    """
    if pk is not None:
        from aiida.common.exceptions import NotExistent
        from aiida.orm import ProcessNode, load_node

        try:
            node = load_node(pk)
        except NotExistent as error:
            raise SetupError(f"there is no node {pk} in this profile: see 'verdi process list -a'") from error
        if not isinstance(node, ProcessNode):
            raise SetupError(f"node {pk} is a {type(node).__name__}, not a process: see 'verdi process list -a'")
        return node
    if folder is None:
        raise SetupError("no process given: name its PK, or a demonstration by --folder")
    from aiida_concerted.environment.study import find_study

    study = find_study(folder)
    if study is None:
        raise SetupError(f"no study was submitted in {folder.path} yet: start it with 'aiida-concerted demo'")
    return study


def _load_users_profile(profile: str | None) -> None:
    if "AIIDA_PATH" not in os.environ and not Path("~/.aiida").expanduser().is_dir():
        raise SetupError(
            "there is no AiiDA profile here: name a demonstration by --folder, or make one by 'aiida-concerted setup'"
        )
    from aiida import load_profile
    from aiida.common.exceptions import ConfigurationError

    try:
        load_profile(profile)
    except ConfigurationError as error:
        raise SetupError(f"{error}: see 'verdi profile list', or name a demonstration by --folder") from error
