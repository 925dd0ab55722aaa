"""What a setup file means, before anything is made."""

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
