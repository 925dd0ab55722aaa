from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image

from aiida_concerted.common.files import write_at_once
from aiida_concerted.plotting.files import DrawnFigure, csv_text, write_figure
from aiida_concerted.plotting.style import new_figure, publication_style


@pytest.fixture
def figure():
    with publication_style():
        drawn, axes = new_figure()
        axes.plot([0, 1], [0, 1])
    return drawn


def test_a_figure_is_written_for_print_for_screens_and_as_numbers(figure, tmp_path):
    paths = DrawnFigure.of("msd", figure, ("lag_ps", "msd_A2"), [(0.1, 1.5), (0.2, None)]).write(tmp_path)

    assert [path.name for path in paths] == ["msd.pdf", "msd.png", "msd.csv"]
    assert paths[0].read_bytes().startswith(b"%PDF")
    with Image.open(paths[1]) as image:
        assert image.width == pytest.approx(3.5 * 300, abs=2)
    with paths[2].open() as stream:
        assert list(csv.reader(stream)) == [["lag_ps", "msd_A2"], ["0.1", "1.5"], ["0.2", ""]]
    assert {path.name for path in tmp_path.iterdir()} == {"msd.pdf", "msd.png", "msd.csv"}


def test_numbers_keep_the_digits_of_single_precision():
    values = np.random.default_rng(1).lognormal(sigma=20.0, size=200).tolist()
    read = [float(row) for row in csv_text(("x",), [(value,) for value in values], digits=8).splitlines()[1:]]

    np.testing.assert_allclose(read, values, rtol=1e-7)
    exact = [float(row) for row in csv_text(("x",), [(value,) for value in values]).splitlines()[1:]]
    assert exact == values


def test_unknown_numbers_are_empty_and_text_is_quoted():
    assert csv_text(("a", "b", "c"), [(float("nan"), 'x,"y"', True)]) == 'a,b,c\n,"x,""y""",True\n'


@pytest.mark.parametrize(("name", "start"), [("f.pdf", b"%PDF"), ("f.PNG", b"\x89PNG"), ("f.svg", b"<?xml")])
def test_the_ending_says_the_format(figure, tmp_path, name, start):
    path = write_figure(figure, tmp_path / name)

    assert path.read_bytes().startswith(start)


@pytest.mark.parametrize("name", ["figure", "figure.jpeg", "figure.txt"])
def test_other_endings_are_refused_with_those_there_are(figure, tmp_path, name):
    with pytest.raises(ValueError, match=r"one of \.pdf, \.png, \.svg"):
        write_figure(figure, tmp_path / name)

    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_the_old_file_and_no_half_one(tmp_path, monkeypatch):
    path = write_at_once(tmp_path / "a.csv", b"old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))

    with pytest.raises(OSError, match="disk full"):
        write_at_once(path, b"new")

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
