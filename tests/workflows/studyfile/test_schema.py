"""The schema names every key that the parts of a study take, and mistakes are met with one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from aiida_concerted.workflows.protocols.loader import FOLDER
from aiida_concerted.workflows.studyfile import SCHEMA, parse_study, read_study_file, study_schema, write_study_file
from aiida_concerted.workflows.studyfile.schema import BY_NUMBER, NAMES, PARTS, protocol_files

FREE = {"incar", "incar_relax", "incar_static", "incar_aimd", "potentials", "potential_hashes", "settings", "options"}


def parse(**content):
    return parse_study({"schema": SCHEMA, **content}, folder=Path())


def test_the_schema_is_json_and_closed():
    schema = json.loads(json.dumps(study_schema()))
    assert schema["required"] == ["schema"]
    explore = schema["properties"]["learn"]["properties"]["iteration"]["properties"]["explore"]["properties"]
    assert explore["temperatures_K"]["type"] == ["array", "null"]
    assert "wall_A" in explore["md"]["properties"]
    assert explore["selection"]["additionalProperties"] is False


@pytest.mark.parametrize("name", protocol_files())
def test_what_a_protocol_leaves_open_is_known_elsewhere(name):
    content = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    own = {"aimd", "learn", "sweep", "vacancy"} if name == "study" else set()
    known = set(PARTS.get(name, {})) | set(NAMES.get(name, {})) | set(BY_NUMBER.get(name, {})) | FREE | own
    assert set(content.get("open_keys", ())) <= known


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"matrial": "LGPS"}, "unknown key 'matrial': did you mean 'material'?"),
        ({"learn": {"iteration": {"explore": {"temperature_K": [300]}}}}, "did you mean 'temperatures_K'?"),
        ({"sweep": {"md": {"production": 3}}}, "unknown key 'sweep.md.production': did you mean 'production_ps'?"),
        ({"learn": {"final": {"train": {"n_step": 3}}}}, "unknown key 'learn.final.train.n_step': did you mean"),
        ({"protocol": "balancd"}, "unknown protocol 'balancd': did you mean 'balanced'?"),
        ({"sweep": {"n_seeds_at": {500: 0}}}, "sweep.n_seeds_at.500 must be at least 1, got 0"),
        ({"sweep": {"n_seeds_at": [500]}}, "sweep.n_seeds_at must be a section"),
        ({"sweep": {"temperatures_K": 300}}, "sweep.temperatures_K must be a list, got 300"),
        ({"aimd": {"timestep_fs": "2e0"}}, "to YAML that is text; write 2.0"),
        ({"aimd": {"vasp": {"incar": [1]}}}, "aimd.vasp.incar must be a section"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"seed": True}, "seed must be a whole number"),
        ({"codes": {"lammps": "x"}}, "unknown key 'codes.lammps'"),
        ({"sweep": {"models": [1.5]}}, "sweep.models[0] must be text or a whole number"),
        ({"study": {"relax": {"kpoints_spacing": 1}}}, "did you mean 'kpoints_spacing_2pi_per_A'?"),
    ],
)
def test_a_mistake_is_named(content, said):
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        parse(**content)
    assert "\n" not in str(caught.value)


def test_the_file_says_what_it_is():
    with pytest.raises(ValueError, match="write 'schema: aiida-concerted/study/1'"):
        parse_study({"material": "LGPS"}, folder=Path())
    with pytest.raises(ValueError, match="must be a section of keys and values, got 'LGPS'"):
        parse_study("LGPS", folder=Path())
    with pytest.raises(ValueError, match=r"schema must be aiida-concerted/study/1, got 'aiida-concerted/study/2'"):
        parse_study({"schema": "aiida-concerted/study/2"}, folder=Path())


def test_what_is_written_is_read_back(tmp_path):
    content = {"material": "LGPS", "sweep": {"temperatures_K": [600, 800]}, "learn": {"dataset": 12}}
    write_study_file(tmp_path / "study.yaml", content, comment="made by hand\nand twice")
    assert (tmp_path / "study.yaml").read_text().startswith("# made by hand\n# and twice\nschema: ")
    study = read_study_file(tmp_path / "study.yaml")
    assert study.content == {"schema": SCHEMA, **content}
    assert study.folder == tmp_path
    with pytest.raises(ValueError, match="did you mean 'sweep'"):
        write_study_file(tmp_path / "other.yaml", {"sweeps": {}})
    assert not (tmp_path / "other.yaml").exists()


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ValueError, match="No such file"):
        read_study_file(tmp_path / "none.yaml")
    (tmp_path / "study.yaml").write_text(f"schema: {SCHEMA}\nseed: 1\nseed: 2\n")
    with pytest.raises(ValueError, match=r"study\.yaml: line 3: the key 'seed' stands twice"):
        read_study_file(tmp_path / "study.yaml")
