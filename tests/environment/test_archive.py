"""An archive holds a study with its ancestors and never the text of a POTCAR; the picture shows what passes on."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_concerted.environment.archive import archive_study, count_potcar_texts
from aiida_concerted.environment.codes import POTCAR_FAMILY, missing_potcars, prepare_potcars
from aiida_concerted.environment.errors import SetupError
from aiida_concerted.environment.graph import collect_boxes, draw_provenance, place_boxes
from aiida_concerted.environment.processes import read_process_tree
from tests.environment.standin import SleepStudy


@pytest.fixture
def products(tmp_path):
    """Return a folder beside the jobs' own."""
    folder = tmp_path / "products"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def study(aiida_profile, tmp_path_factory):
    computer = orm.Computer(
        "archive-test", "localhost", workdir=str(tmp_path_factory.mktemp("work")),
        transport_type="core.local", scheduler_type="core.direct",
    ).store()  # fmt: skip
    computer.configure(safe_interval=0.0)
    computer.set_minimum_job_poll_interval(0.1)
    code = orm.InstalledCode(label="archive-bash", computer=computer, filepath_executable="/bin/bash")
    _, node = run_get_node(SleepStudy, code=code, n_jobs=orm.Int(2), sleep_s=orm.Int(0))
    assert node.is_finished_ok
    return node


def test_the_archive_is_whole_and_holds_no_potcar(study, products):
    assert len(missing_potcars()) == 4
    assert prepare_potcars() == prepare_potcars() == POTCAR_FAMILY
    assert missing_potcars() == []
    path = products / "study.aiida"
    archive_study(study, path)
    assert [entry.name for entry in products.iterdir()] == ["study.aiida"]
    assert count_potcar_texts(path) == 0
    assert b"PAW_PBE" not in path.read_bytes()

    everything = products / "all.aiida"
    potcar_text = orm.QueryBuilder().append(orm.Node, filters={"node_type": {"like": "data.vasp.potcar_file.%"}})
    from aiida.tools.archive import create_archive

    create_archive(potcar_text.all(flat=True), filename=everything)
    assert count_potcar_texts(everything) == potcar_text.count() >= 4


def test_an_archive_with_a_potcar_is_never_left_behind(study, products, monkeypatch):
    for module in ("create", "scrub"):
        monkeypatch.setattr(f"aiida_concerted.archive.{module}.holds_licensed_text", lambda path: True)
    with pytest.raises(SetupError, match="could not be taken out"):
        archive_study(study, products / "study.aiida")
    assert list(products.iterdir()) == []


def test_the_tree_of_processes_is_read_whole(study):
    tree = read_process_tree(study.uuid)
    assert tree.is_ok
    assert [child.link_label for child in tree.children] == ["first_step", "second_step"]
    assert tree.jobs() == (4, 4)
    assert sorted(node.uuid for node in study.called_descendants) == sorted(one.uuid for one in tree.walk()[1:])
    with pytest.raises(ValueError, match="there is no process"):
        read_process_tree("00000000-0000-0000-0000-000000000000")


def test_the_picture_shows_stages_and_results_in_order(study, products):
    boxes = collect_boxes(study)
    titles = {box.title.split(" <")[0] for box in boxes.values()}
    assert titles == {"first step", "second step", "Int"}
    places = place_boxes(boxes)
    result = next(key for key, box in boxes.items() if box.kind == "data")
    producer = next(iter(boxes[result].after))
    assert places[result][0] == places[producer][0] + 1
    path = products / "graph.svg"
    draw_provenance(study, path)
    assert "<svg" in path.read_text()[:2000]
    assert [entry.name for entry in products.iterdir()] == ["graph.svg"]
