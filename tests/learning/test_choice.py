import numpy as np
import pytest

from aiida_concerted.learning.choice import METHODS, Pool, choose, farthest_points, inverse_population

DEVIATIONS = np.random.default_rng(0).uniform(0.1, 0.3, 60)
POINTS = np.random.default_rng(1).normal(size=(60, 3))
POOL = Pool(DEVIATIONS, (0.1, 0.3), lambda: POINTS)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_choice_is_seeded_ascending_without_repetition(method):
    first, again = choose(method, POOL, 13, rng(4)), choose(method, POOL, 13, rng(4))
    assert len(set(first.tolist())) == 13
    assert first.tolist() == sorted(first.tolist()) == again.tolist()
    assert choose(method, POOL, 99, rng()).tolist() == list(range(60))
    assert choose(method, POOL, 0, rng()).tolist() == []


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"highest"}))
def test_another_seed_gives_another_choice(method):
    assert choose(method, POOL, 13, rng(1)).tolist() != choose(method, POOL, 13, rng(2)).tolist()


def test_highest_takes_the_largest_deviations():
    assert set(choose("highest", POOL, 5, rng())) == set(np.argsort(DEVIATIONS)[-5:])


def test_quantiles_take_one_of_each_part():
    picked = choose("quantiles", POOL, 6, rng())
    ranks = np.argsort(np.argsort(DEVIATIONS))[picked]
    assert sorted(ranks // 10) == list(range(6))


def test_rare_deviations_weigh_more():
    deviations = np.append(np.full(90, 0.11), np.full(10, 0.29))
    weights = inverse_population(deviations, 0.1, 0.3)
    np.testing.assert_allclose(weights, np.append(np.full(90, 1 / 90), np.full(10, 1 / 10)))
    assert inverse_population(np.array([0.3, 0.3]), 0.3, 0.3).tolist() == [0.5, 0.5]


def test_the_farthest_points_of_a_line_are_its_ends_and_its_middle():
    line = np.arange(11.0)[:, None]
    assert farthest_points(line, 4, start=0).tolist() == [0, 10, 5, 2]


def test_the_farthest_points_cover_within_twice_the_best():
    chosen = farthest_points(POINTS, 8, start=0)
    gaps = np.linalg.norm(POINTS[:, None] - POINTS[chosen], axis=2)
    radius = gaps.min(axis=1).max()
    between = np.linalg.norm(POINTS[chosen][:, None] - POINTS[chosen], axis=2)
    # Chosen points are at least the covering radius apart; so no 8 points can cover within less than half of it.
    assert between[~np.eye(8, dtype=bool)].min() >= radius


def test_points_that_coincide_are_not_chosen_twice():
    assert sorted(farthest_points(np.zeros((4, 2)), 4, start=2).tolist()) == [0, 1, 2, 3]


def test_the_farthest_choice_spans_more_than_a_random_one():
    clustered = np.concatenate([np.random.default_rng(3).normal(0, 0.05, (95, 2)), np.eye(5, 2) * 8 + 4])
    pool = Pool(np.ones(100), (0.1, 0.3), lambda: clustered)
    far = choose("farthest", pool, 4, rng(0))
    assert (far >= 95).sum() >= 2


def test_what_cannot_be_chosen_is_refused():
    with pytest.raises(ValueError, match="known are farthest, highest"):
        choose("best", POOL, 3, rng())
    with pytest.raises(ValueError, match="needs the geometry"):
        choose("farthest", Pool(DEVIATIONS, (0.1, 0.3)), 3, rng())
