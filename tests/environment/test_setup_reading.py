"""What a setup file means, before anything is made."""

import pytest

from aiida_concerted.environment.setup.reading import parse_setup
from aiida_concerted.environment.setup.schema import SCHEMA


def test_options_of_a_code_differ_from_those_of_the_file_key_by_key(tmp_path):
    content = {
        "schema": SCHEMA,
        "profile": {"name": "one"},
        "computers": {"here": {"transport": "local", "scheduler": "slurm"}},
        "options": {"queue_name": "all", "resources": {"num_machines": 2}},
        "codes": {
            "lmp@here": {
                "program": "lmp", "executable": "/opt/lmp", "options": {"resources": {"num_mpiprocs_per_machine": 64}},
            },
            "dp@here": {"program": "dp", "executable": "/opt/dp"},
        },
    }  # fmt: skip
    codes = {code.label: code for code in parse_setup(content, folder=tmp_path).codes}
    assert codes["lmp"].options == {
        "queue_name": "all", "resources": {"num_machines": 2, "num_mpiprocs_per_machine": 64},
    }  # fmt: skip
    assert codes["dp"].options["resources"] == {"num_machines": 2}


def test_a_computer_knows_whether_modules_are_loaded_there(tmp_path):
    computer = {"transport": "local", "scheduler": "direct"}
    loads = {"prepend_text": "source /etc/profile.d/modules.sh\nmodule load gcc"}
    code = {"program": "dp", "executable": "/opt/dp"}
    content = {
        "schema": SCHEMA,
        "profile": {"name": "one"},
        "computers": {"all": {**computer, **loads}, "one": computer, "none": {**computer, "prepend_text": "echo"}},
        "codes": {"dp@one": {**code, "modules": ["deepmd/3"]}, "plain@one": code, "dp@none": code},
    }
    found = parse_setup(content, folder=tmp_path).computers
    assert {label: wish.has_modules for label, wish in found.items()} == {"all": True, "one": True, "none": False}


def test_a_code_is_held_to_its_threads(tmp_path):
    code = {"program": "dp", "executable": "/opt/dp", "modules": ["deepmd"], "threads": 4, "prepend_text": "echo"}
    content = {
        "schema": SCHEMA,
        "profile": {"name": "one"},
        "computers": {"here": {"transport": "local", "scheduler": "direct"}},
        "codes": {"dp@here": code},
    }
    (wish,) = parse_setup(content, folder=tmp_path).codes
    assert wish.prepend_text.splitlines() == [
        "module load deepmd", "export OMP_NUM_THREADS=4", "export DP_INTRA_OP_PARALLELISM_THREADS=4",
        "export DP_INTER_OP_PARALLELISM_THREADS=1", "echo",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="threads"):
        parse_setup({**content, "codes": {"dp@here": {**code, "threads": 0}}}, folder=tmp_path)
