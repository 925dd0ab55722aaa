"""The comparison with other packages: our jobs give true answers, and what is slow or failed is said."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks import peers
from benchmarks.our_jobs import JOBS
from benchmarks.peer_case import Case, Job, measure, shell_mean
from benchmarks.peer_jobs import JOBS as THEIRS


@pytest.fixture(scope="module")
def case() -> Case:
    return peers.make_case(1000, seed=1)


def test_a_case_is_what_was_planted(case: Case) -> None:
    offsets = (case.positions @ np.linalg.inv(case.cell) - case.sites[case.planted] + 0.5) % 1.0 - 0.5
    assert (offsets @ case.cell).std() == pytest.approx(0.3, rel=0.01)
    assert np.abs(offsets @ case.cell).max() < 2.5
    assert np.abs(np.diff(case.positions, axis=0)).max() < 6.0


def test_a_case_survives_its_folder(case: Case, tmp_path) -> None:
    short = case.first(20)
    short.save(tmp_path)
    again = Case.load(tmp_path)
    for name in ("positions", "framework", "cell", "sites", "site_cell", "planted"):
        np.testing.assert_array_equal(getattr(again, name), getattr(short, name))


@pytest.mark.parametrize(
    ("task", "key", "expected"),
    [
        ("sites", "agreement", lambda case: 1.0),
        ("hops", "n", lambda case: np.count_nonzero(np.diff(case.planted, axis=0))),
        ("density", "carriers", lambda case: 200.0),
        ("msd", "A2", lambda case: ((case.positions[100:] - case.positions[:-100]) ** 2).sum(axis=2).mean()),
    ],
)
def test_our_answers_are_true(case: Case, task: str, key: str, expected) -> None:
    assert JOBS[task].prepare(case)()[key] == pytest.approx(expected(case), rel=0.01)


@pytest.mark.parametrize("task", ["diffusivity", "van_hove", "rdf", "pairs", "residence"])
def test_our_other_answers_are_positive(case: Case, task: str) -> None:
    assert all(value > 0 for value in JOBS[task].prepare(case)().values())


def test_measurements_scale_with_the_share_and_see_memory(case: Case) -> None:
    def prepare(given: Case):
        def work():
            block = np.ones(30_000_000)
            return {"n": float(given.n_frames) + 0.0 * block[0]}

        return work

    found = measure(Job(prepare, n_frames=100, share=0.5, repeats=2), case)
    assert found["answer"] == {"n": 100.0}
    assert found["growth_MB"] > 150
    assert found["seconds"] == min(found["all_seconds"])


def test_shells_are_weighted_with_their_volume() -> None:
    r = np.array([1.0, 2.6, 3.4, 5.0])
    assert shell_mean(r, np.array([9.0, 1.0, 2.0, 9.0])) == pytest.approx((2.6**2 + 2 * 3.4**2) / (2.6**2 + 3.4**2))


def test_every_task_has_a_title_and_its_peers() -> None:
    assert set(peers.TITLES) == set(JOBS) == {job.split("/")[0] for job in THEIRS}
    assert all(f"{task}/{package}" in THEIRS for task, package in peers.REFERENCE.items())


def result(seconds: float) -> dict:
    return {"seconds": seconds, "clock_seconds": seconds, "share": 1.0, "growth_MB": 1.0, "answer": {"n": 1.0}}


def test_a_faster_peer_and_a_close_reference_are_complained_of() -> None:
    results = {
        "hops": {"aiida-concerted": result(1.0), "gemdat": result(0.5), "site-analysis": result(3.0)},
        "sites": {"aiida-concerted": result(1.0), "site-analysis": result(9.0), "gemdat": {"error": "no memory"}},
    }
    complaints = peers.verdict(results)
    assert [line.split(" takes")[0] for line in complaints] == ["hops: gemdat", "sites: site-analysis"]
    assert peers.verdict({"sites": {"aiida-concerted": result(1.0), "site-analysis": result(11.0)}}) == []
    assert "no memory" in peers.table(results)


def test_a_job_that_fails_says_why(tmp_path) -> None:
    found = peers.run_job(sys.executable, "benchmarks.our_jobs", "msd", tmp_path)
    assert "positions.npy" in found["error"]
