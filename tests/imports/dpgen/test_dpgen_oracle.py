"""What is read of a DP-GEN project is what DP-GEN itself makes of it, where it is installed."""

from __future__ import annotations

import copy
import shutil
import warnings

import numpy as np
import pytest
from ase.io import write

from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.formats.kpoints import mesh_of_spacing
from aiida_concerted.formats.lammps_input import build_lammps_input
from aiida_concerted.formats.md_parameters import MdParameters
from aiida_concerted.formats.vasprun import read_vasprun_frames
from aiida_concerted.imports.dpgen.account import Account
from aiida_concerted.imports.dpgen.data import _with_kpoints, read_data
from aiida_concerted.imports.dpgen.labels import translate_labels
from aiida_concerted.imports.dpgen.project import read_project
from aiida_concerted.imports.dpgen.study import Wishes, compose, translate
from tests.engines import TYPE_MAP, labelled_frames, small_crystal
from tests.imports.dpgen.support import PARAM, write_project
from tests.surrogate.support import run, write_inputs

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import dpgen.generator.arginfo as arginfo
        import dpgen.generator.run as dpgen
        from dpgen.auto_test.lib.vasp import make_kspacing_kpoints
        from dpgen.generator.lib.lammps import make_lammps_input
except ImportError:
    dpgen = None

pytestmark = pytest.mark.skipif(dpgen is None, reason="DP-GEN is not installed")


def arguments():
    """Return DP-GEN's keys with LAMMPS and VASP, those of jobs apart."""
    schema = arginfo.run_jdata_arginfo()
    found = dict(schema.sub_fields)
    for variant in schema.sub_variants.values():
        for kind in ("lammps", "vasp"):
            if kind in variant.choice_dict:
                found |= variant.choice_dict[kind].sub_fields
    return found, found["model_devi_jobs"].sub_fields


def test_dpgen_takes_the_project():
    schema = arginfo.run_jdata_arginfo()
    content = schema.normalize_value(copy.deepcopy(PARAM), trim_pattern="_*")
    schema.check_value(content, strict=True)


def test_every_key_of_dpgen_is_known(tmp_path):
    top, job = arguments()
    project = read_project(write_project(tmp_path, n_finished=0))
    jobs = [{**dict.fromkeys(job, 1), **one} for one in PARAM["model_devi_jobs"]]
    for one in jobs:
        del one["template"], one["model_devi_f_trust_lo"], one["model_devi_f_trust_hi"]
    off = {key: False for key in top if key not in PARAM}
    off |= {"train_backend": "tensorflow", "fp_skip_bad_box": "tilt_ratio:2", "sys_format": "vasp/poscar"}
    off |= {"model_devi_engine": "lammps", "mass_map": "auto", "fp_accurate_soft_threshold": 0.9}
    off |= {"model_devi_v_trust_lo": 1e10, "model_devi_v_trust_hi": 1e10, "fp_aniso_kspacing": [0.3, 0.3, 0.3]}
    project.param.update({**off, "model_devi_jobs": jobs})
    found = translate(project)
    compose(found, Wishes(), {}, tmp_path)
    silent = [row.key for row in found.account.rows() if row.note == "not known to this import"]
    assert set(silent) == {"init_data_sys", "init_data_prefix"}  # spoken of when they are read


@pytest.mark.parametrize("index", [0, 2, 3])
def test_the_dynamics_are_those_of_dpgens_script(tmp_path, index):
    project = read_project(write_project(tmp_path, n_finished=index, model_devi_skip=0, model_devi_taut=0.3))
    job = project.jobs[index]
    taut = dpgen._get_lammps_job_settings(job, dict(project.param))[2]
    text = make_lammps_input(
        job["ensemble"], "conf.lmp", ["a.pb", "b.pb"], job["nsteps"], project.param["model_devi_dt"], None,
        job["trj_freq"], project.param["mass_map"], job["temps"][0], dict(project.param), tau_t=taut,
        pres=job.get("press", [-1])[0], deepmd_version="2.0",
    )  # fmt: skip
    theirs = {words[1]: words[3] for line in text.splitlines() if (words := line.split())[:1] == ["variable"]}
    explore = compose(translate(project), Wishes(), {}, tmp_path).content["learn"]["iteration"]["explore"]
    stage = explore["schedule"][0]
    parameters = from_mapping(MdParameters, {
        "carrier": "Li", "temperature_K": stage["temperatures_K"][0], "production_ps": stage["production_ps"],
        "pressure_bar": stage.get("pressures_bar", [None])[0], **explore["md"]}, "md")  # fmt: skip
    assert parameters.last_step == int(theirs["NSTEPS"])
    assert parameters.deviation_steps == parameters.frame_steps == int(theirs["THERMO_FREQ"])
    assert parameters.temperature_K == float(theirs["TEMP"])
    assert parameters.thermostat_damping_ps == float(theirs["TAU_T"])
    ours = build_lammps_input(parameters, TYPE_MAP, ["a.pb", "b.pb"], n_atoms=16)
    assert f"timestep {0.002:g}" in ours
    assert "timestep        0.002" in text
    assert (" npt " in ours) == (" npt " in text)
    if " npt " in text:
        assert parameters.pressure_bar == float(theirs["PRES"])
        assert parameters.barostat_damping_ps == float(theirs["TAU_P"])


@pytest.mark.parametrize("kspacing", [0.11, 0.3, 0.5])
def test_the_mesh_is_dpgens(tmp_path, kspacing):
    path = write_project(tmp_path)
    incar = (tmp_path / "INCAR").read_text().replace("KSPACING = 0.5", f"KSPACING = {kspacing}")
    (tmp_path / "INCAR").write_text(incar)
    _, labels = translate_labels(read_project(path), Account({}))
    poscar = tmp_path / "confs" / "rest" / "POSCAR"
    theirs = tuple(int(word) for word in make_kspacing_kpoints(str(poscar), kspacing, True).splitlines()[3].split())
    ours = mesh_of_spacing(small_crystal().cell.array, labels.spacing_2pi_per_A * 2 * np.pi).divisions
    assert ours == theirs
    frames = labelled_frames(2)
    sampling = _with_kpoints(labels, frames).sampling
    assert sampling.densities[0] == pytest.approx(np.prod(theirs) * small_crystal().get_volume())


def test_labels_are_those_that_dpgen_collects(tmp_path, monkeypatch):
    """Real runs of single points, collected by DP-GEN: energies, forces, virials and tasks are those of the runs."""
    path = write_project(tmp_path, n_finished=1, init_data_sys=[])
    labels = tmp_path / "iter.000000" / "02.fp"
    shutil.rmtree(labels)
    for number in range(4):
        task = write_inputs(
            labels / f"task.000.{number:06d}", "NSW = 0\nISIF = 2\n", symbols=("Li_sv", "Ge_d", "P", "S")
        )
        atoms = small_crystal()
        atoms.rattle(0.05, seed=number)
        write(task / "POSCAR", atoms, format="vasp")
        assert run(task)[0] == 0
        (task / "conf.dump").symlink_to(f"../../01.model_devi/task.000.000000/traj/{10 * number}.lammpstrj")
    monkeypatch.chdir(tmp_path)
    project = read_project(path)
    dpgen.post_fp_vasp(0, dict(project.param))
    _, how = translate_labels(project, Account({}))
    data = read_data(project, how, level_of_theory="test", progress=lambda done, total: None)
    assert data.failures == ()
    (part,) = data.parts
    frames = part.sets[0].frames
    assert frames.origins == tuple((f"iter.000000/02.fp/task.000.00000{n}", 10 * n) for n in range(4))
    for number in range(4):
        single = read_vasprun_frames(labels / f"task.000.{number:06d}" / "vasprun.xml").frames.sorted_by_species()
        assert frames.energies[number] == pytest.approx(single.energies[0], abs=1e-7)
        np.testing.assert_allclose(frames.forces[number], single.forces[0], atol=1e-5)
        np.testing.assert_allclose(frames.virials[number], single.virials[0], atol=1e-4)
    # A task that died leaves its place to the next, and only rows are known.
    shutil.rmtree(next(labels.glob("data.000")))
    (labels / "task.000.000001" / "OUTCAR").unlink()
    dpgen.post_fp_vasp(0, dict(project.param))
    data = read_data(project, how, level_of_theory="test", progress=lambda done, total: None)
    assert data.parts[0].sets[0].frames.origins[2] == ("iter.000000/02.fp/data.000/Li5Ge1P2S8", 2)
