"""Free energies, forces and virials of distorted copies of a structure, as frames to train on."""

import argparse
from pathlib import Path

import yaml
from aiida import orm
from aiida.engine import run_get_node, submit
from aiida.plugins import WorkflowFactory

from aiida_concerted.calculations.functions.distort_structures import distort_structures

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--vasp", required=True, help="label of the VASP code")
parser.add_argument("--structure", required=True, help="structure, elements grouped")
parser.add_argument("--copies", type=int, default=10, help="number of distorted copies")
parser.add_argument("--displacement-A", type=float, default=0.1, help="largest displacement in Å")
parser.add_argument("--strain", type=float, default=0.02, help="largest strain, without unit")
parser.add_argument("--seed", type=int, default=1, help="seed of the distortions")
parser.add_argument("--dataset", help="frames that the labels will join, whose settings must be the same")
parser.add_argument("--submit", action="store_true", help="hand the run to the daemon and return at once")
parser.add_argument("--protocol", default="fast", help="fast, balanced, stringent or paper")
parser.add_argument("--overrides", type=Path, help="YAML file with differences from the protocol")
arguments = parser.parse_args()
overrides = yaml.safe_load(arguments.overrides.read_text()) if arguments.overrides else None

parameters = {
    "number": arguments.copies,
    "displacement_A": arguments.displacement_A,
    "lattice_amplitude": arguments.strain,
    "seed": arguments.seed,
}
structures = distort_structures(orm.load_node(arguments.structure), orm.Dict(parameters))
builder = WorkflowFactory("concerted.vasp.label").get_builder_from_protocol(
    orm.load_code(arguments.vasp), structures, protocol=arguments.protocol, overrides=overrides
)
if arguments.dataset:
    builder.dataset = orm.load_node(arguments.dataset)
if arguments.submit:
    print(f"Labels <{submit(builder).pk}> are with the daemon; follow them with `aiida-concerted status PK`")
else:
    outputs, node = run_get_node(builder)
    print(f"Labels <{node.pk}> ended with status {node.exit_status}: {node.exit_message or 'all is well'}")
    if node.is_finished_ok:
        results, frames = outputs["results"].get_dict(), outputs["frames"]
        print(f"frames <{frames.pk}>: {len(frames)} of {results['requested']}, {results['computed']} computed now")
        for name, changes in results["retried"].items():
            print(f"{name} was tried again: {'; '.join(changes)}")
        for name, reason in results["reasons"].items():
            print(f"{name} failed: {reason}")
