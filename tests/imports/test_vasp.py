"""Runs of VASP become datasets of their converged steps, with the energies that belong to the forces."""

from __future__ import annotations

import gzip
import re

import numpy as np
import pytest

from aiida_concerted.imports.labels import merge_alike, store_frames
from aiida_concerted.imports.vasp import find_runs, read_run
from tests.formats.test_outcar import TIMING, log
from tests.formats.test_vasprun_writer import document
from tests.formats.vasp_support import steps


@pytest.fixture
def vasprun(tmp_path):
    path = tmp_path / "run" / "vasprun.xml"
    path.parent.mkdir()
    path.write_text(document(steps()))
    return path


def test_packed_or_not_the_frames_are_the_same(vasprun, tmp_path):
    packed = tmp_path / "packed" / "vasprun.xml.gz"
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress(vasprun.read_bytes()))
    plain, unpacked = read_run(vasprun), read_run(packed)
    np.testing.assert_array_equal(plain.frames.positions, unpacked.frames.positions)
    assert plain.frames.energies == pytest.approx([step.energy for step in steps()], abs=1e-7)
    assert plain.frames.origins[1] == ("run/vasprun.xml", 2)
    assert unpacked.source["files"][0]["name"] == "vasprun.xml.gz"
    assert plain.level_of_theory == "nothing (test): NOT DFT"
    assert read_run(vasprun, level_of_theory="SCAN").level_of_theory == "SCAN"


def test_steps_that_did_not_converge_are_left_out_and_counted(vasprun):
    text = vasprun.read_text()
    begin = [match.start() for match in re.finditer("<scstep>", text)][1]
    end = text.index("</scstep>", begin) + len("</scstep>")
    text = text[:end] + text[begin:end] + text[end:]  # the second step took two electronic steps
    vasprun.write_text(re.sub(r'(name="NELM">)\s*60', r"\g<1> 2", text))
    part = read_run(vasprun)
    assert [step for _, step in part.frames.origins] == [1, 3]
    assert part.messages[0] == "1 of 3 steps did not converge and were left out"
    vasprun.write_text(re.sub(r'(name="NELM">)\s*60', r"\g<1> 1", document(steps())))
    with pytest.raises(ValueError, match="converged in none of 3"):
        read_run(vasprun)


def test_an_outcar_gives_the_same_frames(vasprun, tmp_path):
    path = tmp_path / "outcar" / "OUTCAR"
    path.parent.mkdir()
    path.write_text(log() + TIMING)
    from_outcar, expected = read_run(path).frames, read_run(vasprun).frames
    assert from_outcar.species == expected.species
    np.testing.assert_allclose(from_outcar.energies, expected.energies, atol=1e-7)
    np.testing.assert_allclose(from_outcar.forces, expected.forces, atol=1e-5)
    np.testing.assert_allclose(from_outcar.cells, expected.cells, atol=1e-7)
    np.testing.assert_allclose(from_outcar.positions, expected.positions, atol=2e-5)
    np.testing.assert_allclose(from_outcar.virials, expected.virials, atol=1e-3)


def test_unconverged_steps_of_an_outcar_are_left_out(tmp_path):
    path = tmp_path / "OUTCAR"
    text = log().replace("NELM   =     60", "NELM   =      3")
    text = re.sub(r"Iteration +2\( +1\)", "Iteration      2(   3)", text)
    assert "(   3)" in text
    path.write_text(text + TIMING)
    part = read_run(path)
    assert [step for _, step in part.frames.origins] == [1, 3]


def test_runs_are_found_below_a_folder_and_stored_once(aiida_profile, vasprun, tmp_path):
    (vasprun.parent / "OUTCAR").write_text(log())
    assert find_runs([tmp_path]) == [vasprun]
    part = read_run(vasprun)
    assert [done.is_new for done in store_frames([part, part])] == [True, False]
    assert [done.is_new for done in store_frames([part])] == [False]


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no run of VASP"):
        find_runs([tmp_path])
    for name in ("OUTCAR", "vasprun.xml", "vasprun.xml.gz", "OUTCAR.gz"):
        (tmp_path / name).write_text("years of work\n")
        with pytest.raises(ValueError, match=name):
            read_run(tmp_path / name)


def test_runs_of_other_settings_are_not_merged_and_it_is_said(vasprun, tmp_path):
    parts = [read_run(vasprun)]
    for name, cutoff in (("same", "400.00000000"), ("other", "520.00000000")):
        path = tmp_path / name / "vasprun.xml"
        path.parent.mkdir()
        path.write_text(vasprun.read_text().replace("400.00000000", cutoff))
        parts.append(read_run(path))
    merged = merge_alike(parts)
    assert [len(part.frames) for part in merged] == [6, 3]
    assert (
        merged[1].messages[-1]
        == "kept apart: 'run' and 'it' do not belong together: ENCUT is 400 in one and 520 in the other"
    )
    assert merged[1].settings.tags["ENCUT"] == 520.0
    (done,) = store_frames(merged[:1])
    assert done.node.energy_settings.tags["ENCUT"] == 400.0
    assert done.node.energy_settings.sampling.below is not None
