"""A sweep whose frames stay where they were made is the sweep that brought them home."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node

from aiida_concerted import queries
from aiida_concerted.calculations.reduce import ReduceCalculation
from aiida_concerted.data.stashed import StashedTrajectoryData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.report.gather import gather_study
from aiida_concerted.report.gather_trajectories import with_trajectories
from aiida_concerted.report.node_figures import figure_of_node
from aiida_concerted.workflows.analyse import AnalyseWorkChain
from aiida_concerted.workflows.lammps.md import LammpsMdWorkChain
from aiida_concerted.workflows.lammps.sealing import reduce_builder
from aiida_concerted.workflows.stashing import fill_stash
from aiida_concerted.workflows.sweep import SweepWorkChain
from tests.calculations.test_lammps_md import potential
from tests.conftest import SINGLE_THREAD, executable
from tests.engines import small_crystal
from tests.parsers.test_reduce import assert_same, rock_salt_sites

pytestmark = [pytest.mark.lammps, pytest.mark.usefixtures("aiida_profile")]

MD = {
    "anneal_ps": 0.0, "anneal_from_K": None, "equilibration_ps": 0.08, "production_ps": 1.6, "frame_interval_ps": 0.02,
    "framework_stride": 2, "restart_interval_ps": 0.4, "wall_A": None, "max_temperature_drift": None,
}  # fmt: skip
ANALYSIS = {"window_ps": 0.2, "recrossing_ps": 0.04, "discard_ps": 0.0, "material": "toy"}
TARGET = {"diffusivity_relative_error": 0.001, "max_production_ps": 2.4, "max_rounds": 1}
PARTS = ("diffusivities", "site_histories", "site_statistics", "modes")


@pytest.fixture
def concerted_code(engine_code):
    """Return the code of our own command."""
    return engine_code("concerted", "concerted.reduce", "aiida-concerted")


@pytest.fixture
def build(lmp_code, concerted_code, tiny_models):
    """Return a function that makes a sweep of two temperatures."""
    crystal, model, sites = orm.StructureData(ase=small_crystal()).store(), potential(tiny_models[0]).store(), None
    sites = rock_salt_sites().store()

    def make(folder=None, **overrides):
        stash = {"code": concerted_code.full_label, "folder": None if folder is None else str(folder)}
        builder = SweepWorkChain.get_builder_from_protocol(
            lmp_code, crystal, {"m": model}, sites=sites, protocol="fast",
            overrides={
                "supercell": [1, 1, 1], "temperatures_K": [300, 400], "md": MD, "analysis": ANALYSIS, "stash": stash,
                **overrides,
            },
        )  # fmt: skip
        return builder

    return make


def children_of(node, kind):
    return [link.node for link in node.base.links.get_outgoing(link_type=(LinkType.CALL_WORK, LinkType.CALL_CALC)).all()
            if link.node.process_label == kind.__name__]  # fmt: skip


@pytest.fixture
def stash(tmp_path):
    """Return the folder that frames stay in; the work of the computer is beside it."""
    folder = tmp_path / "stash"
    folder.mkdir()
    return folder


@pytest.mark.slow
def test_frames_that_stay_are_analysed_verified_and_analysed_anew(build, lmp_code, concerted_code, stash):
    _, home = run_get_node(build())
    _, away = run_get_node(build(stash))
    assert home.exit_status == away.exit_status, (home.exit_message, away.exit_message)
    for part in PARTS:
        here, there = home.outputs[part], away.outputs[part]
        assert set(here) == set(there) == {"run_T300", "run_T400"}
        for name in here:
            ours, theirs = ({**node.base.attributes.all, "study_uuid": ""} for node in (here[name], there[name]))
            assert ours == theirs
            if part != "site_histories":
                assert here[name].get_result() == there[name].get_result()
    for name, node in away.outputs.trajectories.items():
        known = home.outputs.trajectories[name]
        assert (type(known), type(node)) == (MolecularDynamicsData, StashedTrajectoryData)
        assert (node.n_frames, node.duration_ps) == (known.n_frames, known.duration_ps)
        (segment,) = node.get_segments()
        assert segment.kind == "tar"
        assert Path(segment.place).parent == stash
    rows = queries.diffusivities(study=away.uuid)
    digest = known.base.attributes.get("potential_sha256")
    assert [(row["code"], row["potential_sha256"]) for row in rows] == [(lmp_code.label, digest)] * 2
    (row,) = (row for row in queries.trajectories(temperature_K=400) if row["uuid"] == node.uuid)
    assert row["places"] == [f"localhost:{segment.place}"]
    content = with_trajectories(gather_study(away), away)
    with pytest.raises(
        ValueError, match=r"no figure 'rdf': missing are densities.*2 runs whose frames stay on localhost"
    ):
        figure_of_node("rdf", away)
    assert content.missing[-1] == "densities, pair functions and events of the 2 runs whose frames stay on localhost"

    again = build(stash, analysis={**ANALYSIS, "window_ps": 0.1})
    again.continues = away.uuid
    _, other = run_get_node(again)
    assert other.exit_status == away.exit_status
    assert not children_of(other, LammpsMdWorkChain)
    assert other.outputs.modes.run_T300["window_ps"] == 0.1
    assert other.outputs.trajectories.run_T300.uuid == away.outputs.trajectories.run_T300.uuid

    runs = dict(away.outputs.trajectories.items())
    place = Path(runs["run_T300"].get_segments()[0].place)
    place.unlink()
    builder = AnalyseWorkChain.get_builder_for_runs(
        runs, sites=away.inputs.sites, protocol="fast", overrides=ANALYSIS, reduce_code=concerted_code
    )
    _, alone = run_get_node(builder)
    assert alone.exit_status == AnalyseWorkChain.exit_codes.WARNING_RUNS_REFUSED.status
    assert f"run_T300: {place} is not there" in alone.exit_message
    assert set(alone.outputs.diffusivities) == {"run_T400"}
    assert alone.outputs.diffusivities.run_T400.get_result() == away.outputs.diffusivities.run_T400.get_result()


@pytest.mark.slow
def test_a_run_whose_frames_stay_becomes_longer_until_its_target_is_reached(build, stash):
    _, node = run_get_node(build(stash, target=TARGET, temperatures_K=[300]))
    assert node.exit_status == SweepWorkChain.exit_codes.WARNING_TARGET_MISSED.status, node.exit_message
    trajectory = node.outputs.trajectories.run_T300
    assert len(trajectory.get_segments()) == 2
    assert trajectory.duration_ps == pytest.approx(2.4)
    assert node.outputs.diffusivities.run_T300["duration_ps"] == pytest.approx(2.4)
    assert len(children_of(node, ReduceCalculation)) == 2  # one to judge each length, the last of them for the results


KILLED = """#!/bin/bash
# LAMMPS, killed in its first segment between two restart files
if [ ! -e start.restart ]; then
  sed -i -e "s/^variable production loop 1 4$/variable production loop 1 1/" \\
    -e "s/^run 840 upto$/run 330 upto\\nshell \\"kill -9 \\$PPID\\"/" "$2"
fi
exec "{lmp}" "$@"
"""


@pytest.mark.slow
def test_a_run_that_was_killed_is_sealed_as_the_run_that_nobody_touched(
    lmp_code, concerted_code, tiny_models, fast_localhost, tmp_path
):
    script = tmp_path / "lmp"
    script.write_text(KILLED.format(lmp=executable("lmp")))
    script.chmod(0o755)
    killed_code = orm.InstalledCode(
        label="killed", computer=fast_localhost, filepath_executable=str(script), prepend_text=SINGLE_THREAD,
        default_calc_job_plugin="concerted.lammps.md",
    ).store()  # fmt: skip
    results = []
    for code, folder in ((lmp_code, "whole"), (killed_code, "killed")):
        builder = LammpsMdWorkChain.get_builder_from_protocol(
            code, orm.StructureData(ase=small_crystal()), {"m": potential(tiny_models[0])}, protocol="fast",
            overrides={"md": {**MD, "temperature_K": 300}},
        )  # fmt: skip
        fill_stash(builder, {"folder": str(tmp_path / folder), "mode": "tar", "code": concerted_code.full_label})
        _, node = run_get_node(builder)
        assert node.is_finished_ok, node.exit_message
        again = reduce_builder({"code": concerted_code}, trajectory=node.outputs.trajectory, parameters={})
        results.append((node, run_get_node(again)[1]))
    (whole, expected), (killed, found) = results
    assert [len(node.outputs.trajectory.get_segments()) for node in (whole, killed)] == [1, 2]
    assert killed.outputs.trajectory.n_frames == whole.outputs.trajectory.n_frames == 81
    assert_same(found.outputs.diffusivity, expected.outputs.diffusivity)


@pytest.mark.slow
def test_frames_that_cannot_be_stashed_stay_in_the_folder_of_their_job(
    lmp_code, concerted_code, tiny_models, tmp_path, caplog
):
    builder = LammpsMdWorkChain.get_builder_from_protocol(
        lmp_code, orm.StructureData(ase=small_crystal()), {"m": potential(tiny_models[0])}, protocol="fast",
        overrides={"md": {**MD, "temperature_K": 300}},
    )  # fmt: skip
    (tmp_path / "full").write_text("where no folder can be made")
    fill_stash(builder, {"folder": str(tmp_path / "full"), "mode": "tar", "code": concerted_code.full_label})
    _, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    assert "segment_001: its frames could not be stashed and stay in the folder of its job" in caplog.text
    (segment,) = node.outputs.trajectory.get_segments()
    assert segment.kind == "folder"
    assert set(segment.sha256) == {"carriers.dcd", "framework.dcd", "framework_mean.dat"}
    assert node.outputs.trajectory.n_frames == 81


def test_frames_cannot_stay_without_a_code_that_reads_them_there(build, lmp_code, fast_localhost):
    with pytest.raises(ValueError, match=r"stash\.folder needs a code that analyses frames where they are"):
        build("/frames", stash={"folder": "/frames"})
    with pytest.raises(ValueError, match="must be an absolute path"):
        build("frames")
    with pytest.raises(ValueError, match=r"stash\.mode: there is no 'tar\.gx': did you mean 'tar"):
        build(stash={"folder": "/frames", "mode": "tar.gx", "code": "concerted@localhost"})
    builder = build("/frames")
    del builder.run["reduce"]
    with pytest.raises(ValueError, match=r"give reduce\.code"):
        run_get_node(builder)
