"""Rules that hold for every entry point of the package; what is inherited from other plugins and not ours is listed."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
import textwrap
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from aiida.engine import BaseRestartWorkChain, CalcJob, WorkChain

import aiida_concerted

PACKAGE = Path(aiida_concerted.__file__).parent
GROUPS = ("aiida.data", "aiida.calculations", "aiida.parsers", "aiida.workflows")
OURS = [point for group in GROUPS for point in entry_points(group=group) if point.value.startswith("aiida_concerted")]
PROCESSES = [point for point in OURS if point.group in ("aiida.calculations", "aiida.workflows")]

UNITS = re.compile(r"without unit|(?<!\w)(eV|Å|ps|fs|K|s|e|GPa|kB|bar)(?!\w)|m²/s|2π")

FROM_AIIDA = ("metadata", "monitors", "code", "clean_workdir", "max_iterations", "handler_overrides", "remote_folder")
"""Ports that aiida-core defines on every process or restart work chain."""


def ids(point):
    return f"{point.group}:{point.name}"


@pytest.mark.parametrize("point", OURS, ids=ids)
def test_every_entry_point_loads_and_says_what_it_is(point):
    loaded = point.load()
    assert inspect.isclass(loaded)
    assert loaded.__doc__


def leaves(namespace, prefix=""):
    for name, port in namespace.items():
        path = f"{prefix}{name}"
        if hasattr(port, "items"):
            yield from leaves(port, f"{path}.")
        else:
            yield path, port


def is_inherited(path):
    """Return whether a port is one of aiida-core's, at whatever depth it is exposed."""
    return any(part in FROM_AIIDA for part in path.split("."))


@pytest.mark.parametrize("point", PROCESSES, ids=ids)
def test_every_port_has_help(point):
    process = point.load()
    spec = process.spec()
    ports = [*leaves(spec.inputs), *leaves(spec.outputs)]
    without = [path for path, port in ports if not port.help and not is_inherited(path)]
    assert without == []


@pytest.mark.parametrize("point", PROCESSES, ids=ids)
def test_every_number_names_its_unit(point):
    from aiida import orm

    process = point.load()
    unnamed = []
    for path, port in leaves(process.spec().inputs):
        types = port.valid_type if isinstance(port.valid_type, tuple) else (port.valid_type,)
        is_number = any(kind in (orm.Float, orm.Int) for kind in types)
        if is_number and not is_inherited(path) and not UNITS.search(port.help):
            unnamed.append(path)
    assert unnamed == []


@pytest.mark.parametrize("point", PROCESSES, ids=ids)
def test_exit_statuses_are_unique_and_labelled(point):
    codes = point.load().spec().exit_codes
    inherited = ("NO_ERROR", "STOPPED_BY_MONITOR")  # aiida-core's and aiida-vasp's own
    ours = {label: code for label, code in codes.items() if label not in inherited}
    statuses = [code.status for code in ours.values()]
    assert len(statuses) == len(set(statuses)), sorted(statuses)
    assert all(label.startswith(("ERROR_", "WARNING_")) for label in ours)
    assert all(code.message for code in ours.values())


def exit_codes_used(process):
    """Return the labels of ``self.exit_codes.X`` in the source of a class and of its bases in this package."""
    for base in inspect.getmro(process):
        if not base.__module__.startswith("aiida_concerted"):
            continue
        module = ast.parse(inspect.getsource(importlib.import_module(base.__module__)))
        for node in ast.walk(module):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Attribute)
                and node.value.attr == "exit_codes"
            ):
                is_self = isinstance(node.value.value, ast.Name) and node.value.value.id == "self"
                if is_self:
                    yield node.attr


@pytest.mark.parametrize("point", [p for p in OURS if p.group != "aiida.data"], ids=ids)
def test_every_exit_code_that_is_returned_exists(point):
    loaded = point.load()
    if issubclass(loaded, CalcJob | WorkChain):
        process = loaded
    else:
        (calculation,) = (p for p in OURS if p.group == "aiida.calculations" and p.name == point.name)
        process = calculation.load()
    known = set(process.spec().exit_codes)
    assert set(exit_codes_used(loaded)) <= known


def handlers_of(process):
    """Yield the syntax trees of the process handlers that this package gives a restart work chain."""
    for base in inspect.getmro(process):
        if not base.__module__.startswith("aiida_concerted"):
            continue
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(base)))):
            if isinstance(node, ast.FunctionDef) and "process_handler" in ast.dump(ast.Module(node.decorator_list, [])):
                yield node


def outputs_read(handler):
    """Yield the labels in ``x.outputs.label``, ``x.outputs["label"]`` and ``"label" in x.outputs``."""
    for node in ast.walk(handler):
        if isinstance(node, ast.Attribute | ast.Subscript) and getattr(node.value, "attr", None) == "outputs":
            yield node.attr if isinstance(node, ast.Attribute) else node.slice.value
        elif isinstance(node, ast.Compare) and getattr(node.comparators[0], "attr", None) == "outputs":
            yield node.left.value


RESTARTING = [p for p in PROCESSES if issubclass(p.load(), BaseRestartWorkChain)]


@pytest.mark.parametrize("point", RESTARTING, ids=ids)
def test_every_output_that_a_handler_reads_exists(point):
    process = point.load()
    handlers = list(handlers_of(process))
    assert handlers
    read = {label for handler in handlers for label in outputs_read(handler)}
    assert read
    assert read <= set(process._process_class.spec().outputs)


NO_PORTS = {
    # the port train.compress: in a protocol `train` holds the parameters alone
    "concerted.deepmd.base": {"compress"},
    "concerted.deepmd.committee": {"compress"},
    "concerted.vasp.base": {
        "potentials", "potential_hashes", "plain_potentials_if_missing", "gamma_code",
        "kpoints_spacing_2pi_per_A",
        "incar", "incar_relax", "incar_static", "incar_aimd",
    },
    "concerted.vasp.segment": {
        "potentials", "potential_hashes", "plain_potentials_if_missing", "gamma_code",
        "kpoints_spacing_2pi_per_A",
        "incar", "incar_relax", "incar_static", "incar_aimd",
    },
    "concerted.vasp.vacancy": {"reference_kpoints_spacing_2pi_per_A"},
    "concerted.study": {"with_vacancy"},
    "concerted.explore": {"stash"},
    "concerted.sweep": {"stash"},
}  # fmt: skip
"""Keys of protocols that their builders turn into something else; all others are ports."""

CHAINS = [point for point in PROCESSES if hasattr(point.load(), "_protocol_file")]


@pytest.mark.parametrize("point", CHAINS, ids=ids)
def test_every_key_of_every_protocol_is_a_port(point):
    chain = point.load()
    ports = set(chain.spec().inputs)
    for protocol in ("fast", "balanced", "stringent", "paper"):
        keys = set(chain.get_protocol_inputs(protocol))
        assert keys - ports == NO_PORTS.get(point.name, set())


def test_every_work_chain_that_is_built_from_a_protocol_is_checked():
    chains = [point for point in PROCESSES if issubclass(point.load(), WorkChain)]
    without = {"concerted.analyse", "concerted.lammps.replicas"}  # the latter is given runs that were built from one
    assert {point.name for point in chains} - {point.name for point in CHAINS} == without


def test_every_test_file_is_collected():
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", str(PACKAGE.parent / "tests")],
        capture_output=True, text=True, check=True, cwd=PACKAGE.parent,
    ).stdout  # fmt: skip
    files = {str(path.relative_to(PACKAGE.parent)) for path in (PACKAGE.parent / "tests").rglob("test_*.py")}
    assert files == {line.split("::")[0] for line in collected.splitlines() if "::" in line}


def test_the_pure_layers_import_without_aiida_pymatgen_and_ase():
    names = ("common", "analysis", "learning", "formats", "materials", "plotting", "reduction")
    modules = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for name in names
        for path in (PACKAGE / name).rglob("*.py")
    ]
    script = (
        "import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module(name.removesuffix('.__init__'))\n"
        "found = {'aiida', 'pymatgen', 'ase'} & set(sys.modules)\n"
        "assert not found, found\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
