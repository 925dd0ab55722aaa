"""A DP-GEN project in the words of a study file: every key has one row, and numbers stand where they mean the same."""

from __future__ import annotations

import copy
import json
import math

import pytest
import yaml
from ase.io import read, write

from aiida_concerted.imports.dpgen.account import LEFT_OUT, STATES, flattened
from aiida_concerted.imports.dpgen.project import read_project
from aiida_concerted.imports.dpgen.study import Wishes, compose, translate
from aiida_concerted.workflows.protocols.loader import load_protocols
from aiida_concerted.workflows.studyfile import SCHEMA, parse_study
from tests.imports.dpgen.support import MACHINE, PARAM, PASSWORD, write_project


@pytest.fixture
def compose_from(tmp_path):
    """Return a function from changes of the parameters to the translation and the study file's content."""

    def make(**changes):
        folder = tmp_path / f"project{len(list(tmp_path.iterdir()))}"
        path = write_project(folder, **changes)
        found = translate(read_project(path, folder / "machine.json"))
        composed = compose(found, Wishes(), {}, folder)
        parse_study({"schema": SCHEMA, **composed.content}, folder=folder)
        return found, composed.content, composed

    return make


def rows_of(found):
    return {row.key: row for row in found.account.rows()}


def explore_of(content):
    return content["learn"]["iteration"]["explore"]


def test_nets_rates_and_weights_are_those_of_the_project(compose_from):
    _, content, _ = compose_from()
    committee = content["learn"]["iteration"]["committee"]
    train = committee["train"]
    assert committee["n_models"] == 4
    assert (train["cutoff_A"], train["smooth_cutoff_A"], train["sel"]) == (5.0, 0.5, [40, 20, 20, 60])
    assert (train["descriptor_neurons"], train["axis_neurons"]) == ([25, 50, 100], 12)
    assert train["fitting_neurons"] == [120, 120, 120]
    assert (train["start_learning_rate"], train["stop_learning_rate"], train["decay_steps"]) == (0.002, 1e-7, 2000)
    assert (train["energy_prefactors"], train["force_prefactors"]) == ([0.02, 2.0], [1000.0, 1.0])
    assert train["n_steps"] == 200000
    assert train["type_one_side"] is False
    final = content["learn"]["final"]["train"]
    assert "n_steps" not in final
    assert "decay_steps" not in final
    assert final["descriptor_neurons"] == train["descriptor_neurons"]


def test_the_jobs_that_are_left_are_the_schedule(compose_from):
    _, content, _ = compose_from()
    first, second = explore_of(content)["schedule"]
    both = ["sys1_0", "sys1_1"]
    assert first == {"turns": 1, "structures": ["sys0", *both], "temperatures_K": [900.0], "production_ps": 6.0}
    assert second["structures"] == both
    assert second["pressures_bar"] == [1.0, 100.0]
    assert content["learn"]["max_iterations"] == 2
    _, content, _ = compose_from(n_finished=0)
    first, *others = explore_of(content)["schedule"]
    assert first["turns"] == 2
    assert first["temperatures_K"] == [300.0, 600.0]
    assert "pressures_bar" not in first
    assert len(others) == 2


def test_the_dynamics_have_the_steps_of_the_jobs(compose_from):
    _, content, _ = compose_from(model_devi_skip=500, model_devi_taut=0.3)
    explore = explore_of(content)
    assert explore["md"] == {
        "timestep_fs": 2.0, "frame_interval_ps": 0.02, "deviation_interval_ps": 0.02, "equilibration_ps": 1.0,
        "thermostat_damping_ps": 0.3, "barostat_damping_ps": 0.5,
    }  # fmt: skip
    assert explore["schedule"][0]["production_ps"] == 5.0


def test_the_selection_has_the_levels_and_caps_of_each_system(compose_from):
    found, content, _ = compose_from(
        model_devi_f_trust_lo={"0": 0.1, "1": 0.2},
        model_devi_f_trust_hi=[0.25, 0.5],
        model_devi_v_trust_lo=0.05,
        model_devi_v_trust_hi=0.2,
        fp_accurate_soft_threshold=0.9,
        fp_skip_bad_box="length_ratio:5; min_distance:1.2",
    )
    selection = explore_of(content)["selection"]
    general = (selection["trust_lower_eV_A"], selection["trust_upper_eV_A"])
    levels = {entry["system"]: (entry["trust_lower_eV_A"], entry["trust_upper_eV_A"]) for entry in selection["levels"]}
    of = {name: levels.get(name, general) for name in ("sys0", "sys1_0", "sys1_1")}
    assert of == {"sys0": (0.1, 0.25), "sys1_0": (0.2, 0.5), "sys1_1": (0.2, 0.5)}
    assert (selection["virial_lower_eV"], selection["virial_upper_eV"]) == (0.05, 0.2)
    assert selection["rule"] == "dpgen"
    assert (selection["accurate_threshold"], selection["accurate_soft_threshold"]) == (0.995, 0.9)
    assert selection["screens"]["length_ratio"] == 5.0
    assert selection["screens"]["min_distances_A"]["Li-S"] == 1.2
    assert len(selection["screens"]["min_distances_A"]) == 10
    assert rows_of(found)["fp_skip_bad_box"].state == "carried"


def test_the_adaptive_rule_counts_in_fractions(compose_from):
    changes = {"model_devi_adapt_trust_lo": True, "model_devi_numb_candi_f": 30, "model_devi_perc_candi_f": 2}
    _, content, _ = compose_from(**changes, n_finished=3)
    selection = explore_of(content)["selection"]
    assert selection["rule"] == "adaptive"
    assert selection["adaptive"] == {"group": "all", "number_force": 30, "number_virial": 0, "share_force": 0.02}


def test_caps_count_what_dpgen_counts(compose_from):
    """DP-GEN counts by entry of sys_configs, which may have many structures: a cap of each would label many more."""

    def caps(**changes):
        found, content, _ = compose_from(**changes)
        selection = explore_of(content)["selection"]
        row = rows_of(found)["fp_task_max"]
        return selection["scope"], selection["max_selected"], selection["min_selected"], row.state

    one_each = [["rest/POSCAR"], ["hot/0/POSCAR"]]
    assert caps(sys_configs=one_each) == ("system", 20, 2, "carried")
    assert caps(n_finished=3) == ("all", 20, 2, "carried")  # one entry a turn
    assert caps(n_finished=2) == ("all", 40, 2, "changed")  # two in one of the turns


def test_relative_levels_are_not_taken_for_absolute_ones(compose_from):
    found, content, _ = compose_from(use_relative=True, epsilon=0.3)
    assert "trust_lower_eV_A" not in explore_of(content)["selection"]
    for key in ("use_relative", "epsilon", "model_devi_f_trust_lo"):
        assert rows_of(found)[key].state == LEFT_OUT


def test_labels_have_what_the_incar_means_and_no_more(compose_from):
    found, content, _ = compose_from()
    vasp = content["learn"]["iteration"]["label"]["vasp"]
    assert vasp["kpoints_spacing_2pi_per_A"] == pytest.approx(0.5 / (2 * math.pi), rel=1e-7)
    given = {"prec": "Accurate", "encut": 450, "ediff": 1e-6, "ismear": 0, "sigma": 0.05, "lreal": "A", "gga": "PE"}
    defaults = {"nelm": 60, "nelmin": 2, "algo": "Normal", "ispin": 1, "lasph": False}
    assert vasp["incar"] == {**given, **defaults, "lwave": False}
    assert content["potcars"]["mapping"] == {"Li": "Li_sv", "Ge": "Ge_d", "P": "P", "S": "S"}
    note = rows_of(found)["fp_incar"].note
    for word in ("NSW", "ISYM", "LASPH"):
        assert word in note


def test_no_tag_of_our_protocols_stays_that_an_incar_does_not_have(compose_from):
    _, content, _ = compose_from()
    ours = set(load_protocols("vasp_base")["default_inputs"]["incar"])
    harmless = {"lcharg", "lwave"}  # files alone
    assert ours - harmless <= set(content["learn"]["iteration"]["label"]["vasp"]["incar"])


def test_two_systems_of_other_atoms_do_not_fit_one_study(compose_from, tmp_path):
    path = write_project(tmp_path / "two")
    atoms = read(tmp_path / "two" / "confs" / "rest" / "POSCAR")
    write(tmp_path / "two" / "confs" / "rest" / "POSCAR", atoms * (1, 1, 2), format="vasp", sort=True)
    found = translate(read_project(path))
    composed = compose(found, Wishes(), {}, tmp_path)
    assert set(composed.content["learn"]["structures"]) == {"sys1_0", "sys1_1"}
    assert any("1 structures of Ge2Li10P4S16" in line for line in composed.lost)
    assert composed.content["learn"]["structures"]["sys1_0"] == "two/confs/hot/0/POSCAR"
    # With frames of the larger cell alone, that is the one.
    other = compose(
        translate(read_project(path)), Wishes(), {(("Ge", 2), ("Li", 10), ("P", 4), ("S", 16)): 5}, tmp_path
    )
    assert set(other.content["learn"]["structures"]) == {"sys0"}


def test_cells_below_the_cutoff_are_told(compose_from):
    training = copy.deepcopy(PARAM["default_training_param"])
    training["model"]["descriptor"]["rcut"] = 7.0
    found, content, composed = compose_from(default_training_param=training)
    assert "structures" not in content["learn"]
    assert "schedule" not in explore_of(content)
    assert len(composed.lost) == 3
    assert "5.20 Å high, less than the cutoff of 7 Å" in composed.lost[0]
    assert rows_of(found)["sys_configs"].state == LEFT_OUT


KEYS_OF_DPGEN = {
    "use_ele_temp": 0, "sys_format": "vasp/poscar", "init_batch_size": "auto", "sys_batch_size": ["auto"],
    "training_iter0_model_path": ["a"], "training_init_model": True, "dp_train_skip_neighbor_stat": False,
    "dp_compress": True, "training_reuse_iter": 3, "training_reuse_old_ratio": "auto",
    "training_reuse_numb_steps": 400000, "training_reuse_start_lr": 1e-4, "training_reuse_start_pref_e": 0.1,
    "training_reuse_start_pref_f": 100, "model_devi_activation_func": None, "srtab_file_path": "zbl", "one_h5": True,
    "train_backend": "pytorch", "training_finetune_model": ["a"], "model_devi_engine": "lammps",
    "model_devi_v_trust_lo": 1e10, "model_devi_v_trust_hi": 1e10, "model_devi_adapt_trust_lo": False,
    "model_devi_numb_candi_f": 10, "model_devi_numb_candi_v": 0, "model_devi_perc_candi_f": 0.0,
    "model_devi_perc_candi_v": 0.0, "model_devi_f_avg_relative": False, "model_devi_merge_traj": True,
    "model_devi_nopbc": False, "model_devi_plumed": False, "model_devi_plumed_path": False, "shuffle_poscar": False,
    "use_relative": False, "epsilon": 0.0, "use_relative_v": False, "epsilon_v": 0.0, "fp_aniso_kspacing": [0.4] * 3,
    "cvasp": True, "fp_skip_bad_box": "tilt_ratio:2", "fp_accurate_soft_threshold": 0.9, "fp_cluster_vacuum": 3.0,
    "detailed_report_make_fp": True,
}  # fmt: skip
"""Every further key that DP-GEN 0.14 takes for LAMMPS and VASP, with a value."""


def test_every_key_has_one_row_and_is_known(compose_from):
    given = {key: value for key, value in KEYS_OF_DPGEN.items() if value is not None}
    found, _, _ = compose_from(**given, my_own_key=[1, 2], user_token="abc")
    rows = found.account.rows()
    param = json.loads((found.project.folder / "param.json").read_text())
    assert [row.key for row in rows] == [key for key, _ in flattened(param)]
    tops = {row.key.split(".")[0] for row in rows}
    assert tops == set(param)
    assert all(row.state in STATES for row in rows)
    # What stands nowhere says why, and what is known has been looked at; data are spoken of when they are read.
    silent = [row.key for row in rows if row.note == "not known to this import"]
    assert silent == ["init_data_prefix", "init_data_sys", "my_own_key", "user_token"]
    assert all(row.note for row in rows if row.state == LEFT_OUT)
    assert all(row.place or row.note for row in rows)
    shown = {row.key: row.value for row in rows}
    assert shown["my_own_key"] == "[1, 2]"
    assert shown["user_token"] == "…"


def test_compression_is_carried_to_both_committees(compose_from):
    _, content, _ = compose_from(dp_compress=True)
    assert content["learn"]["iteration"]["committee"]["compress"] is True
    assert content["learn"]["final"]["compress"] is True
    _, content, _ = compose_from()
    assert "compress" not in content["learn"]["final"]
    with pytest.raises(ValueError, match="dp_compress must be true or false"):
        compose_from(dp_compress="yes")


VARIANTS = {
    "plain": {},
    "everything": {key: value for key, value in KEYS_OF_DPGEN.items() if value is not None},
    "relative": {"use_relative": True, "epsilon": 0.3},
    "templates": {"model_devi_jobs": [{"sys_idx": [0], "template": {"lmp": "in.lammps"}, "trj_freq": 10}]},
    "no structures": {"sys_configs": [["nowhere/POSCAR"], []]},
    "other files": {"sys_format": "lammps/lmp", "fp_incar": "nowhere", "fp_aniso_kspacing": [0.4, 0.4, 0.4]},
    "other nets": {
        "default_training_param": {"model": {"descriptor": {"type": "dpa1"}}, "training": {"numb_steps": 9}}
    },
    "levels": {"model_devi_f_trust_lo": [0.1, 0.2], "model_devi_v_trust_lo": [0.1, 0.2]},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_said_to_be_carried_is_in_the_study_file(compose_from, name):
    found, content, _ = compose_from(n_finished=0, **VARIANTS[name])
    rows = found.account.rows()
    assert [row.key for row in rows] == list(dict.fromkeys(row.key for row in rows))
    silent = {row.key for row in rows if row.note == "not known to this import"}
    assert silent == {"init_data_prefix", "init_data_sys"}
    for row in rows:
        assert not (row.state == LEFT_OUT and row.place), row
        if row.place and not row.place.startswith("codes."):
            value = content
            for key in row.place.split("."):
                assert key in value, row
                value = value[key]


def test_the_machine_gives_queues_and_no_secrets(compose_from):
    found, content, _ = compose_from()
    assert content["resources"]["dp"]["queue_name"] == "gpu"
    assert content["resources"]["dp"]["gpus"] == 1
    assert content["resources"]["vasp"]["resources"] == {"num_machines": 2, "num_mpiprocs_per_machine": 16}
    assert content["resources"]["vasp"]["withmpi"] is True
    assert "lmp" not in content["resources"]
    said = " ".join(f"{row}" for row in found.machine.rows())
    for secret in (PASSWORD, "kim", "login.example.org", "secretproject"):
        assert secret not in said
    assert "mpirun -n 32 vasp_std" in said
    n_leaves = sum(1 for _ in leaves(MACHINE))
    assert len(found.machine.rows()) == n_leaves
    assert not [row for row in found.machine.rows() if row.note == "not known to this import"]


def leaves(content):
    for value in content.values():
        if isinstance(value, dict):
            yield from leaves(value)
        else:
            yield value


def test_yaml_is_read_as_json_is(tmp_path):
    path = write_project(tmp_path)
    (tmp_path / "param.yaml").write_text(yaml.safe_dump(json.loads(path.read_text())))
    one, other = (
        compose(translate(read_project(file)), Wishes(), {}, tmp_path) for file in (path, tmp_path / "param.yaml")
    )
    assert one.content == other.content


def test_models_may_differ_in_seeds_only(compose_from):
    first = copy.deepcopy(PARAM["default_training_param"])
    second = copy.deepcopy(first)
    second["training"]["seed"] = 7
    _, content, _ = compose_from(default_training_param=[first, second])
    assert content["learn"]["iteration"]["committee"]["train"]["cutoff_A"] == 5.0
    second["model"]["descriptor"]["rcut"] = 6.0
    with pytest.raises(ValueError, match="the models differ in more than their seeds"):
        compose_from(default_training_param=[first, second])


def test_other_descriptors_are_said_and_not_guessed(compose_from):
    training = copy.deepcopy(PARAM["default_training_param"])
    training["model"]["descriptor"] = {"type": "dpa2", "repinit": {"rcut": 6.0}}
    found, content, _ = compose_from(default_training_param=training)
    assert "cutoff_A" not in content["learn"]["iteration"]["committee"]["train"]
    row = rows_of(found)["default_training_param.model.descriptor.repinit.rcut"]
    assert row.state == LEFT_OUT
    assert "dpa2" in row.note


def test_jobs_of_other_kinds_are_said(compose_from):
    jobs = copy.deepcopy(PARAM["model_devi_jobs"])
    jobs[2]["template"] = {"lmp": "lmp/input.lammps"}
    jobs[3] |= {"ensemble": "npt", "press": [-500.0], "trj_freq": 20}
    found, content, _ = compose_from(model_devi_jobs=jobs)
    (stage,) = explore_of(content)["schedule"]
    assert "pressures_bar" not in stage
    rows = rows_of(found)
    assert rows["model_devi_jobs.template"].state == LEFT_OUT
    assert rows["model_devi_jobs.press"].state == "changed"
    assert "constant volume" in rows["model_devi_jobs.press"].note
    assert "barostat" in rows["model_devi_jobs.ensemble"].note


def test_jobs_of_their_own_levels_and_steps_are_said(compose_from):
    jobs = copy.deepcopy(PARAM["model_devi_jobs"])
    jobs[2]["model_devi_f_trust_lo"] = 0.15
    jobs[3]["model_devi_f_trust_lo"] = 0.18
    jobs[3]["dt"] = 0.001
    found, content, _ = compose_from(model_devi_jobs=jobs)
    rows = rows_of(found)
    assert explore_of(content)["selection"]["trust_lower_eV_A"] == 0.15
    assert rows["model_devi_jobs.model_devi_f_trust_lo"].state == "changed"
    assert rows["model_devi_jobs.dt"].state == "changed"
    # Each stage keeps its own length.
    assert [stage["production_ps"] for stage in explore_of(content)["schedule"]] == [6.0, 3.0]


def test_all_finished_goes_on_with_the_last_job(compose_from):
    found, content, _ = compose_from(n_finished=4)
    (stage,) = explore_of(content)["schedule"]
    assert stage["pressures_bar"] == [1.0, 100.0]
    assert "all jobs are finished" in rows_of(found)["model_devi_jobs.temps"].note
