"""A run analysed where its frames lie gives what it gives at home, to the last digit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_concerted.analysis.sites import SiteNetwork
from aiida_concerted.calculations.functions.analyse_site_history import analyse_site_history
from aiida_concerted.calculations.functions.assign_carrier_sites import assign_carrier_sites
from aiida_concerted.calculations.functions.compute_diffusivity import compute_diffusivity
from aiida_concerted.calculations.functions.join_segments import join_segments
from aiida_concerted.calculations.functions.judge_run import judge_run
from aiida_concerted.calculations.reduce import ReduceCalculation
from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.reduction.request import ReduceRequest
from aiida_concerted.reduction.work import reduce_file, reduce_run
from tests.calculations.test_lammps_md import builder_of, potential
from tests.engines import LATTICE, small_crystal

pytestmark = [pytest.mark.lammps, pytest.mark.usefixtures("aiida_profile")]

MD = {
    "temperature_K": 500, "equilibration_ps": 0.1, "framework_stride": 2,
    "restart_interval_ps": 0.4,
}  # fmt: skip
KINDS = ("tar", "tar.gz")
ANALYSIS = {"window_ps": 0.2, "recrossing_ps": 0.04, "discard_ps": 0.1, "seed": 3, "material": "toy"}
TARGET = {"diffusivity_relative_error": 0.1, "max_production_ps": 10.0, "modes": ["A-A-A"], "modes_relative_error": 0.3}


def rock_salt_sites():
    """Return the places of the cations as sites, without a framework."""
    fcc = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    network = SiteNetwork("toy", ("A", "A", "A", "B"), fcc, np.eye(3) * LATTICE, max_edge_A=4.5, modes=("A-A-A",))
    return SiteNetworkData(network, carrier="Li")


@pytest.fixture(scope="module")
def run(request, tiny_models, tmp_path_factory):
    """Return two jobs of one run, the second from the restart file of the first."""
    lmp_code = request.getfixturevalue("module_lmp_code")
    model = potential(tiny_models[0])
    builders = [builder_of(lmp_code, [model], small_crystal(), **{**MD, "production_ps": ps}) for ps in (1.2, 3.0)]
    for builder, kind in zip(builders, KINDS, strict=True):
        builder.metadata.options.stash = {
            "target_base": str(tmp_path_factory.mktemp("stash")), "stash_mode": kind, "dereference": False,
            "source_list": ["*.d[ac]*"],  # what is named by a pattern is retrieved as well
        }  # fmt: skip
    first, begun = run_get_node(builders[0])
    builders[1].structure, builders[1].restart = begun.inputs.structure, first["restart"]
    second, ended = run_get_node(builders[1])
    assert begun.is_finished_ok and ended.is_finished_ok  # noqa: PT018
    return [(begun, first), (ended, second)]


@pytest.fixture(scope="module")
def module_lmp_code(aiida_profile, tmp_path_factory):
    """Return the code of the real ``lmp`` on a computer without polite waiting times."""
    return local_code("lmp", "concerted.lammps.md", tmp_path_factory)


@pytest.fixture(scope="module")
def reduce_code(module_lmp_code, tmp_path_factory):
    """Return the code of our own command on the same computer."""
    return local_code("aiida-concerted", "concerted.reduce", tmp_path_factory)


def local_code(name, plugin, tmp_path_factory):
    from tests.conftest import SINGLE_THREAD, executable

    found = orm.QueryBuilder().append(orm.Computer, filters={"label": "reduce-here"}).first(flat=True)
    if found is None:
        work = tmp_path_factory.mktemp("work")
        found = orm.Computer(
            label="reduce-here", hostname="localhost", transport_type="core.local", scheduler_type="core.direct",
            workdir=str(work),
        ).store()  # fmt: skip
        found.set_minimum_job_poll_interval(0.1)
        found.configure(safe_interval=0.0)
    return orm.InstalledCode(
        label=name, computer=found, default_calc_job_plugin=plugin, filepath_executable=executable(name),
        prepend_text=SINGLE_THREAD,
    ).store()  # fmt: skip


@pytest.fixture(scope="module")
def at_home(run):
    """Return the results of the calcfunctions from the frames that were brought home."""
    (begun, first), (_, second) = run
    structure, parameters = begun.inputs.structure, orm.Dict(ANALYSIS).store()
    pairs = {f"{label}_{n:03d}": part[label] for n, part in enumerate((first, second))
             for label in ("trajectory", "results", "thermo")}  # fmt: skip
    joined = join_segments(run[1][0].inputs.parameters, structure, **pairs)
    trajectory, sites = joined["trajectory"], rock_salt_sites().store()
    history = assign_carrier_sites(trajectory, sites, parameters, structure=structure)
    analysed = analyse_site_history(history, sites, parameters)
    return {
        "trajectory": trajectory, "sites": sites, "parameters": parameters, "structure": structure,
        "target": orm.Dict(TARGET).store(),
        "diffusivity": compute_diffusivity(trajectory, parameters, structure=structure),
        "site_history": history, "site_statistics": analysed["statistics"], "modes": analysed["modes"],
        "judgement": judge_run(trajectory, parameters, orm.Dict(TARGET), structure=structure, sites=sites),
    }  # fmt: skip


def reduce_builder(code, at_home, **inputs):
    builder = ReduceCalculation.get_builder()
    builder.code = code
    for label in ("sites", "parameters", "structure", "target"):
        builder[label] = at_home[label]
    for label, node in inputs.items():
        builder[label] = node
    builder.metadata.options.resources = {"num_machines": 1, "num_mpiprocs_per_machine": 1}
    return builder


@pytest.fixture(scope="module")
def reduced(run, reduce_code, at_home):
    """Return the outputs of the first reduction, from the folders of both jobs."""
    folders = {f"segment_{n}": node.outputs.remote_folder for n, (node, _) in enumerate(run)}
    outputs, node = run_get_node(reduce_builder(reduce_code, at_home, segments=folders))
    assert node.is_finished_ok, (node.exit_message, node.outputs.retrieved.get_object_content("reduce.log"))
    return outputs


def assert_same(one, other):
    """Assert that two results agree in every number, attribute and array."""
    assert one.base.attributes.all == other.base.attributes.all
    if hasattr(one, "get_result"):
        assert one.get_result() == other.get_result()
        arrays, others = one.get_arrays(), other.get_arrays()
    else:
        arrays, others = one._arrays(), other._arrays()
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        assert array.dtype == others[name].dtype
        assert np.array_equal(array, others[name]), name


@pytest.mark.parametrize("label", ["diffusivity", "site_history", "site_statistics", "modes"])
def test_every_result_is_that_of_the_frames_at_home_to_the_last_digit(reduced, at_home, label):
    assert_same(reduced[label], at_home[label])


def test_the_run_is_judged_as_it_is_at_home(reduced, at_home):
    assert reduced["judgement"].get_dict() == at_home["judgement"].get_dict()
    assert "held" in reduced["judgement"].get_dict()  # this potential holds no framework


def test_a_run_of_an_unknown_crystal_is_judged_as_it_is_at_home(reduced, at_home, tmp_path):
    found = reduce_run(replace(request_of(reduced), crystal=None), tmp_path).judgement
    inputs = [at_home[label] for label in ("trajectory", "parameters", "target")]
    # Numbers of a Dict have the digits that AiiDA keeps.
    assert orm.Dict(found).store().get_dict() == judge_run(*inputs, sites=at_home["sites"]).get_dict()
    assert found["diffusivity_m2_s"][0] > 0


def test_the_results_are_of_a_run_that_moved(reduced):
    # Equality of nothing would say nothing.
    assert reduced["diffusivity"]["diffusivity_m2_s"] > 0
    assert reduced["site_history"].get_history().n_hops > 0
    assert len(reduced["diffusivity"].get_arrays()["lag_ps"]) > 10


def test_the_node_of_the_run_says_what_that_of_its_frames_says(reduced, at_home, run):
    stashed, known = reduced["trajectory"], at_home["trajectory"].base.attributes.all
    attributes = stashed.base.attributes.all
    assert {key: attributes[key] for key in known} == known
    assert stashed.duration_ps == at_home["trajectory"].duration_ps
    segments = stashed.get_segments()
    assert [segment.start_step for segment in segments] == [None, run[1][0].inputs.restart.base.attributes.get("step")]
    assert all(len(digest) == 64 for segment in segments for digest in segment.sha256.values())
    left = Path(segments[0].place).parent.rglob("reduce_*")
    assert list(left) == []


def test_a_run_longer_than_the_memory_gives_the_same(reduced, run, tmp_path):
    request = request_of(reduced)
    one = reduce_run(request, tmp_path)
    other = reduce_run(request, tmp_path, memory_bytes=1)
    assert list(tmp_path.iterdir()) == []
    assert one.contents.keys() == other.contents.keys() == {"diffusivity", "history", "statistics", "modes"}
    for part, content in one.contents.items():
        assert content.attributes == other.contents[part].attributes
        assert content.result == other.contents[part].result
        for name, array in content.arrays.items():
            assert np.array_equal(array, other.contents[part].arrays[name])


def request_of(reduced):
    node = reduced["diffusivity"].creator
    stored = json.loads(node.base.repository.get_object_content(ReduceCalculation.REQUEST))
    return ReduceRequest.from_dict(stored)


@pytest.mark.slow
def test_a_stash_is_analysed_verified_and_analysed_anew(run, reduce_code, at_home, reduced):
    stashes = {f"segment_{n}": node.outputs.remote_stash for n, (node, _) in enumerate(run)}
    outputs, node = run_get_node(reduce_builder(reduce_code, at_home, segments=stashes))
    assert node.is_finished_ok, node.exit_message
    assert [segment.kind for segment in outputs["trajectory"].get_segments()] == list(KINDS)
    for label in ("diffusivity", "site_history", "site_statistics", "modes"):
        assert_same(outputs[label], reduced[label])
    again = {"trajectory": outputs["trajectory"], "parameters": orm.Dict({**ANALYSIS, "window_ps": 0.1})}
    other, node = run_get_node(reduce_builder(reduce_code, at_home, **again))
    assert node.is_finished_ok, node.exit_message
    assert "trajectory" not in other
    assert other["modes"]["window_ps"] == 0.1
    assert other["diffusivity"].get_result() == reduced["diffusivity"].get_result()

    path = Path(outputs["trajectory"].get_segments()[0].place)
    content = path.read_bytes()
    path.write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
    _, node = run_get_node(reduce_builder(reduce_code, at_home, **again))
    assert node.exit_status == ReduceCalculation.exit_codes.ERROR_FRAMES_CHANGED.status
    assert f"{path} is no longer the file it was" in node.exit_message
    path.unlink()
    _, node = run_get_node(reduce_builder(reduce_code, at_home, **again))
    assert node.exit_status == ReduceCalculation.exit_codes.ERROR_FRAMES_MISSING.status
    assert f"{path} is not there" in node.exit_message
    assert set(node.outputs) == {"remote_folder", "retrieved"}


def test_a_missing_segment_is_named_and_leaves_nothing(run, reduced, tmp_path):
    stored = json.loads(reduced["diffusivity"].creator.base.repository.get_object_content(ReduceCalculation.REQUEST))
    late = {**stored["segments"][1], "start_step": 5}
    path = tmp_path / "request.json"
    for segments, reason in (
        ([{**stored["segments"][0], "place": str(tmp_path / "gone")}], "gone/carriers.dcd is not there"),
        ([stored["segments"][0], late], "begins at step"),
        ([{**stored["segments"][0], "kind": "rar"}], "a segment lies in a folder or one of tar"),
    ):
        path.write_text(json.dumps({**stored, "segments": segments}))
        with pytest.raises(ValueError, match=reason):
            reduce_file(path, tmp_path)
        left = {file.name for file in tmp_path.iterdir()}
        assert left == {"request.json", "reduced.json", "reduced.npz"}
        assert reason in json.loads((tmp_path / "reduced.json").read_text())["failure"][1]


@pytest.mark.slow
def test_what_is_too_short_says_so_and_the_rest_is_kept(reduce_code, at_home, reduced):
    inputs = {"trajectory": reduced["trajectory"], "parameters": orm.Dict({**ANALYSIS, "discard_ps": 2.9})}
    outputs, node = run_get_node(reduce_builder(reduce_code, at_home, **inputs))
    assert node.exit_status == ReduceCalculation.exit_codes.WARNING_RESULTS_REFUSED.status
    assert "no diffusivity from this trajectory" in node.exit_message
    assert "diffusivity" not in outputs
    assert "site_history" in outputs


def test_a_code_elsewhere_and_folders_of_others_are_refused(run, reduced, at_home, reduce_code):
    elsewhere = orm.Computer(
        label="reduce-far", hostname="far", transport_type="core.local", scheduler_type="core.direct", workdir="/far"
    ).store()
    code = orm.InstalledCode(label="far", computer=elsewhere, filepath_executable="/bin/aiida-concerted").store()
    with pytest.raises(ValueError, match="lies on reduce-here, where the code far@reduce-far does not run"):
        run_get_node(reduce_builder(code, at_home, trajectory=reduced["trajectory"]))
    folder = orm.RemoteData(computer=reduce_code.computer, remote_path="/far/folder").store()
    with pytest.raises(ValueError, match=r"was not left by concerted\.lammps\.md"):
        run_get_node(reduce_builder(reduce_code, at_home, segments={"a": folder}))
    with pytest.raises(ValueError, match="needs segments, or a trajectory"):
        run_get_node(reduce_builder(reduce_code, at_home))
