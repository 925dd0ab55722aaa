"""An archive tells what it holds without a profile, and its results can be computed again."""

from __future__ import annotations

import sqlite3
import zipfile

import pytest
from aiida.manage import get_manager

from aiida_concerted.archive.create import create_clean_archive
from aiida_concerted.archive.errors import ArchiveError
from aiida_concerted.archive.summary import summarise_archive
from aiida_concerted.archive.verify import find_function, verify_archive
from aiida_concerted.cli.archive_text import describe, describe_verdict
from tests.report.synthetic_study import SyntheticStudy


@pytest.fixture(scope="module")
def path(aiida_profile, tmp_path_factory):
    """Return the archive of a small study whose results real functions computed."""
    from aiida import orm

    computer = orm.Computer(
        label="archive-machine", hostname="localhost", transport_type="core.local", scheduler_type="core.direct",
    )  # fmt: skip
    code = orm.InstalledCode(label="lmp", computer=computer.store(), filepath_executable="/bin/true").store()
    study = SyntheticStudy(temperatures_K=(800.0, 1200.0), parts=("sweep", "vacancy"), n_frames=120).store(code)
    path = tmp_path_factory.mktemp("archives") / "study.aiida"
    with pytest.raises(ArchiveError, match="has not ended"):
        create_clean_archive([study], path)
    for process in orm.QueryBuilder().append(orm.ProcessNode).all(flat=True):
        if not process.is_sealed:
            process.seal()
    assert create_clean_archive([study], path).is_clean
    return path


def test_it_tells_what_it_holds(path):
    profile = get_manager().get_profile().name
    summary = summarise_archive(path)
    assert get_manager().get_profile().name == profile
    assert summary.materials == ("LGPS",)
    assert summary.n_potcars == 0
    assert [study.state for study in summary.studies] == ["finished"]
    assert summary.processes[("compute_diffusivity", "finished")] == 2
    tables = {table.kind: table for table in summary.results}
    assert tables["diffusivities"].column("temperature_K") == [800.0, 1200.0]
    assert set(tables) == {"diffusivities", "arrhenius", "modes", "occupancies", "vacancies", "trajectories"}
    text = describe(summary)
    assert "Diffusivities (2)" in text
    assert "E_f (eV)" in text
    assert summary.as_dict()["results"]["vacancies"][0]["formation_energy_eV"] == pytest.approx(3.137, abs=1e-3)


def test_its_results_are_drawn_without_importing(path, tmp_path):
    from aiida_concerted.cli.archive_figures import draw_archive

    files = list(draw_archive(path, tmp_path / "figures"))
    assert {file.name.rsplit("-", 1)[0] for file in files} >= {"msd", "vacancy"}
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)


def test_every_result_is_computed_again(path):
    *verdicts, unmade = verify_archive(path)
    assert {verdict.outcome for verdict in verdicts} == {"agrees"}
    assert (unmade.name, unmade.outcome) == ("VacancyFormation LGPS", "skipped")
    functions = {verdict.function for verdict in verdicts}
    assert functions >= {"compute_diffusivity", "assign_carrier_sites", "analyse_site_history", "fit_diffusivity"}
    assert any("Diffusivity LGPS 800 K" in describe_verdict(verdict) for verdict in verdicts)


def test_a_forged_number_is_found(path, tmp_path):
    forged = tmp_path / "forged.aiida"
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name != "repo/"}
    database = tmp_path / "db"
    database.write_bytes(members["db.sqlite3"])
    connection = sqlite3.connect(database)
    change = (
        "UPDATE db_dbnode SET attributes = json_set(attributes, '$.haven_ratio', "
        "1.001 * json_extract(attributes, '$.haven_ratio')) "
        "WHERE node_type LIKE '%Diffusivity%' AND json_extract(attributes, '$.temperature_K') = 800"
    )
    assert connection.execute(change).rowcount == 1
    connection.commit()
    connection.close()
    members["db.sqlite3"] = database.read_bytes()
    with zipfile.ZipFile(forged, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    database, wrong = [verdict for verdict in verify_archive(forged) if verdict.outcome == "differs"]
    assert database.reason == "the database is not the one that the manifest was made for"
    assert wrong.reason == "haven_ratio"
    assert wrong.deviation == pytest.approx(1e-3, rel=0.01)
    _, *others, _ = verify_archive(forged, tolerance=0.01)
    assert all(verdict.outcome == "agrees" for verdict in others)


def test_only_our_functions_are_called():
    known = "aiida_concerted.calculations.functions.compute_diffusivity.compute_diffusivity"
    assert find_function(known).__name__ == "compute_diffusivity"
    for name in (
        "os.system",
        "aiida_concerted.calculations.functions.compute_diffusivity.diffusivity_attributes",
        "aiida_concerted.calculations.functions.nothing.nothing",
        "aiida_concerted.calculations.functions...environment.tasks.run",
    ):
        assert find_function(name) is None


def test_a_pickle_in_a_result_is_named_and_never_loaded(path):
    import io

    import numpy as np

    from aiida_concerted.archive.verify import _judge
    from aiida_concerted.data.results import DiffusivityData

    buffer = io.BytesIO()
    np.savez_compressed(buffer, lag_ps=np.array([object], dtype=object))
    buffer.seek(0)
    node = DiffusivityData()
    node.base.repository.put_object_from_filelike(buffer, "arrays.npz")
    verdict = _judge((1, node.uuid, "Diffusivity", "function"), node, DiffusivityData(), 1e-6)
    assert verdict.outcome == "differs"
    assert "its files cannot be read" in verdict.reason
