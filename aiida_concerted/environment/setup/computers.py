"""Computers: found, compared with what is wanted, made and configured."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from aiida_concerted.environment.setup.step import Step, describe_differences
from aiida_concerted.environment.setup.wishes import ComputerWish

if TYPE_CHECKING:
    from aiida.orm import Computer

_LOCAL_INTERVALS = {"poll_interval_s": 1.0, "safe_interval": 0.0}
"""Waiting times in s that spare a login node and would only slow down this machine; as ``verdi presto`` has them."""


def find_computer(label: str) -> Computer | None:
    """Return the computer of a label in the loaded profile."""
    from aiida import orm

    found: Computer | None = orm.QueryBuilder().append(orm.Computer, filters={"label": label}).first(flat=True)
    return found


def look_at_computer(wish: ComputerWish, work_dir: str) -> Step:
    """Return whether a computer is there, and what would make it.

    What the file does not say of a computer that is there is left to whoever made it.

    :param work_dir: folder for jobs where the file names none.
    """
    computer = find_computer(wish.label)
    if computer is None:
        return missing_computer(wish, work_dir)
    subject = f"computer {wish.label}"
    differences = describe_differences(_pairs(computer, wish))
    if differences:
        return Step(subject, "differs", f"{differences}: take the file's key back, or describe it under another label")
    if not _is_configured(computer):
        return Step(subject, "unfinished", f"{_describe(wish)}; configured now", lambda: configure(computer, wish))
    return Step(subject, "agrees", _describe(wish))


def missing_computer(wish: ComputerWish, work_dir: str) -> Step:
    """Return the step that makes a computer."""
    return Step(f"computer {wish.label}", "missing", _describe(wish), lambda: make_computer(wish, work_dir))


def make_computer(wish: ComputerWish, work_dir: str) -> Computer:
    """Make a computer and configure it for the profile's user.

    :param work_dir: folder for jobs where the wish names none.
    """
    from aiida import orm

    said = wish.settings
    computer = orm.Computer(
        label=wish.label,
        hostname=wish.hostname,
        description=said.get("description", ""),
        transport_type=wish.transport,
        scheduler_type=wish.scheduler,
        workdir=said.get("work_dir", work_dir),
    )
    poll_interval = said.get("poll_interval_s", _LOCAL_INTERVALS["poll_interval_s"] if wish.is_local else None)
    if poll_interval is not None:
        computer.set_minimum_job_poll_interval(float(poll_interval))
    computer.set_mpirun_command(shlex.split(said.get("mpirun", "mpirun -np {tot_num_mpiprocs}")))
    mpiprocs = said.get("mpiprocs", 1 if wish.is_local else None)
    if mpiprocs is not None:
        computer.set_default_mpiprocs_per_machine(mpiprocs)
    computer.set_prepend_text(said.get("prepend_text", "").strip())
    computer.set_append_text(said.get("append_text", "").strip())
    computer.store()
    configure(computer, wish)
    return computer


def configure(computer: Computer, wish: ComputerWish) -> None:
    """Give a computer the parameters of its connection."""
    computer.configure(**{**_local_defaults(wish), **wish.authentication})


def _local_defaults(wish: ComputerWish) -> dict[str, Any]:
    """Return how this machine is reached where the file says nothing of it.

    Where jobs are processes of this machine they have the environment of the daemon. A login shell reads the user's
    profile each time that somebody looks for jobs, once a second, and the worker does nothing else meanwhile. Where
    modules are loaded it is kept: often the profile alone defines ``module``.
    """
    if not wish.is_local:
        return {}
    shell = {"use_login_shell": False} if wish.scheduler == "core.direct" and not wish.has_modules else {}
    return {"safe_interval": _LOCAL_INTERVALS["safe_interval"], **shell}


def _is_configured(computer: Computer) -> bool:
    """Return whether the profile's user can reach a computer; a profile that is being made has no user yet."""
    from aiida import orm

    return orm.User.collection.get_default() is not None and computer.is_configured


def _describe(wish: ComputerWish) -> str:
    return f"{wish.hostname}, {wish.transport}, {wish.scheduler}"


def _pairs(computer: Computer, wish: ComputerWish) -> list[tuple[str, Any, Any]]:
    said = wish.settings
    pairs: list[tuple[str, Any, Any]] = [
        ("hostname", computer.hostname, wish.hostname),
        ("transport", computer.transport_type, wish.transport),
        ("scheduler", computer.scheduler_type, wish.scheduler),
    ]
    found = {
        "work_dir": computer.get_workdir(),
        "mpirun": " ".join(computer.get_mpirun_command()),
        "mpiprocs": computer.get_default_mpiprocs_per_machine(),
        "prepend_text": computer.get_prepend_text().strip(),
        "append_text": computer.get_append_text().strip(),
        "poll_interval_s": computer.get_minimum_job_poll_interval(),
    }
    for key, there in found.items():
        if key in said:
            wanted = said[key].strip() if isinstance(said[key], str) else said[key]
            pairs.append((key, there, wanted))
    if _is_configured(computer):
        known = computer.get_configuration()
        pairs += [(name, known[name], wanted) for name, wanted in wish.authentication.items() if name in known]
    return pairs
