import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.learning.datasets import compare, frame_hashes, unite
from tests.common.test_frames import make

FRAMES = LabelledFrames.concatenate([make(["Li", "S"], seed=seed) for seed in range(4)])
ROWS = st.lists(st.integers(0, len(FRAMES) - 1), min_size=1, max_size=12)


def test_a_frame_is_its_numbers_and_not_its_place_origin_or_virial():
    hashes = frame_hashes(FRAMES)
    assert len(set(hashes)) == len(FRAMES)
    other = dataclasses.replace(FRAMES.select([2, 0]), origins=(), virials=None)
    assert frame_hashes(other) == (hashes[2], hashes[0])
    swapped = dataclasses.replace(
        FRAMES, species=("S", "Li"), positions=FRAMES.positions[:, ::-1], forces=FRAMES.forces[:, ::-1]
    )
    assert frame_hashes(swapped) == hashes


@pytest.mark.parametrize("name", ["cells", "positions", "energies", "forces"])
def test_every_number_counts(name):
    array = getattr(FRAMES, name).copy()
    array[1] += 1e-12
    changed = frame_hashes(dataclasses.replace(FRAMES, **{name: array}))
    assert [a == b for a, b in zip(changed, frame_hashes(FRAMES), strict=True)].count(False) == 1


def test_minus_zero_is_zero():
    zeros = dataclasses.replace(FRAMES, forces=np.zeros_like(FRAMES.forces))
    assert frame_hashes(zeros) == frame_hashes(dataclasses.replace(zeros, forces=-zeros.forces))


@given(ROWS, ROWS)
def test_a_union_holds_every_frame_once_and_counts_the_rest(first, second):
    union = unite([FRAMES.select(first), FRAMES.select(second)])
    expected = list(dict.fromkeys([*first, *second]))
    assert frame_hashes(union.frames) == tuple(frame_hashes(FRAMES)[row] for row in expected)
    assert sum(union.n_duplicates) == len(first) + len(second) - len(expected)


@given(ROWS, ROWS)
def test_a_difference_is_that_of_sets(first, second):
    older, newer = FRAMES.select(first), FRAMES.select(second)
    difference = compare(older, newer)
    assert {second[i] for i in difference.added} == set(second) - set(first)
    assert {first[i] for i in difference.removed} == set(first) - set(second)
    assert difference.n_common == len(set(first) & set(second))


def test_a_part_that_adds_nothing_takes_no_virials_away():
    union = unite([FRAMES, dataclasses.replace(FRAMES, virials=None)])
    np.testing.assert_array_equal(union.frames.virials, FRAMES.virials)
    assert union.n_duplicates == (0, len(FRAMES))


def test_other_atoms_cannot_be_united():
    with pytest.raises(ValueError, match="different composition"):
        unite([FRAMES, make(["Na", "S"])])
    with pytest.raises(ValueError, match="no frames"):
        unite([])
