"""Systems of DeePMD-kit become datasets that name their files, once."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from aiida_concerted.formats.deepmd_npy import write_deepmd_npy
from aiida_concerted.imports.deepmd import find_systems, read_system
from aiida_concerted.imports.labels import check_labels, merge_alike, store_frames
from tests.published import needs, published
from tests.synthetic_md import random_frames

REAL = published("LiGePS-SSE-PBE")
PBE = "PBE/VASP 5.4.4"


@pytest.fixture
def systems(tmp_path):
    """Return a folder with two systems of the same atoms, one without a type map."""
    for number in range(2):
        write_deepmd_npy(tmp_path / f"data.{number}", random_frames(seed=number, n_frames=4), set_size=3)
    (tmp_path / "data.1" / "type_map.raw").unlink()
    return tmp_path


def test_frames_come_back_with_their_origin(systems):
    part = read_system(systems / "data.0", level_of_theory=PBE)
    frames = random_frames(seed=0, n_frames=4)
    np.testing.assert_array_equal(part.frames.forces, frames.forces)
    np.testing.assert_array_equal(part.frames.virials, frames.virials)
    assert part.frames.origins[2:] == (("data.0/set.000", 2), ("data.0/set.001", 0))
    files = {entry["name"]: entry for entry in part.source["files"]}
    assert set(files) >= {"type.raw", "type_map.raw", "set.000/energy.npy", "set.001/virial.npy"}
    raw = (systems / "data.0/set.000/energy.npy").read_bytes()
    assert files["set.000/energy.npy"]["sha256"] == hashlib.sha256(raw).hexdigest()


def test_the_same_frames_are_stored_once(aiida_profile, systems):
    def read():
        kinds = ["Li", "P", "S"]
        return [read_system(path, level_of_theory=PBE, type_map=kinds) for path in find_systems([systems])]

    first = list(store_frames(read(), material="LGPS"))
    assert [done.is_new for done in first] == [True, True]
    node = first[0].node
    assert node.is_stored
    assert node.base.attributes.get("material") == "LGPS"
    assert node.base.attributes.get("source")["folder"] == "data.0"
    again = list(store_frames([*read(), read()[0]]))
    assert [done.is_new for done in again] == [False] * 3
    assert [done.node.pk for done in again[:2]] == [done.node.pk for done in first]


def test_systems_of_the_same_atoms_can_be_one_dataset(systems):
    parts = [read_system(path, level_of_theory=PBE, type_map=["Li", "P", "S"]) for path in find_systems([systems])]
    (merged,) = merge_alike(parts)
    assert len(merged.frames) == 8
    assert merged.frames.origins[4] == ("data.1/set.000", 0)
    assert "data.1/set.000/coord.npy" in {entry["name"] for entry in merged.source["files"]}
    other = replace(parts[0], level_of_theory="SCAN")
    assert len(merge_alike([*parts, other])) == 2


def test_what_cannot_be_true_is_refused():
    frames = random_frames()
    for wrong, said in (
        ({"forces": frames.forces * 1e5}, "force of"),
        ({"energies": frames.energies * 1e8}, "per atom"),
        ({"cells": frames.cells * 0.1}, "a cell of"),
    ):
        with pytest.raises(ValueError, match=f"here: .*{said}"):
            check_labels(replace(frames, **wrong), "here")


def test_what_is_odd_is_told():
    frames = random_frames(n_frames=9)
    quiet = frames.forces - frames.forces.mean(axis=1, keepdims=True)
    symmetric = frames.virials + frames.virials.swapaxes(1, 2)
    good = replace(frames, forces=quiet, virials=symmetric)
    assert check_labels(good, "here") == ()
    assert check_labels(replace(good, forces=quiet + 0.1), "here")[0].startswith("9 frames have a net force")
    assert check_labels(replace(good, virials=frames.virials), "here")[0].endswith("not symmetric")
    assert check_labels(replace(good, virials=None), "here") == ("there are no virials",)
    energies = good.energies.copy()
    energies[3] += 100
    assert check_labels(replace(good, energies=energies), "here")[0].startswith("1 frames lie more than")


def test_what_is_no_system_is_refused(systems, tmp_path):
    with pytest.raises(ValueError, match="holds no deepmd/npy system"):
        find_systems([systems / "data.0" / "set.000"])
    with pytest.raises(ValueError, match="type_map"):
        read_system(systems / "data.1", level_of_theory=PBE)
    (systems / "data.0" / "nopbc").touch()
    with pytest.raises(ValueError, match="not periodic"):
        read_system(systems / "data.0", level_of_theory=PBE)


@needs(REAL)
def test_a_published_system_is_read():
    part = read_system(REAL / "data.init" / "LiGePS-init.system", level_of_theory=PBE, type_map=["Li", "Ge", "P", "S"])
    assert part.frames.n_atoms == 50
    assert len(part.frames) > 100
    assert part.messages == ("there are no virials",) or all("frames" in message for message in part.messages)


@needs(REAL)
def test_the_published_set_is_read_whole_and_merged_by_cell():
    parts = [read_system(path, level_of_theory=PBE, type_map=["Li", "Ge", "P", "S"]) for path in find_systems([REAL])]
    assert (len(parts), sum(len(part.frames) for part in parts)) == (37, 6550)
    merged = merge_alike(parts)
    found = [(len(part.frames), part.frames.n_atoms, part.frames.virials is not None) for part in merged]
    assert found == [(590, 50, False), (2670, 50, True), (3290, 400, True)]
