"""Vacancy formation energies of the carrier by site label."""

import argparse
from pathlib import Path

import yaml
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import DataFactory, WorkflowFactory

from aiida_concerted.calculations.functions.order_site_model import order_site_model

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--vasp", required=True, help="label of the VASP code")
parser.add_argument("--structure", help="ordered structure; LGPS, ordered by electrostatic energy, when not given")
parser.add_argument("--protocol", default="fast", help="fast, balanced, stringent or paper")
parser.add_argument("--overrides", type=Path, help="YAML file with differences from the protocol")
arguments = parser.parse_args()
overrides = yaml.safe_load(arguments.overrides.read_text()) if arguments.overrides else None

if arguments.structure:
    structure = orm.load_node(arguments.structure)
else:
    sites = DataFactory("concerted.sites").from_site_model("lgps")
    structure = order_site_model(sites, orm.Dict({"seed": 1}))["structure"]

builder = WorkflowFactory("concerted.vasp.vacancy").get_builder_from_protocol(
    orm.load_code(arguments.vasp),
    structure,
    sites=DataFactory("concerted.sites").from_site_model("lgps"),
    protocol=arguments.protocol,
    overrides=overrides,
)
outputs, node = run_get_node(builder)
print(f"Vacancies <{node.pk}> ended with status {node.exit_status}: {node.exit_message or 'all is well'}")
if "vacancy" in outputs:
    result = outputs["vacancy"]
    for label, energy in result["formation_energy_eV"].items():
        print(f"{label}: {energy:.3f} eV, mean of {result['n_sites'][label]}")
