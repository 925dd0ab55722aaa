import gzip
from itertools import islice

import numpy as np
import pytest

from aiida_concerted.formats.xdatcar import iterate_xdatcar
from aiida_concerted.formats.xdatcar_writer import format_frame, format_header
from tests.formats.vasp_support import description, steps
from tests.published import needs, published

PUBLISHED = published("Li6PS5Cl_0p_XDATCAR.gz")


def text(made, *, one_header=True):
    poscar = description().poscar
    parts = []
    for step in made:
        if not parts or not one_header:
            parts.append(format_header(poscar, step.cell))
        parts.append(format_frame(step.index, step.fractional))
    return "".join(parts)


@pytest.mark.parametrize("one_header", [True, False])
@pytest.mark.parametrize("name", ["XDATCAR", "XDATCAR.gz"])
def test_what_is_written_is_read_back(tmp_path, one_header, name):
    made = steps()
    with (gzip.open if name.endswith("gz") else open)(tmp_path / name, "wt") as stream:
        stream.write(text(made, one_header=one_header))
    frames = list(iterate_xdatcar(tmp_path / name))
    assert [frame.step for frame in frames] == [1, 2, 3]
    for frame, step in zip(frames, made, strict=True):
        assert frame.species == ("Li", "S", "S")
        np.testing.assert_allclose(frame.cell, made[0].cell if one_header else step.cell, atol=1e-8)
        np.testing.assert_allclose(frame.fractional, step.fractional, atol=1e-8)


def test_wherever_the_file_is_cut_only_whole_frames_are_read(tmp_path):
    whole = text(steps(), one_header=False)
    starts = [i for i in range(len(whole)) if whole.startswith("Li S2", i)]
    ends = [*starts[1:], len(whole)]
    path = tmp_path / "XDATCAR"
    for cut in range(ends[0], len(whole) + 1):
        path.write_text(whole[:cut])
        frames = list(iterate_xdatcar(path))
        assert len(frames) == sum(end <= cut for end in ends)
        for frame, step in zip(frames, steps(), strict=False):
            np.testing.assert_allclose(frame.fractional, step.fractional, atol=1e-8)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda t: t[t.index("Direct") :], "line 1: a configuration stands before any header"),
        (lambda t: t.replace("Li    S", "Li"), "line 1: expected the header"),
        (lambda t: t.replace("configuration=     2", "configuration=     x"), "has no number"),
        (lambda t: t.replace("  0.", "  z.", 9), "something else than numbers|expected the header"),
        (lambda t: "hello\n", "line 1: expected the header"),
    ],
)
def test_bad_files_are_refused(tmp_path, spoil, reason):
    (tmp_path / "XDATCAR").write_text(spoil(text(steps())))
    with pytest.raises(ValueError, match=reason):
        list(iterate_xdatcar(tmp_path / "XDATCAR"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="cannot be read"):
        list(iterate_xdatcar(tmp_path / "XDATCAR"))


@needs(PUBLISHED)
def test_a_published_trajectory_is_read():
    frames = list(islice(iterate_xdatcar(PUBLISHED), 50))
    assert len(frames) == 50
    assert set(frames[0].species) == {"Li", "P", "S", "Cl"}
    assert all(frame.fractional.shape == (len(frames[0].species), 3) for frame in frames)
    moves = np.diff([frame.fractional for frame in frames], axis=0)
    moves -= np.round(moves)
    lengths = np.linalg.norm(moves @ frames[0].cell, axis=2)
    assert 0.01 < np.median(lengths) < 1.0
