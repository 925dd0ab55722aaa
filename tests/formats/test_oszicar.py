import pytest

from aiida_concerted.formats.oszicar import ELECTRONIC_HEADER, format_electronic_step, format_ionic_step, read_oszicar
from tests.formats.vasp_support import steps


@pytest.mark.parametrize("with_motion", [True, False])
def test_what_is_written_is_read_back(tmp_path, with_motion):
    made = steps(with_motion=with_motion)
    lines = [
        ELECTRONIC_HEADER + format_electronic_step(step, change=-0.5) + format_ionic_step(step, change=-0.5)
        for step in made
    ]
    (tmp_path / "OSZICAR").write_text("".join(lines) + "      4 T=   3")
    read = read_oszicar(tmp_path / "OSZICAR")
    assert [step.index for step in read] == [1, 2, 3]
    assert [step.free_energy for step in read] == pytest.approx([step.energy for step in made], rel=1e-7)
    if with_motion:
        assert [step.temperature for step in read] == [646.0] * 3
        assert [step.conserved for step in read] == pytest.approx([step.conserved for step in made], rel=1e-7)
        assert [step.kinetic for step in read] == [0.25] * 3
    else:
        assert {(step.temperature, step.conserved, step.kinetic) for step in read} == {(None, None, None)}


def test_the_lines_are_those_of_vasp():
    moving, still = steps(1)[0], steps(1, with_motion=False)[0]
    assert format_ionic_step(moving, change=0.0).startswith("      1 T=   646. E= -.")
    assert format_ionic_step(still, change=-0.5).rstrip().endswith("d E =-.500000E+00")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="cannot be read"):
        read_oszicar(tmp_path / "OSZICAR")
