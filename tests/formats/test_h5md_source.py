from __future__ import annotations

import h5py
import MDAnalysis
import numpy as np
import pytest
from MDAnalysis.lib.mdamath import triclinic_box

from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.formats.h5md import H5mdHeader
from aiida_concerted.formats.h5md_writer import H5mdWriter, write_h5md
from tests.formats.trajectory_support import CUBE, OBLIQUE, TINY, assert_same_run, make_run, read, write_extxyz

CELL = np.array([[9.0, 0, 0], [4.0, 8.5, 0], [-3.0, 2.5, 9.5]])


def own(path, run, *, first=0, stride=5, shift=0):
    """Write a run as this program does; ``shift`` moves all of it by whole cells."""
    positions = run.positions + np.broadcast_to(shift, (len(run.species), 3)) @ run.cells[0]
    ids = np.arange(len(run.species))
    is_carrier = run.of("Li")
    framework = positions[:, ~is_carrier]
    header = H5mdHeader(
        "Li", ids[is_carrier], tuple(s for s in run.species if s != "Li"), ids[~is_carrier], run.cells[0], 0.1,
        framework_stride=stride, step_interval=50, temperature_K=700.0,
    )  # fmt: skip
    with H5mdWriter(path, header) as writer:
        writer.append(positions[:, is_carrier], (framework - framework[0]).mean(axis=1))
        writer.append_framework(framework[::stride])
    with h5py.File(path, "a") as file:
        for name in ("carriers", "framework"):
            file[f"particles/{name}/position/step"][:] += 50 * first
    return path


def foreign(path, run, *, wrapped=True, group="all", unit="Angstrom", time_unit="ps", scale=1.0, fixed=False, **extra):
    """Write a run in the layout of H5MD, as other programs do."""
    n = len(run.fractional)
    with h5py.File(path, "a") as file:
        particles = file.create_group(f"particles/{group}")
        value = (run.wrapped if wrapped else run.positions) / scale
        data = particles.create_dataset("position/value", data=value, chunks=(4, *value.shape[1:]))
        data.attrs["unit"] = unit
        particles["position/step"] = extra.get("step", 10 * np.arange(n))
        particles["position/time"] = extra.get("time", 0.5 * np.arange(n))
        if time_unit:
            particles["position/time"].attrs["unit"] = time_unit
        particles["species"] = extra.get("species", np.array(["Li S P".split().index(s) for s in run.species]))
        if fixed:
            edges = particles.create_dataset("box/edges", data=extra.get("edges", run.cells[0] / scale))
        else:
            edges = particles.create_dataset("box/edges/value", data=run.cells / scale)
        edges.attrs["unit"] = unit
        if "image" in extra:
            particles["image/value"] = extra["image"]
    return path


def named(run):
    kinds = {"Li": 0, "S": 1, "P": 2}
    return np.array([kinds[s] for s in run.species]).astype(h5py.enum_dtype(kinds, basetype="i4"))


def test_segments_of_ours_are_joined_whatever_cell_their_images_count_from(tmp_path):
    run = make_run(61)
    whole, _ = read(own(tmp_path / "a.h5", run))
    np.testing.assert_allclose(whole.carriers, run.positions[:, run.of("Li")], atol=1e-5)
    for cuts, repeated in (((0, 20, 40), 0), ((0, 15, 40), 3)):
        paths = []
        for number, start in enumerate(cuts):
            stop = [*cuts[1:], 61][number] + (1 if repeated and number < 2 else 0)
            shift = np.random.default_rng(number).integers(-2, 3, (len(run.species), 3)) if number else 0
            paths.append(own(tmp_path / f"{start}-{repeated}.h5", run.part(start, stop), first=start, shift=shift))
        joined, report = read(*paths, limits=TINY, scratch=tmp_path)
        assert report.n_repeated == (2 if repeated else 0)
        assert (joined.framework_stride, joined.temperature_K) == (5, 700.0)
        np.testing.assert_allclose(joined.carriers, whole.carriers, atol=2e-5)
        np.testing.assert_allclose(joined.framework_displacement, whole.framework_displacement, atol=2e-6)
        np.testing.assert_allclose(joined.framework, whole.framework, atol=2e-5)
        assert any("shifted by whole cells" in message for message in report.messages)


def test_strides_that_do_not_fit_together_are_enlarged(tmp_path):
    run = make_run(60)
    paths = [
        own(tmp_path / "1.h5", run.part(0, 24), stride=4),
        own(tmp_path / "2.h5", run.part(24), first=24, stride=6),
    ]
    joined, _ = read(*paths)
    assert joined.framework_stride == 12
    framework = run.positions[::12, ~run.of("Li")]
    np.testing.assert_allclose(joined.framework, framework, atol=2e-5)


def test_a_file_that_was_being_written_is_read_as_far_as_it_is_whole(tmp_path):
    run = make_run(30)
    path = own(tmp_path / "a.h5", run)
    with h5py.File(path, "a") as file:
        for name in ("step", "time"):
            file[f"particles/carriers/position/{name}"].resize(27, axis=0)
    trajectory, report = read(path)
    assert (trajectory.n_frames, report.n_truncated) == (27, 3)


def test_a_file_without_framework_has_no_displacement(tmp_path):
    bare = Trajectory("Li", np.cumsum(np.full((5, 2, 3), 0.1), axis=0), CUBE, 0.1)
    write_h5md(tmp_path / "a.h5", bare)
    trajectory, _ = read(tmp_path / "a.h5")
    assert trajectory.framework is trajectory.framework_displacement is None
    np.testing.assert_allclose(trajectory.carriers, bare.carriers, atol=1e-6)


@pytest.mark.parametrize("wrapped", [True, False])
def test_what_mdanalysis_writes_is_read(tmp_path, wrapped):
    run = make_run(30, CELL)
    universe = MDAnalysis.Universe.empty(len(run.species), trajectory=True)
    universe.trajectory.units.update(time="ps", length="Angstrom", velocity="Angstrom/ps", force="kJ/(mol*Angstrom)")
    with MDAnalysis.Writer(str(tmp_path / "a.h5"), len(run.species), format="H5MD", chunks=(1, 7, 3)) as writer:
        for number, positions in enumerate(run.wrapped if wrapped else run.positions):
            universe.atoms.positions = positions
            universe.dimensions = triclinic_box(*CELL)
            universe.trajectory.ts.time = 0.25 * number
            universe.trajectory.ts.data["step"] = 5 * number
            writer.write(universe.atoms)
    topology = write_extxyz(tmp_path / "t.xyz", run.part(0, 1))
    trajectory, _ = read(tmp_path / "a.h5", topology=topology)
    assert_same_run(trajectory, run, atol=2e-5)
    assert trajectory.frame_interval_ps == pytest.approx(0.25)


@pytest.mark.parametrize(("unit", "time_unit", "scale"), [("nm", "fs", 10.0), ("A", "ps", 1.0), ("", "", 1.0)])
def test_other_layouts_and_units_are_read(tmp_path, unit, time_unit, scale):
    run = make_run(30)
    factor = 1000.0 if time_unit == "fs" else 1.0
    path = foreign(
        tmp_path / "a.h5", run, unit=unit, time_unit=time_unit, scale=scale, species=named(run),
        time=0.5 * factor * np.arange(30),
    )  # fmt: skip
    trajectory, report = read(path, limits=TINY)
    assert_same_run(trajectory, run)
    assert trajectory.frame_interval_ps == pytest.approx(0.5)
    assert any("no unit" in message for message in report.messages) == (not time_unit)


@pytest.mark.parametrize("edges", [CUBE, np.diag(CUBE)])
def test_fixed_boxes_and_scalar_steps_are_read(tmp_path, edges):
    run = make_run(30, CUBE)
    path = foreign(tmp_path / "a.h5", run, fixed=True, edges=edges, step=7, time=0.5, species=named(run))
    trajectory, _ = read(path)
    assert_same_run(trajectory, run)
    assert trajectory.frame_interval_ps == pytest.approx(0.5)


def test_images_are_used(tmp_path):
    run = make_run(30)
    run.fractional[:, 0, 0] += np.arange(30) * 0.7  # a step that no shortest way could follow
    path = foreign(tmp_path / "a.h5", run, image=np.floor(run.fractional).astype(int), species=named(run))
    trajectory, _ = read(path)
    assert_same_run(trajectory, run)


def test_a_group_is_chosen_among_several(tmp_path):
    first, second = make_run(20), make_run(20, seed=3)
    foreign(tmp_path / "a.h5", first, group="one", species=named(first))
    foreign(tmp_path / "a.h5", second, group="two", species=named(second))
    with pytest.raises(ValueError, match="several particle groups: choose h5md_group among one, two"):
        read(tmp_path / "a.h5")
    with pytest.raises(ValueError, match="no particle group 'three'; it has one, two"):
        read(tmp_path / "a.h5", h5md_group="three")
    trajectory, _ = read(tmp_path / "a.h5", h5md_group="two")
    assert_same_run(trajectory, second)


def test_numbers_for_species_need_a_topology(tmp_path):
    run = make_run(20)
    path = foreign(tmp_path / "a.h5", run)
    with pytest.raises(ValueError, match=r"a\.h5 does not name the elements of its atoms: give a topology"):
        read(path)
    trajectory, _ = read(path, topology=write_extxyz(tmp_path / "t.xyz", run.part(0, 1)))
    assert_same_run(trajectory, run)


def test_bad_files_are_refused(tmp_path):
    run = make_run(20)
    uneven = 0.5 * np.arange(20)
    uneven[12:] += 0.2
    path = foreign(tmp_path / "time.h5", run, time=uneven, species=named(run))
    with pytest.raises(ValueError, match=r"time\.h5.*frames are not equally spaced in time"):
        read(path)
    run.fractional[7, 2, 1] = np.inf
    path = foreign(tmp_path / "inf.h5", run, wrapped=False, species=named(run))
    for limits in (TINY, None):
        with pytest.raises(ValueError, match=r"inf\.h5 frame 7: the position of atom 2 \(Li\) is not finite"):
            read(path, limits=limits)
    with pytest.raises(ValueError, match="the unit 'furlong'"):
        read(foreign(tmp_path / "unit.h5", make_run(5, OBLIQUE), unit="furlong", species=named(run)))
    (tmp_path / "cut.h5").write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ValueError, match=r"cut\.h5 is no readable HDF5 file"):
        read(tmp_path / "cut.h5")
