"""Whether the broker of a profile answers, with the patience that a daemon which has just begun needs."""

from __future__ import annotations

import time
from typing import Any

WAIT_S = 15.0
"""Chosen: `verdi daemon start` returns some seconds before the broker that it starts is there."""

POLL_S = 0.2


def broker_answers(broker: Any, profile: str, *, wait_s: float = WAIT_S) -> bool:
    """Return whether a broker answers; where the daemon is running, which may have just begun, wait for it.

    :param broker: AiiDA's, of the profile.
    :param profile: name of the profile.
    :param wait_s: how long to wait at most.
    """
    deadline = time.monotonic() + wait_s
    while not broker.check_service_reachable():
        if not _daemon_runs(profile) or time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _daemon_runs(profile: str) -> bool:
    from aiida.engine.daemon.client import get_daemon_client

    return bool(get_daemon_client(profile).is_daemon_running)
