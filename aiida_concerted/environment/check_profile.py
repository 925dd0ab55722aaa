"""The parts of any profile: storage, broker, daemon and POTCARs."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_concerted.environment.check_codes import check_computers_and_codes
from aiida_concerted.environment.errors import SetupError
from aiida_concerted.environment.findings import Finding, Note, look
from aiida_concerted.environment.setup.profiles import load
from aiida_concerted.environment.sqlite import journal_mode

if TYPE_CHECKING:
    from aiida.manage.configuration.profile import Profile


def check_profile(
    name: str,
    *,
    elements: Collection[str] = (),
    family: str | None = None,
    codes: Collection[str] | None = None,
    computers: Collection[str] = (),
) -> Iterator[Finding]:
    """Yield a finding for each part of a profile.

    :param elements: those that the POTCARs must be there for.
    :param family: POTCAR family to look at; every one when not given.
    :param codes: full labels of the codes to look at; all when not given.
    :param computers: labels of computers to look at even without codes.
    """
    found: list[Profile] = []

    def open_it() -> str:
        found.append(load(name))
        return f"{name} opens, its storage is of this version of AiiDA ({found[0].storage_backend})"

    yield look("profile", open_it)
    if not found:
        return
    if found[0].storage_backend == "core.sqlite_dos":
        database = Path(found[0].storage_config["filepath"]) / "database.sqlite"
        yield look("database", lambda: check_journal(database))
    yield look("broker", lambda: _check_broker(found[0]))
    if found[0].process_control_backend is not None:
        yield look("daemon", lambda: _check_daemon(name))
    yield from check_computers_and_codes(codes, computers)
    yield from _check_potcars(elements, family)


def check_journal(database: Path) -> str:
    """Return how SQLite keeps its journal.

    :raises Note: if a slow reader can make the daemon wait.
    """
    mode = journal_mode(database)
    if mode != "wal":
        cure = f"sqlite3 {shlex.quote(str(database))} 'PRAGMA journal_mode=WAL'"
        raise Note(f"journal mode '{mode}' stalls behind slow readers: {cure}")
    return "write-ahead logging"


def _check_broker(profile: Profile) -> str:
    from aiida.manage import get_manager

    kind = profile.process_control_backend
    if kind is None:
        raise Note("none, hence no daemon: studies run in the terminal, without --submit")
    broker = get_manager().get_broker()
    if broker is not None and broker.check_service_reachable():
        return f"{kind} answers"
    if kind == "core.zeromq":
        raise SetupError(
            f"core.zeromq is not running: it comes with the daemon, 'verdi -p {profile.name} daemon start'"
        )
    raise SetupError(f"{kind} does not answer: start RabbitMQ, or see 'verdi profile configure-broker --help'")


def _check_daemon(name: str) -> str:
    from aiida.engine.daemon.client import DaemonException, get_daemon_client

    client: Any = get_daemon_client(name)
    try:
        client.get_status()
        workers = client.get_number_of_workers()
    except DaemonException as error:
        raise SetupError(f"not running: verdi -p {name} daemon start") from error
    if not workers:
        raise SetupError(f"has no workers: verdi -p {name} daemon incr 1")
    drift = _drift(client._get_daemon_env_info())
    if drift is not None:
        raise SetupError(f"{drift}: verdi -p {name} daemon restart")
    return f"running, {workers} worker{'s' if workers > 1 else ''}"


def _drift(begun: Any) -> str | None:
    """Return how the daemon's packages differ from those installed now, ``None`` where they do not.

    AiiDA's own comparison takes ``python`` and ``python3`` of one environment for two.

    :param begun: what the daemon noted when it began; ``None`` where it did not.
    """
    from aiida.cmdline.utils.daemon import validate_package_versions

    if begun is None:
        return None
    if Path(begun["python_binary"]).parent != Path(sys.executable).parent:
        return f"runs in another environment, that of {begun['python_binary']}"
    said = validate_package_versions(begun)
    return None if said is None else f"runs packages as they were when it began ({said.splitlines()[-1]})"


def _check_potcars(elements: Collection[str], family: str | None) -> Iterator[Finding]:
    from aiida_concerted.environment.setup.potcars import families

    names = [family] if family is not None else families()
    if not names:
        yield look("POTCARs", _no_family)
    for name in names:
        yield look(f"POTCAR family {name}", lambda name=name: _check_family(name, elements))  # type: ignore[misc]


def _no_family() -> str:
    raise Note("no family: upload one before VASP runs, by 'aiida-concerted setup' or 'aiida-vasp potcar uploadfamily'")


def _check_family(name: str, elements: Collection[str]) -> str:
    from aiida_concerted.environment.setup.potcars import hashes_of, missing_for

    count = len(hashes_of(name))
    if not count:
        raise SetupError(
            "is not there, or empty: upload it by 'aiida-concerted setup' or 'aiida-vasp potcar uploadfamily'"
        )
    missing = missing_for(name, elements) if elements else []
    if missing:
        raise SetupError(f"lacks {', '.join(missing)}: upload a whole family, or name others in potcars.mapping")
    return f"{count} POTCARs" + (f", those for {', '.join(elements)} among them" if elements else "")
