"""The folder that holds a demonstration: its profile, its work, its results and nothing of anybody else's.

Nothing here imports AiiDA, because importing AiiDA makes a configuration folder wherever ``AIIDA_PATH`` points at that
moment: :meth:`DemoFolder.activate` comes first, the import of AiiDA afterwards.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiida_concerted.common.files import write_at_once
from aiida_concerted.environment.errors import SetupError

PROFILE_NAME = "concerted-demo"
DEFAULT_FOLDER = Path("concerted-demo")
_SCHEMA = "aiida-concerted/demo/1"
_FORBIDDEN = {
    ":": "AIIDA_PATH is a list separated by colons",
    "?": "the address of an SQLite file ends at a question mark",
    "\n": "a path is one line",
}


def write_json_atomically(path: Path, content: dict[str, Any]) -> None:
    """Write ``content`` so that a reader, or the next start after a power cut, sees either the old file or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_at_once(path, json.dumps(content, indent=2))


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in ``path``, or ``None`` where there is no whole one."""
    try:
        content = json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


@dataclass(frozen=True)
class DemoFolder:
    """The paths of one demonstration folder and the rules for touching it."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> DemoFolder:
        """Return the folder at ``path`` without touching it.

        :raises SetupError: if the path holds a character that AiiDA's configuration cannot express.
        """
        absolute = path.expanduser().resolve()
        for character, reason in _FORBIDDEN.items():
            if character in str(absolute):
                raise SetupError(
                    f"the folder {str(absolute)!r} cannot be used because {reason}: choose another --folder"
                )
        return cls(absolute)

    @property
    def marker(self) -> Path:
        """Return the file that says that this folder is ours."""
        return self.path / ".concerted-demo.json"

    @property
    def configuration(self) -> Path:
        """Return AiiDA's configuration folder."""
        return self.path / ".aiida"

    @property
    def storage(self) -> Path:
        """Return the folder of the profile's database and file repository."""
        return self.configuration / "repository" / PROFILE_NAME

    @property
    def database(self) -> Path:
        """Return the profile's SQLite file."""
        return self.storage / "database.sqlite"

    @property
    def work(self) -> Path:
        """Return the folder in which the engines run."""
        return self.path / "work"

    @property
    def logs(self) -> Path:
        """Return the folder of the command's own log."""
        return self.path / "logs"

    @property
    def log_file(self) -> Path:
        """Return the log of the command: warnings, tracebacks, the engine's chatter."""
        return self.logs / "demo.log"

    @property
    def daemon_log(self) -> Path:
        """Return the log of the daemon's workers."""
        return self.configuration / "daemon" / "log" / f"aiida-{PROFILE_NAME}.log"

    @property
    def study_file(self) -> Path:
        """Return the file that remembers which study was submitted."""
        return self.path / "study.json"

    @property
    def report(self) -> Path:
        """Return the path of the HTML report."""
        return self.path / "report.html"

    @property
    def archive(self) -> Path:
        """Return the path of the archive."""
        return self.path / "lgps-demo.aiida"

    @property
    def graph(self) -> Path:
        """Return the path of the picture of the provenance graph."""
        return self.path / "provenance.svg"

    @property
    def checks(self) -> Path:
        """Return the file that remembers which executables were found to work."""
        return self.path / "checks.json"

    @property
    def is_ours(self) -> bool:
        """Return whether a demonstration was begun here."""
        return (read_json(self.marker) or {}).get("schema") == _SCHEMA

    def create(self) -> None:
        """Make the folder, or accept one that an earlier start made; logs and work come with it.

        :raises SetupError: if there is a folder with other contents, or it cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not self.is_ours:
                self._claim()
            for folder in (self.configuration, self.work, self.logs):
                folder.mkdir(exist_ok=True)
        except OSError as error:
            raise SetupError(f"cannot write to {self.path} ({error.strerror}): choose another --folder") from error

    def _claim(self) -> None:
        foreign = [entry.name for entry in self.path.iterdir() if not entry.name.startswith(self.marker.name[:15])]
        if foreign and not self.marker.exists():
            raise SetupError(
                f"{self.path} exists and holds other files ('{sorted(foreign)[0]}'): choose a new or empty --folder"
            )
        write_json_atomically(self.marker, {"schema": _SCHEMA})

    def require(self) -> None:
        """Refuse a folder without a demonstration.

        :raises SetupError: if none was begun here.
        """
        if not self.is_ours:
            raise SetupError(f"there is no demonstration in {self.path}: start one with 'aiida-concerted demo'")

    def activate(self) -> None:
        """Point this process, and everything it starts, at the folder's own AiiDA configuration.

        :raises SetupError: if AiiDA was already imported for another configuration.
        """
        os.environ["AIIDA_PATH"] = str(self.path)
        binaries = str(Path(sys.executable).parent)
        search_path = os.environ.get("PATH", os.defpath)
        if search_path.split(os.pathsep)[0] != binaries:
            os.environ["PATH"] = os.pathsep.join([binaries, search_path])
        settings = sys.modules.get("aiida.manage.configuration.settings")
        if settings is not None and settings.AiiDAConfigDir.get() != self.configuration:
            raise SetupError(f"AiiDA is already in use with {settings.AiiDAConfigDir.get()}: start a new interpreter")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep every other command that changes this folder out; the kernel gives the lock back when its holder dies.

        :raises SetupError: if another command holds it.
        """
        holder = self.path / ".concerted-demo.lock"
        with holder.open("a+", encoding="utf8") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                stream.seek(0)
                process = stream.read().strip() or "unknown"
                raise SetupError(
                    f"another command (process {process}) is at work in {self.path}: wait for it or stop it"
                ) from error
            stream.truncate(0)
            stream.write(str(os.getpid()))
            stream.flush()
            yield

    def clear(self) -> None:
        """Remove what a demonstration made here; the marker and files of other origin stay.

        What the next start looks at goes first, so that a removal cut short is begun anew rather than continued.

        :raises SetupError: if the folder is not ours.
        """
        self.require()
        for file in (self.configuration / "config.json", self.study_file, self.report, self.archive, self.graph):
            file.unlink(missing_ok=True)
        for folder in (self.configuration, self.work, self.logs):
            _remove_tree(folder)
        self.checks.unlink(missing_ok=True)


def _remove_tree(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
