"""The course of a demonstration: prepare, submit or find, watch, conclude; interruptible at every point."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from aiida_concerted.cli.progress import StudyDisplay, title_of
from aiida_concerted.environment.build import DEFAULT_PROTOCOL, DEFAULT_SEED, build_demo_study
from aiida_concerted.environment.errors import SetupError
from aiida_concerted.environment.folder import DEFAULT_FOLDER, PROFILE_NAME, DemoFolder
from aiida_concerted.environment.logs import send_logs_to_file

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.orm import InstalledCode, ProcessNode

    from aiida_concerted.environment.processes import ProcessSummary

    Build = Callable[[Mapping[str, InstalledCode], Mapping[str, Any]], ProcessBuilder]

_POLL_S = 2.0
_USERS_PATH = os.environ.get("PATH")  # before a folder is activated


class Demonstration:
    """One start of the demonstration in one folder.

    :param place: the folder.
    :param chosen: the settings that the user named, ``protocol`` or ``seed``.
    :param workers: number of daemon workers.
    :param build: makes the builder of the study.
    """

    def __init__(
        self, place: DemoFolder, chosen: dict[str, Any], workers: int, build: Build = build_demo_study
    ) -> None:
        self._place = place
        self._chosen = chosen
        self._workers = workers
        self._build = build
        self._console = Console(highlight=False)

    def run(self, *, restart: bool = False) -> int:
        """Run, or go on, to the end; return the exit status.

        :raises SetupError: if something is missing, or the study failed.
        :raises KeyboardInterrupt: if the user or the system stops the command.
        """
        with _signals_interrupt():
            try:
                return self._run(restart)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(
                    f"Interrupted. '{self._command()}' goes on from here; engine runs already begun are kept."
                ) from None

    def _run(self, restart: bool) -> int:
        if restart and self._place.path.exists():
            _wipe(self._place)
        self._place.create()
        with self._place.lock():
            return self._follow()

    def _follow(self) -> int:
        from aiida_concerted.environment.profile import prepare_profile
        from aiida_concerted.environment.study import compare_settings, find_study

        compare_settings(self._place, self._chosen)
        with self._step("Preparing the profile"):
            prepare_profile(self._place)
            study = find_study(self._place)
        if study is None or not study.is_terminated:
            study = self._bring_to_end()
        else:
            self._console.print(f"Study <{study.pk}> of this folder has ended before; --restart begins anew.")
        return self._conclude(study)

    def _bring_to_end(self) -> ProcessNode:
        from aiida_concerted.environment.daemon import DemoDaemon
        from aiida_concerted.environment.study import submit_study

        codes = self._prepare_codes()
        daemon = DemoDaemon(self._place)
        settings = {"protocol": DEFAULT_PROTOCOL, "seed": DEFAULT_SEED, **self._chosen}
        try:
            with self._step("Starting the daemon"):
                daemon.ensure_running(self._workers)
                study, is_new = submit_study(self._place, lambda: self._build(codes, settings), settings)
                send_logs_to_file(self._place.log_file)
            self._console.print(
                f"Study <{study.pk}> {'begins' if is_new else 'goes on'}; logs: {daemon.log_file}", soft_wrap=True
            )
            self._watch(study, daemon)
        finally:
            daemon.stop()
        return study

    def _prepare_codes(self) -> dict[str, InstalledCode]:
        from aiida_concerted.environment.codes import prepare_codes, prepare_potcars
        from aiida_concerted.environment.engines import check_engines
        from aiida_concerted.environment.profile import prepare_computer

        with self._step("Checking the engines"):
            executables = check_engines(self._place.checks)
        with self._step("Registering codes and placeholder POTCARs"):
            codes = prepare_codes(prepare_computer(self._place), executables)
            prepare_potcars()
        return codes

    def _watch(self, study: ProcessNode, daemon: Any) -> None:
        from aiida_concerted.environment.processes import read_process_tree
        from aiida_concerted.environment.watchdog import Watchdog

        watchdog = Watchdog(daemon, self._workers)
        footer = f"Ctrl-C stops; the same command goes on.  Log: {daemon.log_file}"
        with StudyDisplay(self._console, footer) as display:
            while True:
                tree = read_process_tree(study.uuid)
                display.update(tree)
                if tree.has_ended:
                    return
                watchdog.look(tree)
                time.sleep(_POLL_S)

    def _conclude(self, study: ProcessNode) -> int:
        from aiida_concerted.environment.processes import read_process_tree

        tree = read_process_tree(study.uuid)
        warning = _warning_of(study)
        if not tree.is_ok and warning is None:
            raise SetupError(describe_failure(tree, self._place, self._command()))
        self._write_products(study)
        from aiida_concerted.report import print_summary

        print_summary(study, self._console)
        self._print_places()
        if warning is not None and not _lost_its_framework(study):
            look_closer = verdi_line(self._place, f"process report {study.pk}")
            raise SetupError(f"the study ended with gaps: {warning} Look closer: {look_closer}")
        return 0

    def _write_products(self, study: ProcessNode) -> None:
        from aiida_concerted.environment.archive import archive_study
        from aiida_concerted.environment.graph import draw_provenance
        from aiida_concerted.report import write_report

        products: list[tuple[str, Path, Callable[[ProcessNode, Path], None]]] = [
            ("report", self._place.report, write_report),
            ("archive", self._place.archive, archive_study),
            ("provenance graph", self._place.graph, draw_provenance),
        ]
        for name, path, write in products:
            if not path.exists():
                with self._step(f"Writing the {name}"):
                    write(study, path)

    def _print_places(self) -> None:
        lines = [
            ("Done. Report", str(self._place.report)),
            ("Archive", str(self._place.archive)),
            ("Provenance", str(self._place.graph)),
            ("Processes", verdi_line(self._place, "process list -a")),
        ]
        for name, value in lines:
            self._console.print(f"{name + ':':<14}{value}", soft_wrap=True, markup=False)

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        """Show what is being done while it lasts, on a terminal only."""
        if self._console.is_terminal:
            with self._console.status(f"{what} …"):
                yield
        else:
            yield

    def _command(self) -> str:
        folder = (
            "" if self._place.path == DEFAULT_FOLDER.resolve() else f" --folder {shlex.quote(str(self._place.path))}"
        )
        return f"aiida-concerted demo{folder}"


def stop_daemon(place: DemoFolder) -> None:
    """Stop the daemon of a demonstration whose command was killed.

    :raises SetupError: if there is no demonstration, or a command is at work in it.
    """
    from aiida_concerted.environment.daemon import DemoDaemon
    from aiida_concerted.environment.profile import load_profile

    place.require()
    with place.lock():
        load_profile(place)
        DemoDaemon(place).stop()


def verdi_line(place: DemoFolder, arguments: str) -> str:
    """Return a line for the user's shell that reaches the demonstration's profile by ``verdi``."""
    beside = Path(sys.executable).parent / "verdi"
    found = shutil.which("verdi", path=_USERS_PATH)
    verdi = "verdi" if found is not None and Path(found) == beside else shlex.quote(str(beside))
    return f"AIIDA_PATH={shlex.quote(str(place.path))} {verdi} -p {PROFILE_NAME} {arguments}"


def describe_failure(tree: ProcessSummary, place: DemoFolder, command: str) -> str:
    """Return the line that says which step of a study failed, why, and what to do."""
    step = tree.root_of_failure()
    if step.exit_status is not None:
        reason = f"exit status {step.exit_status}, {step.exit_message or 'no message'}"
    else:
        reason = (step.exception or step.state).strip().splitlines()[-1]
    report = verdi_line(place, f"process report {step.pk}")
    return (
        f"the study failed at '{title_of(step)}' ({step.process_label} <{step.pk}>): {reason.rstrip('.')}. "
        f"Look closer: {report} (daemon's log: {place.daemon_log}). Begin anew: {command} --restart"
    )


def _warning_of(study: ProcessNode) -> str | None:
    """Return the message of an exit code that says that the study is done with gaps."""
    for label, code in study.process_class.spec().exit_codes.items():
        if code.status == study.exit_status and label.startswith("WARNING_"):
            return str(study.exit_message)
    return None


def _lost_its_framework(study: ProcessNode) -> bool:
    """Return whether all ran to its end, and the hottest runs melted: a result, which the summary warns of."""
    codes = study.process_class.spec().exit_codes
    return "WARNING_FRAMEWORK_LOST" in codes and study.exit_status == codes["WARNING_FRAMEWORK_LOST"].status


def _wipe(place: DemoFolder) -> None:
    from aiida_concerted.environment.daemon import end_everything

    if not any(place.path.iterdir()):
        return
    place.require()
    with place.lock():
        end_everything(place)
        place.clear()


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Let a terminal that closes, and a polite kill, end the command as Ctrl-C does."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signals = (signal.SIGTERM, signal.SIGHUP)
    earlier = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
