"""Keeping a running study alive: a daemon that died is started again, a paused process is set going."""

from __future__ import annotations

import logging
import time

from aiida_concerted.environment.daemon import DemoDaemon
from aiida_concerted.environment.processes import ProcessSummary
from aiida_concerted.environment.tasks import play_paused

_LOOK_INTERVAL_S = 10.0
_PLAY_INTERVAL_S = 60.0
_STRIKES = 2  # the supervisor itself replaces a dead worker or broker within seconds, which is no reason to interfere
_LOGGER = logging.getLogger(__name__)


class Watchdog:
    """Looks after the daemon of one study while a command waits for it."""

    def __init__(self, daemon: DemoDaemon, workers: int) -> None:
        self._daemon = daemon
        self._workers = workers
        self._strikes = 0
        self._last_look = self._last_play = time.monotonic()

    def look(self, tree: ProcessSummary) -> None:
        """Put right what is wrong with the daemon or with paused processes of the study; cheap between intervals."""
        now = time.monotonic()
        if now - self._last_look >= _LOOK_INTERVAL_S:
            self._last_look = now
            self._look_at_daemon()
        is_paused = any(process.is_paused and not process.has_ended for process in tree.walk())
        if is_paused and now - self._last_play >= _PLAY_INTERVAL_S:
            self._last_play = now
            _LOGGER.warning("%d paused processes are set going again", play_paused())

    def _look_at_daemon(self) -> None:
        self._strikes = 0 if self._daemon.is_running() and not self._daemon.is_deaf() else self._strikes + 1
        if self._strikes >= _STRIKES:
            _LOGGER.warning("the daemon does not answer or does not hear its broker; it is started again")
            self._daemon.ensure_running(self._workers)
            self._strikes = 0
