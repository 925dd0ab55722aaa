"""The daemon of a demonstration profile: started, watched, and put right after any of its processes was killed.

AiiDA's daemon is a supervisor (circus) with a broker and workers as children. What this module adds to AiiDA's client:

* a killed supervisor leaves its children behind; they are ended before a new daemon starts, since two sets of workers
  on one queue would both run a process;
* a broker that was killed leaves a file with its process number, which AiiDA believes as long as any process has it;
* a restarted broker listens at a new address, of which running workers never hear;
* processes without a task in the broker's queue are never taken up again; they are given one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from aiida_concerted.environment.errors import SetupError
from aiida_concerted.environment.folder import PROFILE_NAME, DemoFolder
from aiida_concerted.environment.tasks import play_paused, resend, settle_interrupted_processes

if TYPE_CHECKING:
    from aiida.engine.daemon.client import DaemonClient

_STOP_TIMEOUT_S = 30.0
_LONGEST_SOCKET_FOLDER = 60  # of the 107 bytes of a socket's address, after the names that circus and AiiDA append
_ROLES = ("start-circus", "worker", "broker")


class DemoDaemon:
    """The daemon of the profile that is loaded from one demonstration folder."""

    def __init__(self, folder: DemoFolder) -> None:
        self._folder = folder
        self._client = _make_client()

    @property
    def log_file(self) -> Path:
        """Return the log of the workers."""
        return self._folder.daemon_log

    def is_running(self) -> bool:
        """Return whether the supervisor lives and answers; files that a killed one left behind do not count."""
        from aiida.engine.daemon.client import DaemonException

        if self._client.get_daemon_pid() is None or self._client._is_pid_file_stale:
            return False
        try:
            return self._client.get_status(timeout=10).get("status") == "active"
        except DaemonException:
            return False

    def ensure_running(self, workers: int = 1) -> None:
        """Start the daemon unless a healthy one runs, and take up again every process that nobody works on.

        :param workers: number of worker processes.
        :raises SetupError: if it does not start.
        """
        if self.is_running() and not self.is_deaf():
            return
        self.stop()
        lost = settle_interrupted_processes(Path(self._client._zmq_broker_service_dir) / "storage" / "tasks")
        self._start(workers)
        resend(lost)
        play_paused()

    def is_deaf(self) -> bool:
        """Return whether the broker is gone or younger than a worker, so that the two cannot hear each other."""
        processes = daemon_processes(self._folder)
        brokers = [process.create_time() for process in processes.get("broker", [])]
        workers = [process.create_time() for process in processes.get("worker", [])]
        return not brokers or any(worker < max(brokers) - 1.0 for worker in workers)

    def stop(self) -> None:
        """Stop the daemon, gently if it listens and by force if it does not, and remove what dead ones left behind."""
        from aiida.engine.daemon.client import DaemonException
        from aiida.manage import get_manager

        if self.is_running():
            with contextlib.suppress(DaemonException):
                self._client.stop_daemon(wait=True, timeout=int(_STOP_TIMEOUT_S))
        _end([process for group in daemon_processes(self._folder).values() for process in group])
        get_manager().reset_broker()
        self._remove_stale_files()

    def _start(self, workers: int) -> None:
        from aiida.engine.daemon.client import DaemonException

        try:
            self._client.start_daemon(number_workers=workers)
            _await_broker(self._client)
        except DaemonException as error:
            raise SetupError(f"AiiDA's daemon does not start ({_first_line(error)}): see {self.log_file}") from error
        self._dismiss_statistics()

    def _dismiss_statistics(self) -> None:
        """Remove the supervisor's process for statistics, which nobody asks.

        Its command line does not quote the path of the log: in a folder with a blank in its name it dies and is started
        again without end, and takes half a core with it.
        """
        from aiida.engine.daemon.client import DaemonException

        with contextlib.suppress(DaemonException):
            self._client.call_client({"command": "rm", "properties": {"name": "circusd-stats", "waiting": True}})

    def _remove_stale_files(self) -> None:
        """Remove the files by which AiiDA would take a dead broker or supervisor for a living one."""
        service = Path(self._client._zmq_broker_service_dir)
        sockets = service / "broker.sockets"
        for listing in (sockets, Path(self._client.circus_socket_file)):
            with contextlib.suppress(OSError):
                _remove_socket_folder(Path(listing.read_text(encoding="utf8").strip()))
        for file in (service / "broker.pid", service / "broker.status", sockets, Path(self._client.circus_pid_file)):
            file.unlink(missing_ok=True)


def daemon_processes(folder: DemoFolder) -> dict[str, list[psutil.Process]]:
    """Return the living processes of a folder's daemon by role, whoever their parent is now; needs no profile."""
    found: dict[str, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            role = _role(process.cmdline())
            if role and _same_configuration(process, folder):
                found.setdefault(role, []).append(process)
    return found


def end_everything(folder: DemoFolder) -> None:
    """End the folder's daemon and every engine run that it started, without asking AiiDA."""
    _end([process for group in daemon_processes(folder).values() for process in group])
    jobs = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if Path(process.cwd()).is_relative_to(folder.work) and process.pid != os.getpid():
                jobs.append(process)
    _end(jobs)


def _role(command: list[str]) -> str | None:
    if PROFILE_NAME not in command or "daemon" not in command:
        return None
    return next((role for role in _ROLES if role in command), None)


def _same_configuration(process: psutil.Process, folder: DemoFolder) -> bool:
    configured = process.environ().get("AIIDA_PATH", "")
    return configured in (str(folder.path), str(folder.configuration))


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=5)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=5)


def _remove_socket_folder(folder: Path) -> None:
    """Remove a folder of sockets; only one that holds nothing else, whatever the damaged file that named it says."""
    if folder.is_absolute() and folder.is_dir() and all(entry.is_socket() for entry in folder.iterdir()):
        shutil.rmtree(folder, ignore_errors=True)


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _await_broker(client: DaemonClient, timeout_s: float = 60.0) -> None:
    """Wait until the broker has published its address; only then can anything be submitted."""
    from aiida.engine.daemon.client import DaemonException

    sockets = Path(client._zmq_broker_service_dir) / "broker.sockets"
    deadline = time.monotonic() + timeout_s
    while not sockets.exists():
        if time.monotonic() > deadline:
            raise DaemonException(f"the broker did not start within {timeout_s:.0f} s")
        time.sleep(0.1)


def _make_client() -> DaemonClient:
    from aiida.engine.daemon import client as daemon_client
    from aiida.manage import get_manager

    class DemoDaemonClient(daemon_client.DaemonClient):
        """Starts the supervisor in an environment in which its workers start whatever the paths look like."""

        @property
        def _verdi_bin(self) -> str:
            return str(_verdi())

        @staticmethod
        def get_env() -> dict[str, str]:
            return _daemon_environment()

    profile = get_manager().get_profile()
    if profile is None:
        raise SetupError("no profile is loaded: open the demonstration's profile first")
    return DemoDaemonClient(profile)


def _daemon_environment() -> dict[str, str]:
    """Return the environment of the supervisor, which its workers and their jobs inherit.

    ``PYTHONPATH`` stays the user's own (AiiDA would pass this process's whole search path on to every job), and an
    activated environment that is not this one is forgotten, because circus would load its packages.
    """
    from aiida.manage.configuration import get_config

    environment: dict[str, Any] = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment["PATH"] = os.pathsep.join([str(_verdi().parent), os.environ.get("PATH", os.defpath)])
    environment["AIIDA_PATH"] = get_config().dirpath
    environment["PYTHONUNBUFFERED"] = "True"
    if len(tempfile.gettempdir().encode()) > _LONGEST_SOCKET_FOLDER:
        environment["TMPDIR"] = "/tmp"  # noqa: S108 - AiiDA makes private folders in it; sockets have short names only there
    return environment


def _verdi() -> Path:
    """Return a path of ``verdi`` without blanks: circus splits the workers' command line at them."""
    verdi = Path(sys.executable).parent / "verdi"
    if not verdi.exists():
        found = shutil.which("verdi")
        if found is None:
            raise SetupError(f"'verdi' is neither beside {sys.executable} nor on PATH: reinstall aiida-core")
        verdi = Path(found)
    if shlex.quote(str(verdi)) == str(verdi):
        return verdi
    return _alias(verdi)


def _alias(target: Path) -> Path:
    """Return a link to ``target`` in a private folder with a plain name, made where it is missing."""
    digest = hashlib.sha256(str(target).encode()).hexdigest()[:12]
    folder = Path("/tmp") / f"concerted-{os.getuid()}-{digest}"  # noqa: S108 - owner and mode are checked below
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise SetupError(f"{folder} belongs to somebody else: remove it")
    link = folder / target.name
    if not link.exists() or link.resolve() != target.resolve():
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    return link
