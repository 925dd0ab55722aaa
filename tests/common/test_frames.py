import numpy as np
import pytest

from aiida_concerted.common.frames import LabelledFrames


def make(species, n_frames=3, seed=0, virials=True, **changes):
    generator = np.random.default_rng(seed)
    n_atoms = len(species)
    values = {
        "species": tuple(species),
        "cells": np.tile(np.eye(3) * 5.0, (n_frames, 1, 1)),
        "positions": generator.random((n_frames, n_atoms, 3)),
        "energies": generator.random(n_frames),
        "forces": generator.random((n_frames, n_atoms, 3)),
        "virials": generator.random((n_frames, 3, 3)) if virials else None,
    }
    return LabelledFrames(**{**values, **changes})


def test_sorting_keeps_each_atom_with_its_force():
    frames = make(["S", "Li", "S", "Li"])
    ordered = frames.sorted_by_species()
    assert ordered.species == ("Li", "Li", "S", "S")
    np.testing.assert_array_equal(ordered.positions, frames.positions[:, [1, 3, 0, 2]])
    np.testing.assert_array_equal(ordered.forces, frames.forces[:, [1, 3, 0, 2]])
    np.testing.assert_array_equal(ordered.energies, frames.energies)


def test_concatenation_inverts_selection():
    frames = make(["Li", "S"], n_frames=5)
    joined = LabelledFrames.concatenate([frames.select([0, 1]), frames.select([2, 3, 4])])
    np.testing.assert_array_equal(joined.positions, frames.positions)
    np.testing.assert_array_equal(joined.virials, frames.virials)


def test_virials_survive_only_where_every_part_has_them():
    joined = LabelledFrames.concatenate([make(["Li"]), make(["Li"], virials=False)])
    assert joined.virials is None
    assert len(joined) == 6


def test_different_compositions_do_not_join():
    with pytest.raises(ValueError, match="different composition"):
        LabelledFrames.concatenate([make(["Li"]), make(["Na"])])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"forces": np.zeros((3, 3, 3))}, "forces must have the shape"),
        ({"energies": np.array([0.0, np.nan, 1.0])}, "energies must be finite"),
        ({"origins": (("a", 0),)}, "origins must name 3 frames"),
    ],
)
def test_inconsistent_frames_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make(["Li", "S"], **changes)
