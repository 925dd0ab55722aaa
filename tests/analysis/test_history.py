"""Run-length histories: they keep everything, refuse nonsense and agree with the dense form."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aiida_concerted.analysis.history import SiteHistory, SiteHistoryBuilder

LABELS = ("A", "B", "A", "C")
DENSE = arrays(np.int32, st.tuples(st.integers(1, 30), st.integers(1, 6)), elements=st.integers(0, 3))


@given(DENSE, st.integers(1, 7))
@settings(max_examples=80, deadline=None)
def test_nothing_is_lost_in_runs_files_or_chunks(dense: np.ndarray, step: int) -> None:
    history = SiteHistory.from_dense(dense, 0.5, LABELS)
    np.testing.assert_array_equal(history.to_dense(), dense)
    assert history.n_hops == np.count_nonzero(np.diff(dense, axis=0))
    builder = SiteHistoryBuilder(LABELS, 0.5)
    for start in range(0, len(dense), step):
        builder.append(dense[start : start + step])
    file = io.BytesIO()
    np.savez(file, **builder.finish().to_arrays())
    file.seek(0)
    again = SiteHistory.from_arrays(np.load(file, allow_pickle=False))
    np.testing.assert_array_equal(again.to_dense(), dense)
    assert again.labels == LABELS


@given(DENSE, st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_the_raster_counts_carriers(dense: np.ndarray, stride: int) -> None:
    raster = SiteHistory.from_dense(dense, 0.5, LABELS).raster(("C", "A", "B"), stride)
    expected = np.array([(dense[::stride] == site).sum(axis=1) for site in (3, 0, 2, 1)])
    np.testing.assert_array_equal(raster, expected)


@given(DENSE)
@settings(max_examples=60, deadline=None)
def test_shared_time_is_the_fraction_of_carriers_in_company(dense: np.ndarray) -> None:
    company = sum(np.count_nonzero(frame == site) > 1 for frame in dense for site in frame)
    history = SiteHistory.from_dense(dense, 0.5, LABELS)
    assert history.multiple_occupancy_fraction == pytest.approx(company / dense.size)


def good() -> dict:
    return dict(SiteHistory.from_dense(np.array([[0, 1], [0, 2], [3, 2]]), 0.5, LABELS).to_arrays())


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("frame_interval_ps", 0.0, "positive interval"),
        ("starts", [0, 5, 0, 1], "begin before frame 3"),
        ("starts", [1, 2, 0, 1], "from frame 0 on"),
        ("sites", [0, 0, 1, 2], "different sites"),
        ("sites", [0, 9, 1, 2], "between 0 and 3"),
        ("sites", [0, 1], "disagree"),
        ("offsets", [0, 0, 4], "every carrier"),
    ],
)
def test_a_damaged_history_is_refused(key: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SiteHistory.from_arrays(good() | {key: np.array(value)})


def test_building_needs_frames_of_the_same_carriers() -> None:
    builder = SiteHistoryBuilder(LABELS, 0.5)
    with pytest.raises(ValueError, match="at least one frame"):
        builder.finish()
    builder.append(np.array([[0, 1]]))
    with pytest.raises(ValueError, match="same carriers"):
        builder.append(np.array([[0, 1, 2]]))


def test_a_raster_needs_every_label() -> None:
    with pytest.raises(ValueError, match="lacks C"):
        SiteHistory.from_arrays(good()).raster(("A", "B"))
