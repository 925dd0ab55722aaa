"""The folder of a demonstration: what it accepts, what it keeps, who may work in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aiida_concerted.environment.errors import SetupError
from aiida_concerted.environment.folder import DemoFolder, read_json, write_json_atomically
from tests.environment.helpers import ROOT, environment


@pytest.fixture
def place(tmp_path):
    folder = DemoFolder.at(tmp_path / "demo")
    folder.create()
    return folder


def test_creating_twice_is_creating_once(place):
    place.create()
    assert place.is_ours
    assert place.work.is_dir()
    assert place.logs.is_dir()


def test_a_start_that_died_while_claiming_the_folder_is_taken_over(tmp_path):
    folder = DemoFolder.at(tmp_path)
    (tmp_path / ".concerted-demo.json.tmp").write_text("{")
    folder.create()
    assert folder.is_ours


def test_clearing_keeps_what_others_put_there(place):
    place.study_file.write_text("{}")
    (place.work / "aa").mkdir()
    mine = place.path / "mine.txt"
    mine.write_text("mine")
    place.clear()
    left = {path.name for path in place.path.iterdir()}
    assert left == {"mine.txt", place.marker.name}
    place.create()
    assert mine.read_text() == "mine"


def test_clearing_a_linked_work_folder_removes_the_link_alone(place, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "precious").write_text("data")
    place.work.rmdir()
    place.work.symlink_to(scratch)
    place.clear()
    assert (scratch / "precious").exists()


def test_clearing_a_folder_of_somebody_else_is_refused(tmp_path):
    (tmp_path / "work").mkdir()
    with pytest.raises(SetupError, match="there is no demonstration"):
        DemoFolder.at(tmp_path).clear()
    assert (tmp_path / "work").exists()


@pytest.mark.parametrize("name", ["a:b", "what?", "two\nlines"])
def test_paths_that_aiida_cannot_express_are_refused(tmp_path, name):
    with pytest.raises(SetupError, match="choose another --folder"):
        DemoFolder.at(tmp_path / name)


def test_the_lock_is_exclusive_and_dies_with_its_holder(place):
    hold = (
        "import sys, time; from pathlib import Path\n"
        "from aiida_concerted.environment.folder import DemoFolder\n"
        "with DemoFolder.at(Path(sys.argv[1])).lock():\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, str(place.path)], cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(SetupError, match=f"process {holder.pid}"), place.lock():
        pass
    holder.kill()
    holder.communicate()
    with place.lock():
        assert (place.path / ".concerted-demo.lock").read_text() == str(os.getpid())


def test_activating_sets_the_environment_before_aiida_is_imported(place):
    code = (
        "import os, sys; from pathlib import Path\n"
        "from aiida_concerted.environment.folder import DemoFolder\n"
        "assert 'aiida' not in sys.modules\n"
        "DemoFolder.at(Path(sys.argv[1])).activate()\n"
        "import json; print(json.dumps([os.environ['AIIDA_PATH'], os.environ['PATH'].split(os.pathsep)[0]]))\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code, str(place.path)], cwd=ROOT, env=environment(), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert json.loads(shown.stdout) == [str(place.path), str(Path(sys.executable).parent)]


def test_json_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "state.json"
    write_json_atomically(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json_atomically(path, {"a": object()})
    assert read_json(path) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("text", ["", "{ half", "[1]", None])
def test_damaged_json_reads_as_nothing(tmp_path, text):
    path = tmp_path / "state.json"
    if text is not None:
        path.write_text(text)
    assert read_json(path) is None
