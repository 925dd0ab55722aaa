"""A whole study of LGPS: from the site model to the activation energy of each concerted mode."""

import argparse
from pathlib import Path

import yaml
from aiida import orm
from aiida.engine import run_get_node, submit
from aiida.plugins import WorkflowFactory

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--dp", required=True, help="label of the DeePMD-kit code")
parser.add_argument("--lmp", required=True, help="label of the LAMMPS code with the deepmd pair style")
parser.add_argument("--vasp", required=True, help="label of the VASP code")
parser.add_argument("--material", default="lgps", help="site model: a shipped name or a YAML file")
parser.add_argument("--submit", action="store_true", help="hand the study to the daemon and return at once")
parser.add_argument("--protocol", default="fast", help="fast, balanced, stringent or paper")
parser.add_argument("--overrides", type=Path, help="YAML file with differences from the protocol")
arguments = parser.parse_args()
overrides = yaml.safe_load(arguments.overrides.read_text()) if arguments.overrides else None

builder = WorkflowFactory("concerted.study").get_builder_from_protocol(
    orm.load_code(arguments.dp),
    orm.load_code(arguments.lmp),
    orm.load_code(arguments.vasp),
    material=arguments.material,
    protocol=arguments.protocol,
    overrides=overrides,
)
if arguments.submit:
    print(f"Study <{submit(builder).pk}> is with the daemon; follow it with `verdi process status`")
else:
    outputs, node = run_get_node(builder)
    print(f"Study <{node.pk}> ended with status {node.exit_status}: {node.exit_message or 'all is well'}")
