"""Threads keep the order, the memory and the errors of a plain loop."""

from __future__ import annotations

import threading
import time

import pytest

from aiida_concerted.common.threads import map_in_threads, n_threads


@pytest.mark.parametrize("workers", [None, 1, 2, 5])
def test_results_come_in_the_order_of_the_items(workers):
    def slow_when_small(number: int) -> int:
        time.sleep(0.001 * (10 - number))
        return number**2

    assert list(map_in_threads(slow_when_small, range(10), workers)) == [number**2 for number in range(10)]
    assert list(map_in_threads(slow_when_small, [], workers)) == []


def test_work_is_shared_and_few_results_wait():
    started: list[int] = []
    threads: set[int] = set()

    def remember(number: int) -> int:
        started.append(number)
        threads.add(threading.get_ident())
        time.sleep(0.002)
        return number

    for position, _ in enumerate(map_in_threads(remember, range(20), 2)):
        assert max(started) <= position + 3
    assert len(threads) == 2


def test_the_error_of_an_item_is_that_of_the_loop():
    def refuse(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    with pytest.raises(ValueError, match="three"):
        list(map_in_threads(refuse, range(50), 2))


def test_there_is_a_thread_at_least():
    assert 1 <= n_threads() <= 8
