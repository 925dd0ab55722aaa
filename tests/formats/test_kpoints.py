import itertools

import numpy as np
import pytest

from aiida_concerted.formats.kpoints import mesh, mesh_of_spacing, parse_kpoints, read_kpoints

CELL = np.diag([4.0, 5.0, 10.0])


def test_gamma_alone():
    kpoints = parse_kpoints("g\n0\nGamma\n1 1 1\n0 0 0\n", CELL)
    np.testing.assert_array_equal(kpoints.points, [[0, 0, 0]])
    assert kpoints.weights.tolist() == [1.0]


@pytest.mark.parametrize("style", ["Gamma", "Monkhorst-Pack"])
@pytest.mark.parametrize("divisions", [(2, 2, 2), (3, 1, 2), (4, 3, 1)])
def test_a_mesh_and_its_mirror_image_are_the_whole_mesh(style, divisions):
    kpoints = mesh(divisions, style)
    offsets = [0 if style == "Gamma" else (1 - n) / 2 for n in divisions]
    full = {
        tuple(np.round(((np.array(i) + offsets) / divisions) % 1, 6) % 1)
        for i in itertools.product(*(range(n) for n in divisions))
    }
    both = {tuple(np.round(sign * k % 1, 6) % 1) for k in kpoints.points for sign in (1, -1)}
    assert both == full
    assert kpoints.weights.sum() == pytest.approx(1.0)
    assert len(kpoints.points) < len(full) or len(full) <= 8


def test_a_known_mesh():
    kpoints = parse_kpoints("mp\n0\nMonkhorst\n2 2 2\n", CELL)
    assert kpoints.style == "Monkhorst-Pack"
    assert len(kpoints.points) == 4
    np.testing.assert_array_equal(np.abs(kpoints.points), 0.25)
    np.testing.assert_array_equal(kpoints.weights, 0.25)


def test_spacing_divides_the_reciprocal_vectors():
    assert mesh_of_spacing(CELL, 0.5).divisions == (4, 3, 2)
    assert mesh_of_spacing(CELL, 100.0).divisions == (1, 1, 1)
    with pytest.raises(ValueError, match="KSPACING"):
        mesh_of_spacing(CELL, 0.0)


def test_a_length_divides_the_reciprocal_vectors():
    assert parse_kpoints("auto\n0\nAuto\n20\n", CELL).divisions == (5, 4, 2)


def test_a_list_keeps_its_points_and_normalises_its_weights():
    kpoints = parse_kpoints("list\n2\nReciprocal\n0 0 0 1\n0.5 0 0 3\n", CELL)
    np.testing.assert_array_equal(kpoints.points, [[0, 0, 0], [0.5, 0, 0]])
    np.testing.assert_array_equal(kpoints.weights, [0.25, 0.75])
    assert kpoints.divisions is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "ends before"),
        ("x\n0\nGamma\n", "ends before"),
        ("x\n0\nGamma\n2 2\n", "ends before"),
        ("x\nnone\nGamma\n", "KPOINTS: invalid literal"),
        ("x\n0\nWhat\n1 1 1\n", "line 3: expected Gamma"),
        ("x\n0\nGamma\n0 1 1\n", "three positive divisions"),
        ("x\n10\nLine\nReciprocal\n", "band structure"),
        ("x\n1\nCartesian\n0 0 0 1\n", "Cartesian"),
        ("x\n2\nReciprocal\n0 0 0 1\n", "2 points"),
        ("x\n1\nReciprocal\n0 0 0 0\n", "weights"),
    ],
)
def test_bad_files_are_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_kpoints(text, CELL)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="KPOINTS cannot be read"):
        read_kpoints(tmp_path / "KPOINTS", CELL)
