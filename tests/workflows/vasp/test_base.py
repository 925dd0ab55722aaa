"""One VASP run: what the builder chooses, what the door refuses, and what is done about failures."""

import io

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida_vasp.calcs.vasp import VaspCalculation
from ase import Atoms
from ase.build import bulk

from aiida_concerted.workflows.protocols import ProtocolError
from aiida_concerted.workflows.vasp.base import VaspBaseWorkChain

DIED = VaspCalculation.exit_codes.ERROR_DID_NOT_FINISH.status
MISSING = VaspCalculation.exit_codes.ERROR_CRITICAL_MISSING_OBJECT.status
UNCONVERGED = VaspCalculation.exit_codes.ERROR_ELECTRONIC_NOT_CONVERGED.status


@pytest.fixture
def build(surrogate_code, rock_salt, overrides):
    def make(protocol="fast", run_type="static", **more):
        return VaspBaseWorkChain.get_builder_from_protocol(
            surrogate_code, rock_salt, protocol, {**overrides, **more}, run_type=run_type
        )

    return make


def ports(namespace, prefix=""):
    for name, port in namespace.items():
        yield f"{prefix}{name}", port
        if hasattr(port, "items"):
            yield from ports(port, f"{prefix}{name}.")


def test_every_port_has_help_and_every_exit_status_one_meaning():
    spec = VaspBaseWorkChain.spec()
    assert [name for name, port in [*ports(spec.inputs), *ports(spec.outputs)] if not port.help] == []
    statuses = [code.status for code in spec.exit_codes.values()]
    assert len(statuses) == len(set(statuses))


def test_paper_protocol_has_the_published_settings(build):
    builder = build("paper", "aimd", plain_potentials_if_missing=True)
    incar = builder.parameters.get_dict()["incar"]
    published = {"encut": 400, "ediff": 1e-6, "gga": "PE", "ibrion": 0, "mdalgo": 2, "smass": 0}
    assert {key: incar[key] for key in published} == published
    assert builder.kpoints.get_kpoints_mesh()[0] == [1, 1, 1]


@pytest.mark.parametrize("protocol", ["fast", "balanced", "stringent", "paper"])
def test_runs_of_one_protocol_share_what_decides_the_energy(build, protocol):
    incars = [build(protocol, run_type).parameters.get_dict()["incar"] for run_type in ("relax", "static", "aimd")]
    for tag in ("gga", "prec", "encut", "ediff", "ismear", "sigma", "ispin", "lasph", "lreal"):
        assert len({str(incar[tag]) for incar in incars}) == 1


def test_relaxation_keeps_the_lattice_and_no_run_has_monitors_or_extrapolated_energies_alone(build):
    builder = build(run_type="relax")
    assert builder.parameters.get_dict()["incar"]["isif"] == 2
    settings = builder.settings.get_dict()
    assert settings["no_default_monitors"] is True
    assert settings["parser_settings"]["energy_type"][0] == "energy_free"


def test_options_reach_the_calculation(surrogate_code, rock_salt, overrides):
    builder = VaspBaseWorkChain.get_builder_from_protocol(
        surrogate_code, rock_salt, "fast", overrides, {"max_wallclock_seconds": 60, "withmpi": True}
    )
    options = builder.calc.metadata.options
    assert (options.max_wallclock_seconds, options.withmpi) == (60, True)
    assert options.resources["num_machines"] == 1


def test_materials_project_potentials_come_first_and_plain_ones_only_where_allowed(
    surrogate_code, overrides, potcar_family
):
    table_salt = orm.StructureData(ase=bulk("NaCl", "rocksalt", a=5.6))
    builder = VaspBaseWorkChain.get_builder_from_protocol(surrogate_code, table_salt, "fast", overrides)
    assert builder.potential_mapping.get_dict() == {"Na": "Na", "Cl": "Cl"}
    with pytest.raises(ValueError, match=f"family '{potcar_family}' has no 'Na_pv' for Na") as caught:
        VaspBaseWorkChain.get_builder_from_protocol(surrogate_code, table_salt, "balanced", overrides)
    assert "\n" not in str(caught.value)


def test_missing_family_unknown_run_type_and_misspelt_override_are_named(build):
    with pytest.raises(ValueError, match="no POTCAR family 'nowhere'"):
        build(potential_family="nowhere")
    with pytest.raises(ProtocolError, match="did you mean 'static'"):
        build(run_type="statik")
    with pytest.raises(ProtocolError, match="did you mean 'clean_workdir'"):
        build(clean_workdirs=True)


def test_missing_element_is_refused_before_anything_is_submitted(build, process_of):
    builder = build()
    builder.structure = orm.StructureData(ase=bulk("LiF", "rocksalt", a=4.03))
    builder.potential_mapping = {"Li": "Li_sv", "F": "F"}
    with pytest.raises(ValueError, match="family 'placeholders' has no 'F' for F"):
        process_of(builder)
    builder.potential_mapping = {"Li": "Li_sv"}
    with pytest.raises(ValueError, match="names no POTCAR of family 'placeholders' for F"):
        process_of(builder)


def test_atoms_that_poscar_would_reorder_are_refused(build, process_of):
    builder = build()
    builder.structure = orm.StructureData(
        ase=Atoms("LiClLi", positions=[[0, 0, 0], [2, 0, 0], [4, 0, 0]], cell=[6] * 3)
    )
    with pytest.raises(ValueError, match="grouped by element"):
        process_of(builder)


def prepared(process):
    process.setup()
    assert process.init_inputs() is None
    process.ctx.iteration = 1
    return process


def test_a_run_that_died_is_started_again_once(build, process_of, failed_calculation):
    process = prepared(process_of(build()))
    process.ctx.children = [failed_calculation(DIED)]
    assert process.inspect_process().status == 0
    assert not process.ctx.is_finished
    assert process.ctx.inputs.metadata["disable_cache"] is True
    assert process.inspect_process().status == process.exit_codes.ERROR_DIED_TWICE.status


def test_the_last_words_of_a_run_that_died_twice_are_passed_on(build, process_of, failed_calculation):
    process = prepared(process_of(build()))
    folder = orm.FolderData()
    folder.base.repository.put_object_from_filelike(io.BytesIO(b"vasp_std: libmpi.so: not found\n\n"), "vasp_output")
    process.ctx.children = [failed_calculation(MISSING, retrieved=folder)]
    process.inspect_process()
    code = process.inspect_process()
    assert "the last said: vasp_std: libmpi.so: not found" in code.message


def test_a_run_whose_files_would_not_be_kept_is_refused(build, process_of):
    builder = build()
    builder.settings = {**builder.settings.get_dict(), "ALWAYS_STORE": False}
    with pytest.raises(ValueError, match=r"with ALWAYS_STORE false .* leave it out"):
        process_of(builder)


def test_a_relaxation_that_died_goes_on_from_its_last_geometry(build, process_of, failed_calculation, rock_salt):
    process = prepared(process_of(build(run_type="relax")))
    last = rock_salt.clone()
    process.ctx.children = [failed_calculation(DIED, structure=last)]
    process.inspect_process()
    assert process.ctx.inputs.structure.uuid == last.uuid


def test_dynamics_that_died_starts_over_and_is_never_continued_as_a_relaxation(
    build, process_of, failed_calculation, rock_salt
):
    process = prepared(process_of(build(run_type="aimd", incar_aimd={"nsw": 5, "potim": 2.0})))
    process.ctx.children = [failed_calculation(DIED, structure=rock_salt.clone())]
    process.inspect_process()
    assert process.ctx.inputs.structure.uuid == process.inputs.structure.uuid


def test_dynamics_with_an_unconverged_last_step_is_kept(build, process_of, failed_calculation):
    process = prepared(process_of(build(run_type="aimd", incar_aimd={"nsw": 5, "potim": 2.0})))
    process.ctx.children = [failed_calculation(UNCONVERGED, misc=orm.Dict({"run_status": {"nelm": 100}}))]
    assert process.inspect_process().status == 0
    assert process.ctx.is_finished


def test_static_run_without_convergence_is_mended_without_changing_what_decides_the_energy(
    build, process_of, failed_calculation
):
    process = prepared(process_of(build()))
    before = dict(process.ctx.inputs.parameters)
    misc = orm.Dict({"run_status": {"nelm": 100, "finished": True}, "notifications": []})
    process.ctx.children = [failed_calculation(UNCONVERGED, {"parameters": orm.Dict(before)}, misc=misc)]
    assert process.inspect_process().status == 0
    changed = {key for key, value in process.ctx.inputs.parameters.items() if before.get(key) != value}
    assert changed == {"algo"}


def test_no_monitor_is_attached_that_was_not_asked_for(build, process_of):
    builder = build()
    builder.settings = {"parser_settings": {}}
    assert "monitors" not in prepared(process_of(builder)).ctx.inputs


def test_a_folder_to_restart_from_needs_no_settings(build, process_of, fast_localhost, tmp_path):
    builder = build()
    builder.pop("settings", None)
    builder.restart_folder = orm.RemoteData(computer=fast_localhost, remote_path=str(tmp_path)).store()
    process = process_of(builder)
    process.setup()
    process.init_inputs()
    assert process.ctx.inputs.settings.get_dict() == {}


def test_low_cutoff_is_reported(build, process_of, caplog):
    prepared(process_of(build(incar={"encut": 250})))
    assert "below the largest ENMAX of 400.0 eV" in caplog.text


@pytest.mark.surrogate
def test_a_killed_start_is_repeated_and_the_folder_cleaned(mortal_code, rock_salt, overrides):
    builder = VaspBaseWorkChain.get_builder_from_protocol(mortal_code, rock_salt, "fast", overrides)
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    first, second = node.called
    assert (first.exit_status, second.exit_status) == (
        VaspCalculation.exit_codes.ERROR_CRITICAL_MISSING_OBJECT.status,
        0,
    )
    assert outputs["remote_folder"].is_empty
    assert "POTCAR" not in second.base.repository.list_object_names()


def test_the_build_for_the_gamma_point_is_taken_where_that_is_the_only_one(build, gamma_code, surrogate_code):
    assert build(gamma_code=gamma_code.full_label).code.uuid == gamma_code.uuid
    assert build(gamma_code=gamma_code.full_label, kpoints_spacing_2pi_per_A=0.05).code.uuid == surrogate_code.uuid
    with pytest.raises(ProtocolError, match="there is no code 'vasp_gam@moon'"):
        build(gamma_code="vasp_gam@moon")


def test_the_build_for_the_gamma_point_does_not_get_other_points(gamma_code, rock_salt, overrides):
    assert VaspBaseWorkChain.get_builder_from_protocol(gamma_code, rock_salt, "fast", overrides).code == gamma_code
    with pytest.raises(ProtocolError, match="is vasp_gam, which knows the Γ point alone"):
        VaspBaseWorkChain.get_builder_from_protocol(gamma_code, rock_salt, "balanced", overrides)


def test_potentials_may_be_pinned_by_their_hash(build, potcar_family):
    from aiida_vasp.data.potcar import PotcarData

    known = PotcarData.get_potcars_dict(["Li"], potcar_family, mapping={"Li": "Li_sv"})["Li"].sha512
    for digits in (known, known[:8].upper()):
        assert build(potential_hashes={"Li_sv": digits}).potential_mapping["Li"] == "Li_sv"
    with pytest.raises(
        ValueError, match=f"the POTCAR 'Li_sv' of family '{potcar_family}' .* has the SHA-512 {known[:16]}"
    ):
        build(potential_hashes={"Li_sv": "0" * 128})
    with pytest.raises(ValueError, match="at least 8 digits"):
        build(potential_hashes={"Li_sv": known[:7]})
    with pytest.raises(ValueError, match="potential_hashes names 'Li_vs'"):
        build(potential_hashes={"Li_vs": known})


@pytest.mark.parametrize("protocol", ["fast", "balanced", "stringent", "paper"])
def test_no_protocol_has_what_upstream_would_choose_for_other_purposes(build, protocol):
    builder = build(protocol, plain_potentials_if_missing=True)
    incar = builder.parameters.get_dict()["incar"]
    assert (incar["gga"], incar["ispin"]) == ("PE", 1)  # not PBEsol with spin
    assert not {"lvhar", "lorbit", "nedos"} & set(incar)
    assert {"forces", "stress"} <= set(builder.settings.get_dict()["parser_settings"]["exclude_quantity"])
