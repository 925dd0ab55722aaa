"""One file makes a profile, computers, codes and POTCARs; again it says so, and it changes nothing that is there."""

from __future__ import annotations

import copy
import io
import json
import re
import sqlite3
from contextlib import closing

import pytest
import yaml

from aiida_concerted.cli.setup import ask_password
from aiida_concerted.environment.errors import SetupError
from aiida_concerted.environment.setup.schema import SCHEMA
from aiida_concerted.surrogate.potcar import write_placeholder_potcars
from tests.cli.session import run_session
from tests.cli.support import assert_one_line, run_here
from tests.conftest import executable

OWN = {
    "schema": SCHEMA,
    "profile": {"name": "own", "broker": "zeromq"},
    "computers": {"here": {"transport": "local", "scheduler": "direct"}},
    "codes": {
        "dp@here": {"program": "dp", "executable": "dp", "options": {"max_wallclock_seconds": 600}},
        "lmp@here": {"program": "lmp", "executable": executable("lmp"), "prepend_text": "export OMP_NUM_THREADS=1\n"},
        "vasp@here": {"program": "vasp", "executable": "concerted-vasp-surrogate"},
    },
    "potcars": {"family": "placeholders", "placeholders": True},
}


@pytest.fixture
def write_setup(tmp_path):
    """Return a function that writes a setup file, with values changed at dotted paths."""

    def make(name="setup", **changes):
        content = copy.deepcopy(OWN)
        for path, value in changes.items():
            *above, last = path.split("__")
            place = content
            for key in above:
                place = place.setdefault(key.replace("_at_", "@"), {})
            place[last.replace("_at_", "@")] = value
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
        return tmp_path / f"{name}.yaml"

    return make


def states(outcome):
    """Return the first word of each line of things by what the line is about."""
    lines = re.findall(
        r"^(made|changed|exists|DIFFERS|would make|would change) +(.+?): ", outcome.out, flags=re.MULTILINE
    )
    return {subject: word for word, subject in lines}


def findings(outcome):
    """Return the word and the message of each line of a check by what the line is about."""
    lines = re.findall(r"^(ok|note|FAIL) +(.+?): (.*)$", outcome.out, flags=re.MULTILINE)
    return {subject: (word, message) for word, subject, message in lines}


def test_a_profile_is_made_once_and_a_study_file_finds_its_codes(write_setup, tmp_path):
    path = write_setup()
    differing = write_setup("other", codes__dp_at_here={"program": "dp", "executable": "/bin/sh"},
                            computers__here={"transport": "local", "scheduler": "direct", "mpiprocs": 7})  # fmt: skip
    added = write_setup("added", computers__there=CLUSTER, codes__dp_at_there=DP_THERE)
    study = tmp_path / "study.yaml"
    study.write_text(yaml.safe_dump(STUDY))
    dry, made, again, differs, grown, run = run_session(
        tmp_path,
        ("setup", path, "--dry-run"), ("setup", path), ("setup", path, "--no-check"), ("setup", differing),
        ("setup", added, "--no-check"), ("run", study, "--dry-run", "-p", "own"),
    )  # fmt: skip
    assert dry.status == 0
    assert set(states(dry).values()) == {"would make"}
    assert len(states(dry)) == 6

    assert (made.status, made.err) == (0, "")
    assert set(states(made).values()) == {"made"}
    assert states(made).keys() == states(dry).keys()
    assert f"code dp@here: concerted.deepmd.train, {executable('dp')}" in made.out
    found = findings(made)
    assert {subject for subject, (word, _) in found.items() if word != "ok"} == {"broker", "daemon"}
    assert found["daemon"] == ("note", "not running: verdi -p own daemon start")
    assert "DeePMD-kit" in found["code dp@here"][1]
    assert "knows pair_style deepmd" in found["code lmp@here"][1]
    assert "NOT DFT" in found["code vasp@here"][1]
    assert found["database"] == ("ok", "write-ahead logging")

    assert set(states(again).values()) == {"exists"}
    assert again.out.count("agrees") == 6

    assert differs.status == 1
    assert differs.err.count("\n") == 1
    assert {name for name, word in states(differs).items() if word == "DIFFERS"} == {"computer here", "code dp@here"}
    assert "mpiprocs is 1 there and 7 in the file" in differs.out
    assert "a code cannot change; name the new one 'dp-2@here'" in differs.out

    assert states(grown)["computer there"] == states(grown)["code dp@there"] == "made"
    assert list(states(grown).values()).count("exists") == 6

    assert run.status == 0, run.err
    training = yaml.safe_load(run.out)["StudyWorkChain"]["learn"]["final"]
    assert "code: dp@there" in yaml.safe_dump(training)
    assert "#SBATCH --gres=gpu:2" in yaml.safe_dump(training)


def test_what_does_not_work_is_named_with_its_cure(write_setup, tmp_path):
    said = {"dp": "echo 'no libtensorflow' >&2; exit 3", "lmp": "echo ERROR: Unrecognized pair style"}
    said["inside"] = 'case $IMAGE in dp.sif) echo LAMMPS 1; echo "no file absent.pb";; esac'
    for name, body in said.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    gone = tmp_path / "gone"
    gone.write_text("#!/bin/sh\n")
    gone.chmod(0o755)
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, not a folder")
    path = write_setup(
        profile={"name": "own", "broker": "none"},
        computers__here={"transport": "local", "scheduler": "slurm", "work_dir": str(blocked)},
        computers__away={**CLUSTER, "hostname": "127.0.0.1", "ssh": {"host": "127.0.0.1"}},
        codes={
            "dp@here": {"program": "dp", "executable": str(tmp_path / "dp")},
            "lmp@here": {"program": "lmp", "executable": str(tmp_path / "lmp")},
            "vasp@here": {"program": "vasp", "executable": "no-such-vasp", "modules": ["vasp"]},
            "boxed@here": {
                "program": "lmp",
                "executable": str(tmp_path / "inside"),
                "container": {"image": "dp.sif", "command": "env IMAGE={image_name}"},
            },
        },
        potcars={"family": "few", "folder": str(write_potcars(tmp_path / "paw", {"Li_sv": "Li"}))},
    )
    made, doctor, clash, unknown, again = run_session(
        tmp_path,
        ("setup", path), ("doctor", "-p", "own", "--material", "lgps", "--potcars", "few"),
        ("doctor", "-p", "own", "--folder", tmp_path), ("doctor", "-p", "won"), ("setup", path, "--no-check"),
    )  # fmt: skip
    assert made.status == doctor.status == 1
    assert set(states(made).values()) == {"made"}
    assert set(states(again).values()) == {"exists"}
    found = findings(doctor)
    assert found["broker"][0] == "note"
    assert found["code boxed@here"] == ("ok", f"LAMMPS 1, knows pair_style deepmd ({tmp_path / 'inside'})")
    assert "daemon" not in found
    assert findings(made)["computer away"] == ("FAIL", findings(made)["computer away"][1])
    assert "'ssh 127.0.0.1' must work without a password" in findings(made)["computer away"][1]
    for subject, cure in {
        "work folder of here": "cannot be made or written",
        "scheduler of here": "core.slurm does not answer",
        "code dp@here": "does not start (no libtensorflow): install it there, or describe another code",
        "code lmp@here": "does not know 'pair_style deepmd': install a LAMMPS with DeePMD-kit",
        "code vasp@here": "no-such-vasp is not there or may not be executed",
        "POTCAR family few": "lacks Ge_d, P, S: upload a whole family",
    }.items():
        assert found[subject][0] == "FAIL", subject
        assert cure in found[subject][1]
    assert_one_line(clash, 1, "--folder and --profile exclude each other")
    assert_one_line(unknown, 1, "there is no profile 'won': did you mean 'own'?")


def test_what_an_interrupted_setup_left_is_finished(write_setup, tmp_path):
    path = write_setup(codes={}, potcars={"family": "few", "folder": "paw"}, profile__folder="data")
    write_potcars(tmp_path / "paw", {"Li_sv": "Li"})
    run_session(tmp_path, ("setup", path, "--no-check"))
    configuration = tmp_path / ".aiida" / "config.json"
    content = json.loads(configuration.read_text())
    user = content["profiles"]["own"].pop("default_user_email")  # killed before the last step of the profile
    configuration.write_text(json.dumps(content))
    with closing(sqlite3.connect(tmp_path / "data" / "database.sqlite")) as database:
        database.execute("DELETE FROM db_dbauthinfo")  # killed before the computer was configured
        database.execute("DELETE FROM db_dbgroup_dbnodes")  # killed before the POTCARs joined their family
        database.commit()
    left, again = run_session(tmp_path, ("setup", path, "--no-check"), ("setup", path, "--no-check"))
    assert left.status == 0, left.err
    assert states(left) == {"profile own": "changed", "computer here": "changed", "POTCAR family few": "made"}
    assert set(states(again).values()) == {"exists"}
    assert json.loads(configuration.read_text())["profiles"]["own"]["default_user_email"] == user


def test_options_of_a_code_change_when_asked_to_and_nothing_else_of_it(write_setup, tmp_path):
    write_potcars(tmp_path / "paw", {"S": "S"})
    bare, code = {"potcars": {"family": "few", "folder": "paw"}}, {"program": "vasp", "executable": "/bin/true"}
    first = write_setup(**bare, codes={"vasp@here": {**code, "options": {"queue_name": "old", "gpus": 1}}})
    second = write_setup("second", **bare, codes={"vasp@here": {**code, "options": {"queue_name": "new"}}})
    other = write_setup("third", **bare, codes={"vasp@here": {**code, "executable": "/bin/false"}})
    commands = [("setup", first), ("setup", second), ("setup", second, "--update-options"), ("setup", second),
                ("setup", other, "--update-options")]  # fmt: skip
    _, differs, changed, agrees, refused = run_session(tmp_path, *((*words, "--no-check") for words in commands))
    said = "options.gpus is 1 there and nothing in the file; options.queue_name is 'old' there and 'new' in the file"
    assert f"{said}: --update-options takes the file's" in differs.out
    assert differs.status == 1
    assert (changed.status, states(changed)["code vasp@here"]) == (0, "changed")
    assert states(agrees)["code vasp@here"] == "exists"
    assert refused.status == 1
    assert "a code cannot change; name the new one 'vasp-2@here'" in refused.out


def write_potcars(folder, names):
    write_placeholder_potcars(folder, names)
    return folder


def test_a_family_is_uploaded_from_a_folder_and_compared_with_it(write_setup, tmp_path):
    write_potcars(tmp_path / "paw", {"Li_sv": "Li", "S": "S"})
    write_potcars(tmp_path / "more", {"Li_sv": "Li", "S": "S", "P": "P"})
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "potpaw.tgz").write_bytes(b"")
    bare = {"computers": {}, "codes": {}}
    path = write_setup(**bare, potcars={"family": "PBE.54", "folder": "paw", "elements": ["Li", "S"]})
    more = write_setup("more", **bare, potcars={"family": "PBE.54", "folder": "more"})
    packed = write_setup("packed", **bare, potcars={"family": "other", "folder": "packed"})
    made, again, differs, refused = run_session(
        tmp_path, ("setup", path, "--no-check"), ("setup", path), ("setup", more), ("setup", packed)
    )
    assert (made.status, again.status) == (0, 0), made
    assert "POTCAR family PBE.54: agrees (2 POTCARs)" in again.out
    assert findings(again)["POTCAR family PBE.54"] == ("ok", "2 POTCARs, those for Li, S among them")
    assert "PLACEHOLDER" not in made.out + made.err
    assert "lacks 1 of the 3 POTCAR files" in differs.out
    assert differs.status == 1
    assert_one_line(refused, 1, "potpaw.tgz is packed: unpack it")


CLUSTER = {
    "hostname": "login.cluster.example", "transport": "ssh", "scheduler": "slurm",
    "work_dir": "/scratch/{username}/aiida", "mpirun": "srun -n {tot_num_mpiprocs}", "mpiprocs": 64,
    "ssh": {"host": "cluster"},
}  # fmt: skip
DP_THERE = {"program": "dp", "executable": "dp", "modules": ["deepmd"], "gpus": 2}
STUDY = {
    "schema": "aiida-concerted/study/1", "material": "LGPS", "protocol": "fast",
    "codes": {"dp": "dp@there", "lmp": "lmp@here", "vasp": "vasp@here"}, "potcars": {"family": "placeholders"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"profile__nam": "x"}, "unknown key 'profile.nam': did you mean 'name'?"),
        ({"profile": {}}, "the key 'profile.name' is missing"),
        ({"profile__storage": "postgres"}, "unknown profile.storage 'postgres': did you mean 'postgresql'?"),
        ({"profile__storage": "postgresql"}, "profile.postgresql is missing: give database and user"),
        ({"computers__here__mpiprocs": "two"}, "computers.here.mpiprocs must be a whole number, got 'two'"),
        ({"computers__here__transport": "ssh"}, "computers.here.hostname is missing"),
        ({"computers__here__work_dir": "runs"}, "computers.here.work_dir must be an absolute path"),
        ({"computers__here__mpirun": "srun -n {tot_num_mpiproc}"}, "did you mean 'tot_num_mpiprocs'?"),
        ({"codes__dp": {"program": "dp", "executable": "dp"}}, "codes.dp: name it with its computer"),
        ({"codes__x_at_her": {"program": "dp", "executable": "dp"}}, "no computer 'her': did you mean 'here'?"),
        ({"codes__dp_at_here__executable": "bin/dp"}, "must be an absolute path or a bare name"),
        ({"codes__dp_at_here__executable": "no-such-dp"}, "'no-such-dp' is neither beside"),
        ({"codes__dp_at_here__options": {"queue": "gpu"}}, "did you mean 'queue_name'?"),
        ({"codes__dp_at_here__options": {"resources": {"num_cpus": 2}}}, "core.direct refuses options.resources"),
        ({"codes__x_at_here": {"plugin": "concerted.deepmd.trian", "executable": "dp"}}, "did you mean 'concerted.dee"),
        ({"potcars": {"family": "PBE.54"}}, "there is no POTCAR family 'PBE.54': give the folder"),
        ({"potcars": {"family": "PBE.54", "folder": "nowhere"}}, "potcars.folder: there is no folder"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_before_anything_is_made(write_setup, capsys, changes, said):
    outcome = run_here(capsys, "setup", write_setup(**changes))
    assert_one_line(outcome, 1, said)


def test_a_password_comes_from_its_variable_and_is_asked_for_only_at_a_terminal(monkeypatch):
    monkeypatch.setenv("THE_WORD", "sesame")
    assert ask_password("THE_WORD", "database 'x'") == "sesame"
    monkeypatch.delenv("THE_WORD")
    monkeypatch.setattr("sys.stdin", io.StringIO("typed\n"))
    with pytest.raises(SetupError, match="the password of database 'x' is missing: set the environment variable THE_W"):
        ask_password("THE_WORD", "database 'x'")


def test_the_schema_is_printed_and_the_file_of_these_tests_follows_it(capsys):
    outcome = run_here(capsys, "setup", "--print-schema")
    schema = json.loads(outcome.out)
    assert schema["properties"]["schema"]["const"] == SCHEMA
    assert set(OWN) <= set(schema["properties"])
    assert_one_line(run_here(capsys, "setup"), 2, "Missing argument 'CONFIG'")
