"""Smaller archives hold whole nodes, say what they lack, and can be imported."""

from __future__ import annotations

import json

import pytest
from aiida import orm
from aiida.tools.archive import import_archive
from click.testing import CliRunner

from aiida_concerted.archive.create import create_clean_archive
from aiida_concerted.archive.cut import EXTRA_LEFT_OUT, Content, Edge, choose
from aiida_concerted.archive.errors import ArchiveError
from aiida_concerted.archive.graph import Entry, Graph, Link
from aiida_concerted.archive.manifest import find_alterations, read_manifest
from aiida_concerted.archive.reading import open_archive
from aiida_concerted.archive.summary import summarise_archive
from aiida_concerted.archive.verify import verify_archive
from aiida_concerted.cli.archive_text import describe
from aiida_concerted.cli.main import cli
from aiida_concerted.data.potential import DeepPotentialData
from aiida_concerted.data.results import ArrheniusData, DiffusivityData
from aiida_concerted.data.sites import SiteHistoryData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from tests.archive.studies import RAW_BYTES, ended_study


@pytest.fixture(scope="module")
def study(aiida_profile):
    return ended_study(parts=("learn", "sweep", "vacancy"))


@pytest.fixture(scope="module")
def archives(study, tmp_path_factory):
    """Return path and report of an archive of each content."""
    folder = tmp_path_factory.mktemp("contents")
    return {
        content: (path := folder / f"{content}.aiida", create_clean_archive([study], path, content=content))
        for content in Content
    }


def number(backend, node_class):
    return orm.QueryBuilder(backend=backend).append(node_class).count()


def test_each_is_smaller_than_the_one_before(archives):
    full, frames, results = (path.stat().st_size for path, _ in archives.values())
    assert full > frames + 6 * RAW_BYTES
    assert frames > results
    assert results < 3_000_000
    assert archives[Content.FULL][1].cut is None


def test_frames_are_all_but_what_engines_left(archives):
    with open_archive(archives[Content.FULL][0]) as full, open_archive(archives[Content.FRAMES][0]) as frames:
        assert number(frames, orm.FolderData) == number(frames, orm.RemoteData) == 0
        for node_class in (MolecularDynamicsData, DeepPotentialData, DiffusivityData, orm.ProcessNode):
            assert number(frames, node_class) == number(full, node_class) > 0
        job = orm.QueryBuilder(backend=frames).append(orm.CalcJobNode).first(flat=True)
        assert job.base.extras.get(EXTRA_LEFT_OUT) == {"outputs": ["remote_folder", "retrieved"]}


def test_results_are_cut_at_site_histories_and_diffusivities(archives):
    path, removed = archives[Content.RESULTS]
    with open_archive(path) as backend:
        assert number(backend, SiteHistoryData) == number(backend, DiffusivityData) == 2
        assert number(backend, ArrheniusData) > 1
        for node_class in (MolecularDynamicsData, DeepPotentialData, orm.FolderData, orm.CalcJobNode):
            assert number(backend, node_class) == 0
    edges = set(removed.cut.edges)
    assert Edge("compute_diffusivity", "MolecularDynamicsData", "input", 2) in edges
    assert Edge("assign_carrier_sites", "MolecularDynamicsData", "input", 2) in edges
    assert not any(edge.missing == "input" for edge in edges if edge.process == "fit_diffusivity")


A, B, SWEEP, LATER_SWEEP = 1, 2, 3, 4
"""Studies and their sweeps; the later ones continue the first."""


def continued_graph(of_sweep, of_later_sweep):
    """Return a graph in which study ``B`` continues ``A``: sweeps return results by label, studies the same."""
    function = "aiida_concerted.calculations.functions.f.f"
    chain = Entry("process.workflow.workchain.WorkChainNode.", "aiida.workflows:concerted.sweep", "SweepWorkChain")
    results = {*of_sweep.values(), *of_later_sweep.values()}
    nodes = {pk: chain for pk in (A, B, SWEEP, LATER_SWEEP)} | {pk: Entry("data.concerted.modes.X.") for pk in results}
    nodes |= {pk + 100: Entry("process.calculation.calcfunction.X.", function, "f") for pk in results}
    links = [Link(A, SWEEP, "call_work", "sweep"), Link(B, LATER_SWEEP, "call_work", "sweep")]
    for pk in results:
        caller = SWEEP if pk in of_sweep.values() else LATER_SWEEP
        links += [Link(pk + 100, pk, "create", "result"), Link(caller, pk + 100, "call_calc", f"f{pk}")]
    for study, sweep, returned in ((A, SWEEP, of_sweep), (B, LATER_SWEEP, of_later_sweep)):
        for label, pk in returned.items():
            links += [Link(sweep, pk, "return", label), Link(study, pk, "return", f"sweep__{label}")]
    return Graph(nodes, tuple(links))


@pytest.mark.parametrize("continued", [[(B, A), (LATER_SWEEP, SWEEP)], [(LATER_SWEEP, SWEEP)]])
def test_a_result_that_a_later_process_made_anew_is_left_out(continued):
    graph = continued_graph({"a": 11, "b": 12, "c": 14}, {"a": 11, "b": 13})
    assert choose(graph, Content.RESULTS) == set(graph.nodes)
    assert choose(graph, Content.RESULTS, continued) == set(graph.nodes) - {12, 112}  # c was not made anew
    assert choose(graph, Content.FRAMES, continued) == set(graph.nodes)
    # It does not come back as what another result, which stays, was made from.
    taken = Graph(graph.nodes, (*graph.links, Link(12, 114, "input_calc", "point")))
    assert choose(taken, Content.RESULTS, continued) == set(graph.nodes) - {12, 112}


def test_the_results_of_a_sweep_that_was_taken_over_whole_stay():
    graph = continued_graph({"a": 11, "b": 12}, {"a": 11, "b": 13})
    assert choose(graph, Content.RESULTS, [(B, A)]) == set(graph.nodes)  # the first sweep is part of both


@pytest.mark.parametrize("content", [Content.FRAMES, Content.RESULTS])
def test_the_manifest_says_what_was_left_out(archives, study, content):
    path, removed = archives[content]
    cut = read_manifest(path)["cut"]
    assert cut == json.loads(json.dumps(removed.cut.as_dict()))
    assert cut["left_out"]["FolderData"]["bytes"] == cut["left_out"]["FolderData"]["nodes"] * RAW_BYTES
    with open_archive(archives[Content.FULL][0]) as full, open_archive(path) as backend:
        lost = number(full, orm.Node) - number(backend, orm.Node)
    assert sum(amount["nodes"] for amount in cut["left_out"].values()) == lost
    summary = summarise_archive(path)
    assert [found.uuid for found in summary.studies] == [study.uuid]
    assert f"Content:   {content}; {lost} nodes were left out" in describe(summary)
    assert find_alterations(path) == []


def test_where_the_cut_runs_is_shown(archives):
    text = describe(summarise_archive(archives[Content.RESULTS][0]))
    assert "Cut:       compute_diffusivity without its 2 MolecularDynamicsData" in text


def test_a_machine_is_named_by_none(archives):
    for path, _ in archives.values():
        content = path.read_bytes()
        assert b"login.cluster.example" not in content
        with open_archive(path) as backend:
            computers = orm.QueryBuilder(backend=backend).append(orm.Computer, project="hostname").all(flat=True)
        assert set(computers) <= {"host.invalid"}


def test_verify_computes_what_it_can(archives):
    result = CliRunner().invoke(cli, ["archive", "verify", str(archives[Content.RESULTS][0])], standalone_mode=False)
    assert result.return_value == 0
    assert "0 differ, 5 were not checked." in result.stdout
    assert "(its inputs were left out of the archive (trajectory))" in result.stdout
    assert "Not checked: 4 whose inputs are not in this archive" in result.stdout
    assert "Not checked: 1 that could not be computed again" in result.stdout
    agreed = [line for line in result.stdout.splitlines() if line.startswith("agrees")]
    assert any("Arrhenius" in line for line in agreed)
    assert any(line.split()[2:] == ["ModeFrequencies", "modes", "LGPS", "800", "K"] for line in agreed)


def test_nothing_to_keep_is_one_line(aiida_profile, tmp_path):
    with pytest.raises(ArchiveError, match="no result in what was asked for"):
        create_clean_archive([orm.Int(1).store()], tmp_path / "int.aiida", content=Content.RESULTS)
    assert list(tmp_path.iterdir()) == []


def test_each_is_imported_and_completed_by_the_next(archives, study, tmp_path, aiida_config, aiida_profile_factory):
    from aiida.manage import get_manager

    manager, uuid = get_manager(), study.uuid
    previous, uuid = manager.get_profile(), study.uuid
    with aiida_profile_factory(aiida_config, name="receiver"):
        for content in (Content.RESULTS, Content.FRAMES, Content.FULL):
            import_archive(archives[content][0])
            found = orm.load_node(uuid)
            assert found.outputs.sweep.diffusivities.run_T800.get_arrays()
            with open_archive(archives[content][0]) as backend:
                assert number(None, orm.Node) == number(backend, orm.Node)
        histories = orm.QueryBuilder().append(SiteHistoryData).all(flat=True)
        assert all(history.creator.inputs.trajectory.get_trajectory().carriers.size for history in histories)
        create_clean_archive([found], tmp_path / "again.aiida")
        verdicts = [verdict for verdict in verify_archive(tmp_path / "again.aiida") if verdict.function]
        assert {verdict.outcome for verdict in verdicts} == {"agrees"}
    manager.load_profile(previous.name, allow_switch=True)
