"""Concurrent learning from a first dataset to a committee of deep potentials."""

import argparse
from pathlib import Path

import yaml
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dp", required=True, help="label of the DeePMD-kit code")
parser.add_argument("--lmp", required=True, help="label of the LAMMPS code with the deepmd pair style")
parser.add_argument("--vasp", required=True, help="label of the VASP code")
parser.add_argument("--dataset", required=True, help="labelled frames to begin with")
parser.add_argument("--validation", help="held-out labelled frames to test on")
parser.add_argument(
    "--structure", required=True, action="append", help="structure to explore from, or NAME=structure; may be repeated"
)
parser.add_argument("--protocol", default="fast", help="fast, balanced, stringent or paper")
parser.add_argument("--overrides", type=Path, help="YAML file with differences from the protocol")
arguments = parser.parse_args()
named = [words.rpartition("=") for words in arguments.structure]
structures = {name or "cell": orm.load_node(identifier) for name, _, identifier in named}
overrides = yaml.safe_load(arguments.overrides.read_text()) if arguments.overrides else None

builder = WorkflowFactory("concerted.learn").get_builder_from_protocol(
    orm.load_code(arguments.dp),
    orm.load_code(arguments.lmp),
    orm.load_code(arguments.vasp),
    orm.load_node(arguments.dataset),
    structures,
    protocol=arguments.protocol,
    overrides=overrides,
)
if arguments.validation:
    builder.validation = orm.load_node(arguments.validation)
outputs, node = run_get_node(builder)
print(f"Learning <{node.pk}> ended with status {node.exit_status}: {node.exit_message or 'all is well'}")
if node.is_finished_ok:
    for turn in outputs["table"]["turns"]:
        for name, run in turn.get("runs", {}).items():
            counts = ", ".join(f"{run[key]} {key}" for key in ("accurate", "candidate", "failed"))
            print(f"turn {turn['turn']}, {name}: {counts}")
    print("potentials:", ", ".join(f"{name} <{model.pk}>" for name, model in outputs["models"].items()))
