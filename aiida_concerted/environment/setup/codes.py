"""Codes: found by label and computer, compared with what is wanted, made."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_concerted.common.executables import ExecutableError, refuse_missing
from aiida_concerted.common.hints import nearest
from aiida_concerted.environment.errors import SetupError
from aiida_concerted.environment.setup.step import Step, describe_differences
from aiida_concerted.environment.setup.wishes import CodeWish

if TYPE_CHECKING:
    from aiida.orm import Computer, InstalledCode


def find_codes(label: str, computer: str) -> list[InstalledCode]:
    """Return the codes of a label on a computer of the loaded profile, the newest first."""
    from aiida import orm

    query = orm.QueryBuilder().append(orm.Computer, filters={"label": computer}, tag="computer")
    kinds: list[Any] = [orm.InstalledCode, orm.ContainerizedCode]
    query.append(kinds, with_computer="computer", filters={"label": label}, tag="code")
    query.order_by({"code": {"id": "desc"}})
    found: list[InstalledCode] = query.all(flat=True)
    return found


def look_at_code(wish: CodeWish, *, update_options: bool = False) -> Step:
    """Return whether a code is there, and what would make it; of one that is there only the options can change.

    :param update_options: whether they may.
    """
    subject, found = f"code {wish.full_label}", find_codes(wish.label, wish.computer)
    if not found:
        return missing_code(wish)
    fitting = [code for code in found if not code_differences(code, wish)]
    if not fitting:
        difference = code_differences(found[0], wish)
        cure = f"a code cannot change; name the new one '{_free_label(wish)}@{wish.computer}'"
        return Step(subject, "differs", f"{difference}: {cure}")
    difference = _option_differences(fitting[0], wish)
    if not difference:
        return Step(subject, "agrees", _describe(wish))
    if not update_options:
        return Step(subject, "differs", f"{difference}: --update-options takes the file's")
    return Step(subject, "unfinished", f"{difference}: the file's now", lambda: _update(fitting[0], wish))


def missing_code(wish: CodeWish) -> Step:
    """Return the step that makes a code."""

    def make() -> InstalledCode:
        from aiida import orm

        return make_code(wish, orm.load_computer(wish.computer))

    return Step(f"code {wish.full_label}", "missing", _describe(wish), make)


def code_differences(code: InstalledCode, wish: CodeWish) -> str:
    """Return how a code differs from what is wanted in what can never change, an empty text where it does not."""
    pairs: list[tuple[str, Any, Any]] = [
        ("executable", str(code.filepath_executable), wish.executable),
        ("plugin", code.default_calc_job_plugin, wish.plugin),
        ("prepend_text", code.prepend_text.strip(), wish.prepend_text),
        ("append_text", code.append_text.strip(), wish.append_text),
        ("container.image", getattr(code, "image_name", None), wish.image),
        ("container.command", getattr(code, "engine_command", None), wish.engine_command),
    ]
    if wish.with_mpi is not None:
        pairs.append(("with_mpi", code.with_mpi, wish.with_mpi))
    return describe_differences(pairs)


def _option_differences(code: InstalledCode, wish: CodeWish) -> str:
    from aiida_concerted.workflows.options import code_options

    there = code_options(code)
    return describe_differences(
        (f"options.{key}", there.get(key), wish.options.get(key)) for key in sorted({*there, *wish.options})
    )


def _update(code: InstalledCode, wish: CodeWish) -> None:
    from aiida_concerted.workflows.options import remember_options

    remember_options(code, wish.options)


def make_code(wish: CodeWish, computer: Computer) -> InstalledCode:
    """Make a code, at once with the scheduler options that its jobs start from."""
    from aiida import orm

    from aiida_concerted.workflows.options import remember_options

    said: dict[str, Any] = {
        "label": wish.label,
        "description": wish.description,
        "computer": computer,
        "filepath_executable": wish.executable,
        "default_calc_job_plugin": wish.plugin,
        "prepend_text": wish.prepend_text,
        "append_text": wish.append_text,
        "with_mpi": wish.with_mpi,
    }
    code: InstalledCode
    if wish.image is not None:
        code = orm.ContainerizedCode(engine_command=wish.engine_command, image_name=wish.image, **said)
    else:
        code = orm.InstalledCode(**said)
    remember_options(code, wish.options)
    code.store()
    return code


def resolve(wish: CodeWish) -> CodeWish:
    """Return the wish of a code of this machine with the path of its executable.

    A job runs in a shell of its own, which need not know what this one does: a bare name becomes the file beside this
    interpreter, or the first on PATH. Names that a container, a module or other lines make known stay.

    :raises SetupError: if there is no such file, or it may not be executed.
    """
    if wish.image is not None:
        return wish
    name, where = wish.executable, f"codes.{wish.full_label}.executable"
    if name.startswith("/"):
        try:
            refuse_missing(Path(name), "give the path of the program itself")
        except ExecutableError as error:
            raise SetupError(f"{where}: {error}") from error
        return wish
    if wish.prepend_text:
        return wish
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise SetupError(f"{where}: '{name}' is neither beside {sys.executable} nor on PATH: give its absolute path")
    return replace(wish, executable=found)


def refuse_impossible(wish: CodeWish, scheduler: str) -> None:
    """Refuse a code that no job could be made of.

    :param scheduler: entry point of its computer's scheduler.
    :raises SetupError: if its calculation does not exist, or the scheduler does not take its options.
    """
    from aiida.plugins import SchedulerFactory
    from aiida.plugins.entry_point import get_entry_point_names

    from aiida_concerted.workflows.options import ONE_PROCESS, ONE_PROCESS_OF, PLUGINS, knows_gpus

    where = f"codes.{wish.full_label}"
    known = get_entry_point_names("aiida.calculations")
    if wish.plugin not in known:
        near = nearest(wish.plugin, known)
        hint = near if near.startswith("did") else "see 'verdi plugin list aiida.calculations'"
        raise SetupError(f"{where}: there is no plugin '{wish.plugin}': {hint}")
    if wish.options.get("gpus") and not knows_gpus(scheduler):
        cure = f"use {PLUGINS[scheduler]}" if scheduler in PLUGINS else "write options.custom_scheduler_commands"
        raise SetupError(f"{where}: {scheduler} is not known to take gpus: {cure}")
    resources = {**ONE_PROCESS_OF.get(scheduler, ONE_PROCESS), **wish.options.get("resources", {})}
    try:
        SchedulerFactory(scheduler).job_resource_class.validate_resources(**resources)
    except (TypeError, ValueError) as error:
        raise SetupError(f"{where}: {scheduler} refuses options.resources: {' '.join(str(error).split())}") from error


def _describe(wish: CodeWish) -> str:
    inside = f" in {wish.image}" if wish.image is not None else ""
    return f"{wish.plugin}, {wish.executable}{inside}"


def _free_label(wish: CodeWish) -> str:
    number = 2
    while find_codes(f"{wish.label}-{number}", wish.computer):
        number += 1
    return f"{wish.label}-{number}"
