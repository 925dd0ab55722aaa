import numpy as np
import psutil
import pytest

from aiida_concerted.common.units import EV_PER_A3_IN_KBAR
from aiida_concerted.formats.vasprun import VasprunReader, read_vasprun_frames
from tests.formats.test_vasprun_writer import document
from tests.formats.vasp_support import steps


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "vasprun.xml"
        path.write_text(text)
        return path

    return write


def test_what_is_written_is_read_back(write):
    made = steps()
    result = read_vasprun_frames(write(document(made)), origin="an-uuid")
    frames = result.frames
    assert (result.is_complete, result.n_truncated, result.unconverged.tolist()) == (True, 0, [])
    assert frames.species == ("Li", "S", "S")
    assert frames.origins == (("an-uuid", 1), ("an-uuid", 2), ("an-uuid", 3))
    for i, step in enumerate(made):
        np.testing.assert_allclose(frames.cells[i], step.cell, atol=1e-8)
        np.testing.assert_allclose(frames.positions[i], step.fractional @ step.cell, atol=1e-7)
        np.testing.assert_allclose(frames.forces[i], step.forces, atol=1e-8)
        np.testing.assert_allclose(frames.virials[i], step.stress_kB * step.volume / EV_PER_A3_IN_KBAR, atol=1e-7)
        assert frames.energies[i] == pytest.approx(step.energy, abs=1e-8)


def test_the_header_is_read(write):
    header = read_vasprun_frames(write(document(steps()))).header
    assert (header.program, header.version, header.subversion) == ("vasp", "6.4.2", "nothing (test): NOT DFT")
    assert header.incar["IBRION"] == "0"
    assert header.parameters["ENMAX"] == "400.00000000"
    assert header.max_electronic_steps == 60
    assert header.potentials == ("PAW_PBE Li_sv PLACEHOLDER", "PAW_PBE S PLACEHOLDER")


def test_molecular_dynamics_has_its_energies(write):
    made = steps()
    first = next(iter(VasprunReader(write(document(made)))))
    assert first.kinetic == 0.25
    assert first.conserved == pytest.approx(made[0].conserved, abs=1e-8)


def test_without_stress_there_are_no_virials(write):
    assert read_vasprun_frames(write(document(steps(with_stress=False)))).frames.virials is None


def test_wherever_the_file_is_cut_only_whole_steps_are_read_and_the_rest_is_counted(write):
    text = document(steps())
    ends = [i + len("</calculation>") for i in range(len(text)) if text.startswith("</calculation>", i)]
    starts = [i + len("<calculation>") for i in range(len(text)) if text.startswith("<calculation>", i)]
    near_ends = [end + shift for end in (*ends, len(text) - 1) for shift in (-11, -1, 0, 1)]
    for cut in [*range(starts[0], len(text), 97), *near_ends]:
        path = write(text[:cut])
        whole = sum(end <= cut for end in ends)
        begun = sum(start <= cut for start in starts)
        if whole == 0:
            with pytest.raises(ValueError, match="no complete ionic step"):
                read_vasprun_frames(path)
            continue
        result = read_vasprun_frames(path)
        assert (len(result.frames), result.n_truncated) == (whole, begun - whole)
        assert result.is_complete == ("</modeling>" in text[:cut])


def test_unconverged_steps_are_kept_and_named(write):
    text = document(steps())
    electronic = text[text.index("  <scstep>") : text.index("</scstep>") + len("</scstep>\n")]
    second = text.index("<calculation>", text.index("</calculation>"))
    spoilt = text[: second + len("<calculation>\n")] + electronic * 59 + text[second + len("<calculation>\n") :]
    result = read_vasprun_frames(write(spoilt))
    assert result.n_electronic.tolist() == [1, 60, 1]
    assert result.unconverged.tolist() == [1]
    assert len(result.frames) == 3


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda t: "", "names no generator"),
        (lambda t: "<html></html>", "names no generator"),
        (lambda t: t.replace('name="e_fr_energy">', 'name="e_fr_energy">****'), "ionic step 1: e_fr_energy is"),
        (
            lambda t: t.replace('<varray name="forces" >\n   <v>', '<varray name="forces" >\n   <v>**** '),
            "step 1: the forces hold",
        ),
        (
            lambda t: t.replace('<varray name="forces" >\n   <v>', '<varray name="forces" >\n   <v>nan '),
            "step 1: the forces",
        ),
        (lambda t: t.replace('name="forces"', 'name="farces"'), "step 1: the forces are missing"),
        (lambda t: t.replace("e_fr_energy", "e_xx_energy"), "step 1 has no e_fr_energy"),
        (lambda t: t.replace('name="stress"', 'name="strass"', 1), "2 of 3 ionic steps have a stress"),
    ],
)
def test_nothing_is_rejected_silently(write, spoil, reason):
    with pytest.raises(ValueError, match=reason):
        read_vasprun_frames(write(spoil(document(steps()))))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="cannot be read"):
        read_vasprun_frames(tmp_path / "vasprun.xml")


def test_memory_does_not_grow_with_the_number_of_steps(write):
    text = document(steps(1))
    begin, end = text.index(" <calculation>"), text.index("</calculation>\n") + len("</calculation>\n")
    path = write(text[:begin] + text[begin:end] * 4000 + text[end:])
    process = psutil.Process()  # the tree lives outside Python's own allocator
    used = {step.index: process.memory_info().rss for step in VasprunReader(path) if step.index in {400, 4000}}
    assert used[4000] - used[400] < path.stat().st_size


def test_what_decides_the_energies_is_read(tmp_path):
    path = tmp_path / "vasprun.xml"
    path.write_text(document(steps()))
    content = read_vasprun_frames(path)
    settings = content.header.settings(content.frames.cells[0])
    assert settings.tags == {"ENCUT": 400.0, "PREC": "normal", "EDIFF": 1e-6, "ISPIN": 1.0}
    assert settings.titles == {"Li": "PAW_PBE Li_sv PLACEHOLDER", "S": "PAW_PBE S PLACEHOLDER"}
    volume = abs(np.linalg.det(content.frames.cells[0]))
    assert settings.sampling.densities == pytest.approx((2 * volume, 2 * volume))


@pytest.mark.parametrize(
    ("kpoints", "divisions"),
    [
        ('<varray name="kpointlist"><v>0.0 0.0 0.0</v></varray>', (1, 1, 1)),
        ('<varray name="kpointlist"><v>0.25 0.0 0.0</v></varray>', None),
        ('<generation param="Gamma"><v type="int" name="divisions"> 4 4 ** </v></generation>', None),
    ],
)
def test_a_list_of_points_is_no_mesh_but_gamma_alone(tmp_path, kpoints, divisions):
    text = document(steps())
    begin, end = text.index("<kpoints>") + len("<kpoints>"), text.index("</kpoints>")
    (tmp_path / "vasprun.xml").write_text(text[:begin] + kpoints + text[end:])
    assert read_vasprun_frames(tmp_path / "vasprun.xml").header.divisions == divisions
