"""What cannot be computed again is told apart from what agrees, and an archive is not believed that says so itself."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ProcessState
from click.testing import CliRunner

from aiida_concerted.archive.create import create_clean_archive
from aiida_concerted.archive.cut import EXTRA_LEFT_OUT, Content
from aiida_concerted.archive.manifest import KEY, read_manifest
from aiida_concerted.archive.verify import verify_archive
from aiida_concerted.calculations.functions.collect_labels import collect_labels
from aiida_concerted.calculations.functions.compute_vacancy_energies import compute_vacancy_energies
from aiida_concerted.cli.main import cli
from aiida_concerted.data.frames import LabelledFramesData
from tests.archive.test_manifest import rewrite
from tests.calculations.functions.test_compute_vacancy_energies import PLAN
from tests.calculations.functions.test_compute_vacancy_energies import run as relaxed
from tests.calculations.functions.vasp_runs import retrieved


def of_a_job(folder):
    """Return a folder as a job of VASP leaves it: made by a calculation."""
    _, computer = orm.Computer.collection.get_or_create(
        label="somewhere", hostname="localhost", transport_type="core.local", scheduler_type="core.direct"
    )
    job = orm.CalcJobNode(computer=computer.store())
    job.set_option("resources", {"num_machines": 1})
    job.set_process_state(ProcessState.FINISHED)
    job.set_exit_status(0)
    job.store()
    new = orm.FolderData()
    new.base.repository.put_object_from_bytes(
        folder.base.repository.get_object_content("vasprun.xml", "rb"), "vasprun.xml"
    )
    new.base.links.add_incoming(job, LinkType.CREATE, "retrieved")
    new.store()
    job.seal()
    return new


def labels(parameters):
    """Return frames collected from two runs."""
    runs = {
        f"run_{name}": of_a_job(retrieved(energies=(energy,), electronic=(1,)))
        for name, energy in (("a", -3.0), ("b", -2.0))
    }
    outputs, process = collect_labels.run_get_node(orm.Dict(parameters), **runs)
    assert process.is_finished_ok
    return outputs["frames"]


def vacancies():
    from ase.build import bulk

    runs = {"perfect": -100.0, "reference": -4.0, "vacancy_000": -95.0, "vacancy_001": -94.0}
    cell, element = (
        orm.StructureData(ase=bulk("LiCl", "rocksalt", a=5.1, cubic=True)),
        orm.StructureData(ase=bulk("Mg")),
    )
    folders = {f"run_{name}": of_a_job(relaxed(energy)) for name, energy in runs.items()}
    return compute_vacancy_energies(orm.Dict(PLAN), cell, element, orm.Dict({"max_distance_A": 1.2}), **folders)


@pytest.fixture(scope="module")
def nodes(aiida_profile):
    return [
        labels({"names": ["a", "b"], "reasons": {}, "max_failed_fraction": 0.5}),
        vacancies(),
    ]


@pytest.fixture(scope="module")
def originals(nodes, tmp_path_factory):
    """Return the path of an archive of each content but results alone."""
    folder = tmp_path_factory.mktemp("originals")
    paths = {content: folder / f"{content}.aiida" for content in (Content.FULL, Content.FRAMES)}
    for content, path in paths.items():
        create_clean_archive(nodes, path, content=content)
    return paths


@pytest.fixture
def archives(originals, tmp_path):
    """Return the paths of copies that a test may spoil."""
    return {content: Path(shutil.copy(path, tmp_path)) for content, path in originals.items()}


def alter_database(path, statement, *values, sign=True):
    """Change the database of an archive, and its hash in the manifest, as somebody would who means to deceive."""
    contents = {}

    def change(name, content):
        if name != "db.sqlite3":
            return content
        place = path.with_suffix(".db")
        place.write_bytes(content)
        with closing(sqlite3.connect(place)) as connection:
            assert connection.execute(statement, values).rowcount > 0
            connection.commit()
        contents["hash"] = hashlib.sha256(place.read_bytes()).hexdigest()
        return place.read_bytes()

    rewrite(path, change)

    if not sign:
        return

    def write_hash(name, content):
        if name != "metadata.json":
            return content
        metadata = json.loads(content)
        metadata[KEY]["database_sha256"] = contents["hash"]
        return json.dumps(metadata).encode()

    rewrite(path, write_hash)


def drop_manifest(path):
    def change(name, content):
        return (
            json.dumps({k: v for k, v in json.loads(content).items() if k != KEY}).encode()
            if name == "metadata.json"
            else content
        )

    rewrite(path, change)


def outcomes(path):
    return {(verdict.function or verdict.name): verdict for verdict in verify_archive(path)}


def verify(path, *words):
    return CliRunner().invoke(cli, ["archive", "verify", str(path), *words], standalone_mode=False)


def test_all_agrees_where_all_is_inside(archives):
    assert read_manifest(archives[Content.FULL])["inputs_left_out"] == {}
    result = verify(archives[Content.FULL], "--strict")
    assert result.return_value == 0
    assert result.stdout.splitlines()[-1] == "3 agree, 0 differ, 0 were not checked."


def test_results_read_from_folders_are_left_out_and_counted(archives):
    path = archives[Content.FRAMES]
    assert read_manifest(path)["inputs_left_out"] == {"collect_labels": 2, "compute_vacancy_energies": 4}
    assert {name: verdict.outcome for name, verdict in outcomes(path).items()} == {
        "collect_labels": "left out", "compute_vacancy_energies": "left out",
    }  # fmt: skip
    result = verify(path)
    assert result.return_value == 0
    assert "(its inputs were left out of the archive (run_perfect, run_reference, run_vacancy_000, …))" in result.stdout
    assert result.stdout.splitlines()[-2:] == [
        "0 agree, 0 differ, 3 were not checked.",
        "Not checked: 3 whose inputs are not in this archive; 'archive inspect' shows what was left out.",
    ]
    assert verify(path, "--strict").return_value == 1


def test_labels_of_before_reasons_were_recorded_are_computed_again(nodes, aiida_profile, tmp_path):
    frames = labels({"names": ["a", "lost", "b"], "failed": ["lost"], "max_failed_fraction": 0.5})
    results = frames.creator.outputs.results.get_dict()
    assert (results["failed"], results["reasons"]) == (["lost"], {"lost": "the run failed"})
    path = tmp_path / "old.aiida"
    create_clean_archive([frames], path)
    verdicts = list(verify_archive(path))
    assert {verdict.outcome for verdict in verdicts} == {"agrees"}
    assert len(verdicts) == 2


@pytest.mark.parametrize("content", [Content.FULL, Content.FRAMES])
def test_who_claims_that_inputs_were_left_out_is_not_believed(archives, content):
    """A number is altered, the input of the function taken away, and the extra added that would excuse it."""
    path = archives[content]
    alter_database(
        path, "UPDATE db_dbnode SET attributes = json_set(attributes, '$.perfect_energy_eV', -99.0) "
        "WHERE node_type LIKE '%Vacancy%'",
    )  # fmt: skip
    alter_database(path, "DELETE FROM db_dblink WHERE label = 'settings'")
    extras = {
        EXTRA_LEFT_OUT: {"inputs": ["run_perfect", "run_reference", "run_vacancy_000", "run_vacancy_001", "settings"]}
    }
    alter_database(
        path, "UPDATE db_dbnode SET extras = ? WHERE process_type LIKE '%compute_vacancy_energies'", json.dumps(extras)
    )  # fmt: skip
    (verdict,) = [verdict for verdict in verify_archive(path) if verdict.outcome == "differs"]
    claimed, stated = (1, 0) if content is Content.FULL else (5, 4)
    assert verdict.reason == (
        f"compute_vacancy_energies says that {claimed} of its inputs were left out, the manifest {stated}"
    )
    result = verify(path)
    assert result.return_value == 1
    assert "1 differ" in result.stdout


def test_without_a_manifest_nothing_counts_as_left_out(archives):
    path = archives[Content.FRAMES]
    drop_manifest(path)
    assert {verdict.outcome for verdict in verify_archive(path)} == {"skipped"}
    result = verify(path)
    assert "no manifest says so" in result.stdout
    assert "Not checked: 3 that could not be computed again" in result.stdout


def test_a_manifest_of_before_is_read_by_where_its_cut_runs(archives):
    path = archives[Content.FRAMES]

    def change(name, content):
        if name != "metadata.json":
            return content
        metadata = json.loads(content)
        del metadata[KEY]["inputs_left_out"]
        return json.dumps(metadata).encode()

    rewrite(path, change)
    assert {verdict.outcome for verdict in verify_archive(path)} == {"left out"}


def test_a_result_that_nothing_made_is_counted_as_not_checked(archives):
    path = archives[Content.FULL]
    alter_database(path, "DELETE FROM db_dblink WHERE type = 'create' AND output_id IN "
                   "(SELECT id FROM db_dbnode WHERE node_type LIKE '%Vacancy%')")  # fmt: skip
    verdict = outcomes(path)["VacancyFormation LGPS"]
    assert (verdict.outcome, verdict.reason) == ("skipped", "no function of this package made it")
    assert verify(path, "--strict").return_value == 1


def test_an_input_without_which_nothing_can_be_computed_is_said(archives):
    path = archives[Content.FULL]
    alter_database(path, "DELETE FROM db_dblink WHERE label = 'plan'")
    verdict = outcomes(path)["compute_vacancy_energies"]
    assert verdict.outcome == "skipped"
    assert verdict.reason == "this version's function takes other inputs (missing a required argument: 'plan')"


def test_a_file_that_a_node_names_must_be_there(archives):
    path = archives[Content.FULL]
    alter_database(
        path, "UPDATE db_dbnode SET repository_metadata = replace(repository_metadata, '\"k\": \"', '\"k\": \"0') "
        "WHERE node_type LIKE '%LabelledFrames%'",
    )  # fmt: skip
    found = [verdict for verdict in verify_archive(path) if verdict.outcome == "differs"]
    assert any("files that its nodes name are not in it" in verdict.reason for verdict in found)
    assert any("a file of it is not in the archive" in verdict.reason for verdict in found)


def test_a_file_of_other_frames_is_found_though_every_hash_fits(archives, nodes):
    """The file of a dataset is exchanged for one with another energy; its attributes stay, content hash included."""
    frames, path = nodes[0].get_frames(), archives[Content.FULL]
    energies = frames.energies + 0.1
    other = LabelledFramesData(replace(frames, energies=energies), level_of_theory="PBE").base.repository
    content = other.get_object_content("frames.npz", mode="rb")
    old, new = (
        hashlib.sha256(text).hexdigest()
        for text in (nodes[0].base.repository.get_object_content("frames.npz", mode="rb"), content)
    )
    rewrite(path, lambda name, text: content if name == f"repo/{old}" else text, lambda name: name.replace(old, new))
    alter_database(path, "UPDATE db_dbnode SET repository_metadata = replace(repository_metadata, ?, ?)", old, new)
    (verdict,) = [verdict for verdict in verify_archive(path) if verdict.outcome == "differs"]
    assert (verdict.function, verdict.reason) == ("collect_labels", "the array energies")


def test_a_scrubbed_archive_has_a_manifest_of_what_is_in_it(archives, tmp_path):
    path, target = archives[Content.FRAMES], tmp_path / "scrubbed.aiida"
    before = read_manifest(path)
    result = CliRunner().invoke(cli, ["archive", "scrub", str(path), "-o", str(target)], catch_exceptions=False)
    assert result.exit_code == 0
    after = read_manifest(target)
    assert after["scrubbed_with"] == before["software"]
    for name in ("licence", "citation", "software", "cut", "nodes", "inputs_left_out"):
        assert after[name] == before[name]
    assert after["database_sha256"] != before["database_sha256"]
    assert {verdict.outcome for verdict in verify_archive(target)} == {"left out"}


def test_scrubbing_does_not_make_an_altered_archive_whole(archives, tmp_path):
    path, target = archives[Content.FULL], tmp_path / "scrubbed.aiida"
    alter_database(path, "UPDATE db_dbnode SET label = 'mine' WHERE node_type LIKE '%LabelledFrames%'", sign=False)
    result = CliRunner().invoke(cli, ["archive", "scrub", str(path), "-o", str(target)], catch_exceptions=False)
    assert "is not what it says it is, and its manifest stays as it was: the database is not" in result.stderr
    assert any(verdict.outcome == "differs" for verdict in verify_archive(target))
