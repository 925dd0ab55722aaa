"""Study files become the builders that the same words in Python would make, and what is missing is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from aiida import orm
from ase.io import write

from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.data.potential import DeepPotentialData
from aiida_concerted.workflows.studyfile import ONLY, SCHEMA, build, parse_study, preview
from tests.data.test_stashed import stashed_run
from tests.engines import TYPE_MAP, small_crystal


@pytest.fixture
def codes(dp_code, lmp_code, surrogate_code):
    return {"dp": dp_code.uuid, "lmp": lmp_code.uuid, "vasp": surrogate_code.uuid}


@pytest.fixture
def study(codes, lgps_potcars, tmp_path):
    """Return a function that makes the study file of LGPS with further keys."""
    write(tmp_path / "POSCAR", small_crystal(), format="vasp")
    base = {
        "schema": SCHEMA,
        "material": "LGPS",
        "protocol": "fast",
        "codes": codes,
        "potcars": {"family": lgps_potcars},
    }
    return lambda **more: parse_study({**base, **more}, folder=tmp_path)


@pytest.fixture
def model(tiny_models):
    words = {"type_map": TYPE_MAP, "cutoff_A": 5.0, "version": "3.2.0", "level_of_theory": "test"}
    return DeepPotentialData(tiny_models[0], **words).store()


def test_a_whole_study_takes_what_each_section_says(study):
    file = study(
        seed=7,
        study={"aimd_temperatures_K": [500], "with_vacancy": True, "relax": {"incar": {"encut": 300}}},
        aimd={"n_steps": 33},
        learn={"iteration": {"explore": {"md": {"production_ps": 0.5}}}},
        sweep={"temperatures_K": [500, 700], "runs_per_job": 4},
        analyse={"window_ps": 0.5},
        resources={"all": {"max_wallclock_seconds": 60}, "vasp": {"queue_name": "cpu"}, "lmp": {"queue_name": "gpu"}},
    )
    builder = build(file, for_real=False)
    assert builder.seed.value == 7
    assert builder.aimd_temperatures_K.get_list() == [500]
    assert builder.aimd.n_steps.value == 33
    assert builder.relax.parameters["incar"]["encut"] == 300
    assert builder.learn.iteration.explore.md["production_ps"] == 0.5
    assert builder.sweep.analysis["window_ps"] == 0.5
    assert builder.sweep.temperatures_K.get_list() == [500, 700]
    assert builder.sweep.runs_per_job.value == 4
    for calculation in (builder.aimd.vasp.calc, builder.vacancy.vasp.calc, builder.learn.iteration.label.vasp.calc):
        assert calculation.metadata.options["queue_name"] == "cpu"
    assert builder.sweep.run.md.metadata.options["queue_name"] == "gpu"
    train = builder.learn.final.train.metadata.options
    assert train["max_wallclock_seconds"] == 60
    assert train["resources"] == {"num_machines": 1, "num_mpiprocs_per_machine": 1}
    assert "queue_name" not in train
    text = preview(builder)
    assert text.startswith("StudyWorkChain:")
    assert "temperatures_K: [500, 700]" in text


PAGE = Path(__file__).parents[3] / "docs" / "howto" / "from-cif.md"


def test_the_file_of_the_page_on_cifs_is_a_study(codes, lgps_potcars, tmp_path):
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    write(tmp_path / "cell.cif", small_crystal().repeat((1, 2, 2)), format="cif")
    content = {**yaml.safe_load(text), "codes": codes, "potcars": {"family": lgps_potcars}}
    builder = build(parse_study(content, folder=tmp_path), for_real=False)
    assert builder.learn.stopping["observable"] == {"temperature_K": 1000}
    assert builder.learn.iteration.explore.schedule[-1]["production_ps"] == 60
    assert builder.sweep.target["max_production_ps"] == 5000


def test_parts_alone_take_nodes(study, model, tiny_frames):
    frames = LabelledFramesData(tiny_frames, level_of_theory="test").store()
    file = study(
        structure="POSCAR",
        carrier="Li",
        aimd={"temperature_K": 300},
        learn={"dataset": frames.pk, "validation": frames.uuid, "structures": {"rock": "POSCAR"}},
        sweep={"models": [model.uuid], "temperatures_K": [300, 400], "supercell": [2, 2, 2]},
    )
    for only in ("aimd", "sweep", "vacancy"):
        assert build(file, only).structure.get_formula() == "GeLi5P2S8", only
    assert build(file, "aimd").temperature_K.value == 300
    learn = build(file, "learn")
    assert learn.validation.uuid == frames.uuid
    assert list(learn.iteration.explore.structures) == ["rock"]
    sweep = build(file, "sweep")
    assert sweep.models["model_0"].uuid == model.uuid
    assert sweep.analysis["material"] == "LGPS"
    assert sweep.sites.base.attributes.get("material") == "LGPS"


def test_a_committee_alone_is_trained_on_the_datasets_that_are_named(study, codes, tiny_frames):
    frames = LabelledFramesData(tiny_frames, level_of_theory="test").store()
    file = study(
        seed=5,
        committee={
            "training": {"first": frames.pk, "second": frames.uuid}, "validation": {"last": frames.pk}, "n_models": 2,
            "train": {"n_steps": 60}, "compress": True,
        },
        resources={"dp": {"queue_name": "gpu"}},
    )  # fmt: skip
    builder = build(file, "committee")
    assert sorted(builder.train.training) == ["first", "second"]
    assert builder.train.validation["last"].uuid == frames.uuid
    assert (builder.n_models.value, builder.seed.value, builder.train.parameters["n_steps"]) == (2, 5, 60)
    assert builder.train.metadata.options.queue_name == "gpu"
    assert builder.train.compress.value is True
    assert build(study(committee={"training": {"first": frames.pk}}), "committee").train.compress.value is False


def test_a_dataset_is_known_by_its_content(study, tiny_frames):
    for _ in range(2):  # imported twice: the frames are the same, whichever is taken
        digest = LabelledFramesData(tiny_frames, level_of_theory="test").store().content_hash
    for name in (digest, digest[:8]):
        committee = build(study(committee={"training": {"first": name}}), "committee")
        assert committee.train.training["first"].content_hash == digest
    LabelledFramesData(tiny_frames, level_of_theory="another").store()
    with pytest.raises(ValueError, match="several levels of theory"):
        build(study(committee={"training": {"first": digest}}), "committee")
    for name in (digest[:7], "0" * 64):
        with pytest.raises(ValueError, match="there is no node"):
            build(study(committee={"training": {"first": name}}), "committee")


def test_a_loop_compresses_where_it_is_asked_to(study, tiny_frames):
    frames = LabelledFramesData(tiny_frames, level_of_theory="test").store()
    sections = {"dataset": frames.pk, "final": {"compress": True}}
    learn = build(study(learn={**sections, "iteration": {"committee": {"compress": True}}}), "learn", for_real=False)
    assert learn.iteration.committee.train.compress.value
    assert learn.final.train.compress.value
    learn = build(study(learn=sections), "learn", for_real=False)
    assert not learn.iteration.committee.train.compress.value


def test_a_preview_does_not_pass_an_outline_off_as_the_structure(study, tiny_frames, model):
    file = study(sweep={"models": [model.uuid]})
    assert "structure: ordered from the site model when it runs" in preview(build(file, "sweep", for_real=False))


def test_without_a_structure_one_is_ordered_when_it_is_for_real(study):
    file = study(vacancy={"selection": "one_per_label"}, study={"ordering": {"n_steps": 50, "n_restarts": 1}})
    assert len(build(file, "vacancy", for_real=False).structure.sites) > 50
    structure = build(file, "vacancy").structure
    assert len(structure.sites) == 50
    assert structure.creator.process_label == "order_site_model"


@pytest.mark.parametrize(
    ("more", "only", "said"),
    [
        ({"codes": {"dp": "dp"}}, "aimd", "codes.vasp is missing: name the code of VASP"),
        ({"codes": {"vasp": "vaps"}}, "aimd", "codes.vasp: 'vaps' names no code"),
        ({"structure": "cell.cif"}, "aimd", "structure: there is no file"),
        ({"structure": 987654}, "aimd", "structure: there is no node '987654'"),
        ({"material": "Unobtainium"}, None, "a site model is missing for a study"),
        ({"material": "LLZO", "sites": "lgps"}, None, "material is 'LLZO', but the site model is that of 'LGPS'"),
        ({"carrier": "Na"}, None, "the sites of 'LGPS' are those of Li, but the carrier is Na"),
        ({}, "learn", "learn.dataset is missing"),
        ({}, "sweep", "sweep.models is missing"),
        ({}, "committee", "committee.training is missing"),
        ({"committee": {"training": {"50 atoms": 1}}}, "committee", "committee.training: '50 atoms' is no name"),
        ({"committee": {"training": {"a__b": 1}}}, "committee", "committee.training: 'a__b' is no name"),
        ({"committee": {"training": {"a": 987654}}}, "committee", "committee.training.a: there is no node '987654'"),
        ({"committee": {"n_models": 2}}, None, "committee would be ignored"),
        ({"sweep": {"models": [1]}}, None, "sweep.models would be ignored"),
        ({"aimd": {"temperature_K": 1}}, None, "a study runs at study.aimd_temperatures_K"),
        ({"analyse": {"window_ps": 1}, "sweep": {"analysis": {"window_ps": 2}}}, None, "keep one of them"),
        ({"potcars": {"family": "none"}}, "vacancy", "there is no POTCAR family 'none'"),
    ],
)
def test_what_is_missing_or_does_not_fit_is_named(study, more, only, said):
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        build(study(**more), only, for_real=False)
    assert "\n" not in str(caught.value)


def test_disordered_structures_are_refused(study, tmp_path):
    crystal = small_crystal()
    (tmp_path / "mixed.cif").write_text(
        "data_x\n_cell_length_a 5\n_cell_length_b 5\n_cell_length_c 5\n_cell_angle_alpha 90\n_cell_angle_beta 90\n"
        "_cell_angle_gamma 90\n_symmetry_space_group_name_H-M 'P 1'\nloop_\n_atom_site_label\n_atom_site_type_symbol\n"
        "_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy\nLi1 Li 0 0 0 0.5\n"
        "S1 S 0.5 0.5 0.5 1\n"
    )
    with pytest.raises(ValueError, match="partly occupied"):
        build(study(structure="mixed.cif"), "aimd")
    mixed = crystal[[0, 8, 1, 9, *range(2, 8), *range(10, 16)]]
    node = orm.StructureData(ase=mixed).store()
    write(tmp_path / "mixed.xyz", mixed, format="extxyz")
    with pytest.raises(ValueError, match="grouped by element"):
        build(study(structure=node.pk), "aimd")


def test_every_part_has_a_builder():
    assert ONLY == ("aimd", "committee", "learn", "sweep", "vacancy", "analyse")


def test_one_gamma_build_and_hashes_serve_every_run_of_vasp(study, codes, surrogate_code, lgps_potcars):
    from aiida_vasp.data.potcar import PotcarData

    known = PotcarData.get_potcars_dict(["Li"], lgps_potcars, mapping={"Li": "Li_sv"})["Li"].sha512
    gamma = {"codes": {**codes, "vasp_gam": surrogate_code.pk}}
    builder = build(study(**gamma, potcars={"family": lgps_potcars, "hashes": {"Li_sv": known}}), for_real=False)
    assert builder.aimd.vasp.code.pk == surrogate_code.pk
    with pytest.raises(ValueError, match="has the SHA-512"):
        build(study(potcars={"family": lgps_potcars, "hashes": {"Li_sv": "0" * 16}}), for_real=False)
    with pytest.raises(ValueError, match="no code 'vasp_gam@moon'"):
        build(study(codes={**codes, "vasp_gam": "vasp_gam@moon"}), for_real=False)


@pytest.mark.parametrize(
    ("aimd", "reason"),
    [
        ({"incar": {"encut": 300}}, "ENCUT is 300 in one and 400 in the other"),
        ({"kpoints_spacing_2pi_per_A": 0.03}, "density of k-points"),
    ],
)
def test_labels_that_differ_from_the_frames_they_join_are_refused_at_the_door(study, aimd, reason):
    with pytest.raises(ValueError, match=f"would not belong to the frames of aimd: .*{reason}"):
        build(study(aimd={"vasp": aimd}), for_real=False)


@pytest.fixture
def concerted_code(engine_code):
    """Return the code of our own command."""
    return engine_code("concerted", "concerted.reduce", "aiida-concerted")


def test_frames_of_a_sweep_stay_where_a_folder_is_named(study, codes, concerted_code):
    resources = {"all": {"max_wallclock_seconds": 60}, "concerted": {"queue_name": "cpu"}}
    words = {"codes": {**codes, "concerted": concerted_code.full_label}, "resources": resources}
    builder = build(study(**words, sweep={"stash": {"folder": "/frames"}}), for_real=False)
    options = builder.sweep.run.md.metadata.options
    assert options["stash"]["target_base"] == "/frames"
    assert options["stash"]["stash_mode"] == "tar"
    assert options["stash"]["source_list"] == ["carriers.dcd", "framework.dcd", "framework_mean.dat"]
    assert options["max_wallclock_seconds"] == 60
    assert builder.sweep.run.reduce.code.uuid == concerted_code.uuid
    assert builder.sweep.run.reduce.metadata.options["queue_name"] == "cpu"
    assert not builder.learn.iteration.explore.run.md.metadata.options.get("stash")
    at_home = build(study(**words), for_real=False)
    assert not at_home.sweep.run.md.metadata.options.get("stash")
    with pytest.raises(ValueError, match=r"needs a code that analyses frames where they are: give codes\.concerted"):
        build(study(sweep={"stash": {"folder": "/frames"}}), for_real=False)
    with pytest.raises(ValueError, match=r"runs that share a job bring their frames home: set runs_per_job to 1"):
        build(study(**words, sweep={"stash": {"folder": "/frames"}, "runs_per_job": 2}), for_real=False)


def test_runs_whose_frames_stay_are_analysed_by_a_code_of_their_computer(study, codes, concerted_code, fast_localhost):
    run = stashed_run(fast_localhost)
    with pytest.raises(ValueError, match=rf"the frames of <{run.pk}> stay on .*codes\.concerted"):
        build(study(analyse={"trajectories": [run.pk]}), "analyse")
    words = {"codes": {"concerted": concerted_code.uuid}, "resources": {"concerted": {"queue_name": "cpu"}}}
    builder = build(study(**words, analyse={"trajectories": [run.pk]}), "analyse")
    assert builder.trajectories == {"run_T600": run}
    assert builder.reduce.code.uuid == concerted_code.uuid
    assert builder.reduce.metadata.options["queue_name"] == "cpu"
