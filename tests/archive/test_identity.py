"""No archive says who ran something, on which machine, in which folder; what was run stays, and can go on elsewhere."""

from __future__ import annotations

import getpass
import json
import shutil
import socket
import sqlite3
import zipfile

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import CalculationFactory
from aiida.tools.archive import create_archive, import_archive
from click.testing import CliRunner

from aiida_concerted.archive.create import create_clean_archive
from aiida_concerted.archive.errors import ArchiveError
from aiida_concerted.archive.identity import EXTRA_FILES, HOST, Author, Replacements, remove_identity
from aiida_concerted.cli.main import cli

ADD = "core.arithmetic.add"


@pytest.fixture
def machine(tmp_path):
    """Return the folders of a made-up person: programs in their home, jobs on a scratch disk."""
    programs, work = tmp_path / "home" / "fu.zh" / "programs" / "bin", tmp_path / "scratch" / "fu.zh"
    programs.mkdir(parents=True)
    work.mkdir(parents=True)
    shutil.copy("/bin/bash", programs / "bash")
    return programs, work


@pytest.fixture
def sum_of_two(aiida_profile_clean, machine):
    """Return a calculation that ran on the machine of the person."""
    programs, work = machine
    computer = orm.Computer(
        label="ladon", hostname="ladon.institute.example", description="ask fu.zh", transport_type="core.local",
        scheduler_type="core.direct", workdir=str(work),
    ).store()  # fmt: skip
    computer.configure(safe_interval=0.0)
    computer.set_minimum_job_poll_interval(0.1)
    code = orm.InstalledCode(
        label="bash", computer=computer, filepath_executable=str(programs / "bash"), default_calc_job_plugin=ADD,
        prepend_text=f"export TOOLS={programs.parent}/share",
    ).store()  # fmt: skip
    inputs = {"code": code, "x": orm.Int(2), "y": orm.Int(3), "metadata": {"description": f"of {_mail()}"}}
    _, node = run_get_node(CalculationFactory(ADD), **inputs)
    assert node.is_finished_ok
    elsewhere = orm.RemoteData(remote_path=str(work / "kept" / "charge"), computer=computer).store()
    elsewhere.base.extras.set("note", f"copied by {_mail()}")
    return node, elsewhere


def _mail():
    return orm.User.collection.get_default().email


def contents(path, folder):
    """Yield every file of an archive, and the bytes of its database."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            yield name, archive.read(name)


def private(machine):
    programs, work = machine
    return [_mail(), "fu.zh", "ladon.institute.example", str(work), str(programs), socket.getfqdn()]


def test_nothing_of_person_and_machine_is_in_an_archive(sum_of_two, machine, tmp_path):
    path = tmp_path / "sum.aiida"
    raw = tmp_path / "raw.aiida"
    create_archive(list(sum_of_two), filename=raw, call_calc_backward=True)
    words = [word for word in private(machine) if word not in ("localhost", "")]
    text_of_raw = b"".join(content for _, content in contents(raw, tmp_path))
    assert all(word.encode() in text_of_raw for word in words[:5])
    removed = create_clean_archive(list(sum_of_two), path)
    assert removed.identity.n_files >= 1
    assert removed.identity.n_records >= 4
    assert removed.identity.n_binary == 0
    found = {(word, name) for name, content in contents(path, tmp_path) for word in words if word.encode() in content}
    assert not found


def test_what_was_run_stays_and_goes_on_elsewhere(sum_of_two, tmp_path, aiida_profile):
    node, elsewhere = sum_of_two
    uuid, retrieved, remote = node.uuid, node.outputs.retrieved.uuid, elsewhere.uuid
    version = node.base.attributes.get("version")
    path = tmp_path / "sum.aiida"
    create_clean_archive(list(sum_of_two), path, author=Author.parse("Li Fu <fu@example.org>"))
    aiida_profile.reset_storage()
    import_archive(path)
    again = orm.load_node(uuid)
    assert again.outputs.sum.value == 5
    assert again.base.attributes.get("version") == version
    assert "bash" in str(again.inputs.code.filepath_executable)
    assert again.computer.label == "ladon"
    assert again.computer.hostname == HOST
    user = again.user
    assert (user.email, user.first_name, user.last_name) == ("fu@example.org", "Li", "Fu")
    assert orm.load_node(remote).get_remote_path().startswith("/work/")
    assert orm.load_node(retrieved).get_object_content("aiida.out").strip() == "5"
    script = again.base.repository.get_object_content("_aiidasubmit.sh")
    assert "bash" in script
    assert "/programs/bin/bash" in script
    assert "_aiidasubmit.sh" in again.base.extras.get(EXTRA_FILES)


def test_it_can_be_left_in(sum_of_two, machine, tmp_path):
    path = tmp_path / "sum.aiida"
    assert create_clean_archive(list(sum_of_two), path, keep_identity=True).identity is None
    text = b"".join(content for _, content in contents(path, tmp_path))
    assert str(machine[0]).encode() in text


def test_others_archives_are_cleaned_by_scrub(sum_of_two, machine, tmp_path):
    raw, clean = tmp_path / "raw.aiida", tmp_path / "clean.aiida"
    create_archive(list(sum_of_two), filename=raw, call_calc_backward=True)
    before = raw.read_bytes()
    result = CliRunner().invoke(cli, ["archive", "scrub", str(raw), "-o", str(clean)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "Replaced: addresses, hosts and folders in" in result.output
    assert raw.read_bytes() == before
    text = b"".join(content for _, content in contents(clean, tmp_path))
    assert not [word for word in private(machine)[:5] if word.encode() in text]


def test_twice_changes_nothing_more(sum_of_two, tmp_path):
    path, again = tmp_path / "once.aiida", tmp_path / "twice.aiida"
    create_clean_archive(list(sum_of_two), path)
    report = remove_identity(path, again)
    assert report.n_files == 0
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(again) as new:
        assert sorted(old.namelist()) == sorted(new.namelist())


def test_several_persons_become_different_nobodies(sum_of_two, tmp_path):
    other = orm.User(email="other@example.org", first_name="Other").store()
    node = orm.Int(7, user=other).store()
    path = tmp_path / "two.aiida"
    create_clean_archive([*sum_of_two, node], path, author=Author.parse("other@example.org"))
    with zipfile.ZipFile(path) as archive:
        archive.extract("db.sqlite3", tmp_path)
    rows = (
        sqlite3.connect(tmp_path / "db.sqlite3")
        .execute("SELECT email, first_name FROM db_dbuser ORDER BY 1")
        .fetchall()
    )
    assert rows == [("author2@archive.invalid", ""), ("other@example.org", "")]


def test_paths_match_whole_and_longest_first():
    replaced = Replacements({"/data/fu": "/work", "/data/fu/bin": "/programs", "node7.example": "host.invalid"})
    assert replaced.apply(b"/data/fu/bin/lmp /data/fu/x /data/fuel") == b"/programs/lmp /work/x /data/fuel"
    assert replaced.apply(b"on node7.example:22, not node77.example") == b"on host.invalid:22, not node77.example"
    assert replaced.apply(b"in /home/anyone/a and '/Users/any.one/b'") == b"in /home/user/a and '/home/user/b'"
    assert replaced.apply(b"keep/home/this") == b"keep/home/this"
    assert not replaced.are_in(b"/home/user/a")


@pytest.mark.parametrize("text", ["nobody", "Name <>", "a b@c d"])
def test_an_author_needs_an_address(text):
    with pytest.raises(ValueError, match="written as"):
        Author.parse(text)


def test_author_and_keeping_exclude_each_other(tmp_path):
    words = ["archive", "scrub", "x.aiida", "--author", "A <a@b.c>", "--keep-identity"]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 2
    assert "exclude each other" in result.output


def test_what_schedulers_say_of_persons_is_dropped(sum_of_two, tmp_path):
    node, _ = sum_of_two
    node.base.attributes._backend_node.set_attribute("detailed_job_info", {"stdout": f"{getpass.getuser()} on node12"})
    node.base.attributes._backend_node.set_attribute("last_job_info", {"job_id": "1", "job_owner": "fu", "title": "t"})
    path = tmp_path / "sum.aiida"
    create_clean_archive([node], path)
    with zipfile.ZipFile(path) as archive:
        archive.extract("db.sqlite3", tmp_path)
    query = "SELECT attributes FROM db_dbnode WHERE uuid = ?"
    (text,) = sqlite3.connect(tmp_path / "db.sqlite3").execute(query, (node.uuid,)).fetchone()
    attributes = json.loads(text)
    assert attributes["last_job_info"] == {"job_id": "1", "title": "t"}
    assert "detailed_job_info" not in attributes


def test_a_place_that_cannot_be_written_is_one_line(sum_of_two, tmp_path):
    path = tmp_path / "sum.aiida"
    create_clean_archive(list(sum_of_two), path)
    with pytest.raises(ArchiveError, match="cannot write") as caught:
        remove_identity(path, tmp_path / "absent" / "sum.aiida")
    assert "\n" not in str(caught.value)
