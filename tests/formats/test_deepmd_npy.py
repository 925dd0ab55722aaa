from __future__ import annotations

import dpdata
import numpy as np
import pytest

from aiida_concerted.formats.deepmd_npy import read_deepmd_npy, write_deepmd_npy
from tests.synthetic_md import random_frames


@pytest.mark.parametrize("virials", [True, False])
def test_what_is_written_is_read(tmp_path, virials):
    original = random_frames(n_frames=5, virials=virials)
    write_deepmd_npy(tmp_path, original, type_map=["Li", "Ge", "P", "S"], set_size=2)
    assert len(list(tmp_path.glob("set.*"))) == 3
    found = read_deepmd_npy(tmp_path)
    assert found.species == original.species
    for name in ("cells", "positions", "energies", "forces"):
        np.testing.assert_array_equal(getattr(found, name), getattr(original, name))
    assert (found.virials is None) is (not virials)
    if virials:
        np.testing.assert_array_equal(found.virials, original.virials)


def test_dpdata_reads_what_is_written(tmp_path):
    frames = random_frames()
    write_deepmd_npy(tmp_path, frames, type_map=["Li", "Ge", "P", "S"])
    system = dpdata.LabeledSystem(str(tmp_path), fmt="deepmd/npy")
    assert system.get_atom_names() == ["Li", "Ge", "P", "S"]
    assert [system.get_atom_names()[i] for i in system.get_atom_types()] == list(frames.species)
    pairs = {"cells": "cells", "coords": "positions", "energies": "energies", "forces": "forces", "virials": "virials"}
    for theirs, ours in pairs.items():
        np.testing.assert_array_equal(system[theirs], getattr(frames, ours))


def test_what_dpdata_writes_is_read(tmp_path):
    frames = random_frames()
    write_deepmd_npy(tmp_path / "ours", frames)
    dpdata.LabeledSystem(str(tmp_path / "ours"), fmt="deepmd/npy").to("deepmd/npy", str(tmp_path / "theirs"))
    found = read_deepmd_npy(tmp_path / "theirs")
    assert found.species == frames.species
    np.testing.assert_allclose(found.forces, frames.forces, rtol=1e-6)


def test_unfit_folders_are_refused(tmp_path):
    frames = random_frames()
    with pytest.raises(ValueError, match=r"type map \['Li', 'P'\] lacks S"):
        write_deepmd_npy(tmp_path, frames, type_map=["Li", "P"])
    with pytest.raises(ValueError, match=r"holds no type\.raw"):
        read_deepmd_npy(tmp_path / "absent")
    write_deepmd_npy(tmp_path, frames)
    (tmp_path / "type_map.raw").unlink()
    with pytest.raises(ValueError, match="name the elements"):
        read_deepmd_npy(tmp_path)
    assert read_deepmd_npy(tmp_path, type_map=["Na", "P", "S"]).species == ("Na", "Na", "P", "S", "S")
    with pytest.raises(ValueError, match="outside the type map"):
        read_deepmd_npy(tmp_path, type_map=["Li"])
    (tmp_path / "type.raw").write_text("0\n0\n")
    with pytest.raises(ValueError, match="do not fit 2 atoms"):
        read_deepmd_npy(tmp_path, type_map=["Li"])
    (tmp_path / "set.000" / "force.npy").unlink()
    with pytest.raises(ValueError, match=r"force\.npy is missing"):
        read_deepmd_npy(tmp_path, type_map=["Li"])
