"""Production runs of LGPS over temperatures, analysed to activation energies."""

import argparse
from pathlib import Path

import yaml
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import DataFactory, WorkflowFactory

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--lmp", required=True, help="label of the LAMMPS code with the deepmd pair style")
parser.add_argument("--structure", required=True, help="ordered unit cell")
parser.add_argument("--model", required=True, help="deep potential that drives the runs")
parser.add_argument("--sites", default="lgps", help="site model: a shipped name or a YAML file")
parser.add_argument("--protocol", default="fast", help="fast, balanced, stringent or paper")
parser.add_argument("--overrides", type=Path, help="YAML file with differences from the protocol")
arguments = parser.parse_args()
overrides = yaml.safe_load(arguments.overrides.read_text()) if arguments.overrides else None

builder = WorkflowFactory("concerted.sweep").get_builder_from_protocol(
    orm.load_code(arguments.lmp),
    orm.load_node(arguments.structure),
    {"model": orm.load_node(arguments.model)},
    sites=DataFactory("concerted.sites").from_site_model(arguments.sites),
    protocol=arguments.protocol,
    overrides=overrides,
)
outputs, node = run_get_node(builder)
print(f"Sweep <{node.pk}> ended with status {node.exit_status}: {node.exit_message or 'all is well'}")
for result in outputs.get("diffusivities", {}).values():
    value, error = result["diffusivity_m2_s"], result["diffusivity_stderr_m2_s"]
    print(f"{result['temperature_K']:6g} K   D = {value:.2e} ± {error:.1e} m²/s   ({result['sampling']} sampling)")
for fit in outputs.get("arrhenius", {}).values():
    name = fit.get("mode") or fit["quantity"]
    energy = fit.get("activation_energy_eV")
    error = fit.get("activation_energy_stderr_eV")
    print(f"{name}: {fit['reason']}" if energy is None else f"{name}: E_a = {energy:.3f} ± {error:.3f} eV")
