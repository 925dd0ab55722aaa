"""Computers and the codes on them, looked at through AiiDA's own transport, as its jobs will find them."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from aiida_concerted.common.executables import (
    PAIR_STYLE_SCRIPT,
    START_TIMEOUT_S,
    ExecutableError,
    judge_pair_style,
    judge_start,
)
from aiida_concerted.environment.errors import SetupError
from aiida_concerted.environment.findings import Finding, Note, look

if TYPE_CHECKING:
    from aiida.orm import Computer, InstalledCode
    from aiida.transports import Transport

_ROLES = {"concerted.deepmd.": "dp", "concerted.lammps.": "lmp", "vasp.": "vasp"}
"""The program behind a plugin, by how the plugin's name begins."""

_TELLS_ITS_VERSION = ("concerted-vasp-surrogate",)
_LISTS_OF_ONE_USER = ("core.direct", "core.slurm", "core.lsf", "core.sge")
"""Schedulers that can be asked for one user's jobs alone; a whole cluster's make a long list."""

_END = "END_OF_CONCERTED_CHECK"

Shell = Callable[[str], tuple[int, str, str]]
"""Runs lines of bash on a computer; returns status, output and errors."""


def check_computers_and_codes(
    only: Collection[str] | None = None, computers: Collection[str] = ()
) -> Iterator[Finding]:
    """Yield findings for each computer that has codes of a study, and for each of these codes.

    :param only: full labels of the codes to look at; all that are not hidden when not given.
    :param computers: labels of computers to look at, whether they have codes or not.
    """
    from aiida import orm

    codes = [code for code in _codes() if only is None or code.full_label in only]
    if not codes and only is None:
        yield look("codes", _none)
    with _runner_without_broker():
        for label in sorted({*computers, *(code.computer.label for code in codes)}):
            there = [code for code in codes if code.computer.label == label]
            yield from _check_computer(orm.load_computer(label), there)


def role_of(code: InstalledCode) -> str | None:
    """Return the program that a code stands for: ``dp``, ``lmp`` or ``vasp``; ``None`` for any other."""
    plugin = code.default_calc_job_plugin or ""
    return next((role for prefix, role in _ROLES.items() if plugin.startswith(prefix)), None)


def _codes() -> list[InstalledCode]:
    from aiida import orm

    found = orm.QueryBuilder().append([orm.InstalledCode, orm.ContainerizedCode]).all(flat=True)
    newest = {code.full_label: code for code in sorted(found, key=lambda code: code.pk)}
    return [code for _, code in sorted(newest.items()) if not code.is_hidden and role_of(code)]


@contextlib.contextmanager
def _runner_without_broker() -> Iterator[None]:
    """Let transports borrow the event loop of a runner that needs no broker.

    AiiDA's own would wait for one, and then say that the computer cannot be reached.
    """
    from aiida.manage import get_manager

    manager = get_manager()
    manager.set_runner(manager.create_runner(with_persistence=False, communicator=None))
    try:
        yield
    finally:
        manager.reset_runner()


def _none() -> str:
    raise SetupError("there is none for dp, lmp or vasp: make them by 'aiida-concerted setup CONFIG.yaml'")


def _check_computer(computer: Computer, codes: list[InstalledCode]) -> Iterator[Finding]:
    with contextlib.ExitStack() as stack:
        opened: list[Transport] = []
        yield look(f"computer {computer.label}", lambda: _open(computer, stack, opened))
        if not opened:
            return
        transport = opened[0]
        shell = partial(_run, transport)
        yield look(f"work folder of {computer.label}", lambda: _check_work_folder(computer, transport, shell))
        yield look(f"scheduler of {computer.label}", lambda: _check_scheduler(computer, transport))
        for code in codes:
            yield look(f"code {code.full_label}", partial(_check_code, code, shell))


def _open(computer: Computer, stack: contextlib.ExitStack, opened: list[Transport]) -> str:
    from aiida.common.exceptions import NotExistent
    from aiida.common.log import override_log_level

    try:
        transport = computer.get_transport()
    except NotExistent:
        raise SetupError(
            f"not configured for you: verdi computer configure {computer.transport_type} {computer.label}"
        ) from None
    try:
        with override_log_level():
            stack.enter_context(transport)
    except Exception as error:  # each transport has errors of its own
        cure = f"'ssh {_host(computer)}' must work without a password; then 'verdi computer test {computer.label}'"
        raise SetupError(f"cannot be reached ({_short(error)}): {cure}") from error
    status, out, err = _run(transport, "true")
    if status != 0 or out.strip() or err.strip():
        raise SetupError(
            f"its login shell says {(out + err).strip()[:80]!r} where nothing was asked, which AiiDA takes for "
            "answers: print only in interactive shells (~/.bashrc there)"
        )
    opened.append(transport)
    return f"{computer.hostname} is reached by {computer.transport_type}"


def _host(computer: Computer) -> str:
    return str(computer.get_configuration().get("host", computer.hostname))


def _check_work_folder(computer: Computer, transport: Transport, shell: Shell) -> str:
    folder = computer.get_workdir().format(username=transport.whoami())
    lines = f'd={shlex.quote(folder)}; while [ ! -e "$d" ]; do d=$(dirname "$d"); done; [ -d "$d" ] && [ -w "$d" ]'
    if shell(lines)[0] != 0:
        raise SetupError(f"{folder} cannot be made or written: set another one up, on a disk of yours")
    return folder


def _check_scheduler(computer: Computer, transport: Transport) -> str:
    from aiida.common.log import override_log_level

    scheduler = computer.get_scheduler()
    scheduler.set_transport(transport)
    try:
        with override_log_level():
            scheduler.get_jobs(user=transport.whoami() if computer.scheduler_type in _LISTS_OF_ONE_USER else None)
    except Exception as error:  # each scheduler has errors of its own
        cure = "install 'procps'" if computer.scheduler_type == "core.direct" else "its commands must work in a shell"
        raise SetupError(f"{computer.scheduler_type} does not answer ({_short(error)}): {cure} there") from error
    return f"{computer.scheduler_type} answers"


def _check_code(code: InstalledCode, shell: Shell) -> str:
    """Return what a code says of itself, started as a job would start it.

    :raises SetupError: if it does not start, or cannot do its work.
    """
    role, words = role_of(code), _command(code)
    prepare = "\n".join(text for text in (code.computer.get_prepend_text(), code.prepend_text) if text)
    cure = "install it there, or describe another code"
    name = str(code.filepath_executable)
    try:
        if role == "lmp":
            said = _try_pair_style(name, shell, prepare, words, cure)
        elif role == "dp" or name.endswith(_TELLS_ITS_VERSION):
            said = judge_start(name, *shell(f"{prepare}\n{_limited(words)} --version"), cure)
        else:
            return _find(name, shell, prepare, words)
    except ExecutableError as error:
        raise SetupError(str(error)) from error
    _remember(code, role)
    return f"{said} ({name})"


def _try_pair_style(name: str, shell: Shell, prepare: str, words: list[str], cure: str) -> str:
    lines = (
        f'{prepare}\nd=$(mktemp -d) && cd "$d" || exit 1\n'
        f"cat > in.lammps <<'{_END}'\n{PAIR_STYLE_SCRIPT}{_END}\n"
        f'{_limited(words)} -in in.lammps -log none; cd / && rm -rf "$d"'
    )
    _, out, err = shell(lines)
    judge_pair_style(name, out + err, cure)
    version = next((line.strip() for line in out.splitlines() if line.startswith("LAMMPS")), "LAMMPS")
    return f"{version}, knows pair_style deepmd"


def _find(name: str, shell: Shell, prepare: str, words: list[str]) -> str:
    """Look for a program that cannot be asked for its version, and for one in a container no further than that."""
    status, out, err = shell(f"{prepare}\ncommand -v {shlex.quote(words[0])}")
    if status != 0:
        raise SetupError(f"{words[0]} is not there or may not be executed ({_last(err)}): give another path")
    raise Note(
        f"{out.strip().splitlines()[-1] if out.strip() else name} is there; VASP cannot be asked for its version"
    )


def _command(code: InstalledCode) -> list[str]:
    """Return the words that start a code, container and all."""
    engine = getattr(code, "engine_command", None)
    before = shlex.split(engine.format(image_name=code.image_name)) if engine else []  # type: ignore[attr-defined]
    return [*before, str(code.filepath_executable)]


def _limited(words: list[str]) -> str:
    """Return a command on one thread, since login nodes are shared, that ends at last."""
    return f"OMP_NUM_THREADS=1 TF_CPP_MIN_LOG_LEVEL=2 timeout {START_TIMEOUT_S} {shlex.join(words)}"


def _remember(code: InstalledCode, role: str | None) -> None:
    """Spare a study on this machine from starting the code again to find out."""
    from aiida.orm import ContainerizedCode

    from aiida_concerted.workflows.executables import LOCAL, remember_code

    is_here = code.computer.transport_type == LOCAL and code.filepath_executable.is_absolute()
    if role is not None and is_here and not isinstance(code, ContainerizedCode):
        remember_code(code, role)


def _run(transport: Any, lines: str) -> tuple[int, str, str]:
    from aiida.common.log import override_log_level

    try:
        with override_log_level():
            status, out, err = transport.exec_command_wait(lines)
    except Exception as error:  # each transport has errors of its own
        raise SetupError(f"the connection broke off ({_short(error)}): try again") from error
    return int(status), str(out), str(err)


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines or ["it says nothing"])[-1][:200]


def _short(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
