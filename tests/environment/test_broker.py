"""A broker that comes a little after its daemon is waited for; one without a daemon is not."""

import time

import pytest

from aiida_concerted.environment import broker as module
from aiida_concerted.environment.broker import broker_answers


class Broker:
    def __init__(self, n_silent):
        self.n_silent, self.n_asked = n_silent, 0

    def check_service_reachable(self):
        self.n_asked += 1
        return self.n_asked > self.n_silent


@pytest.mark.parametrize(
    ("n_silent", "runs", "expected", "n_asked"), [(0, False, True, 1), (3, True, True, 4), (3, False, False, 1)]
)
def test_a_broker_is_waited_for_while_its_daemon_runs(monkeypatch, n_silent, runs, expected, n_asked):
    monkeypatch.setattr(module, "_daemon_runs", lambda profile: runs and profile == "own")
    monkeypatch.setattr(module, "POLL_S", 0.01)
    broker = Broker(n_silent)
    assert broker_answers(broker, "own") is expected
    assert broker.n_asked == n_asked


def test_the_wait_has_an_end(monkeypatch):
    monkeypatch.setattr(module, "_daemon_runs", lambda _: True)
    monkeypatch.setattr(module, "POLL_S", 0.01)
    begin = time.monotonic()
    assert not broker_answers(Broker(10**9), "own", wait_s=0.1)
    assert time.monotonic() - begin >= 0.1
