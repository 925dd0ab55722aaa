"""One run in every format gives one analysis, as far as the digits of the format go."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest

from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.formats.h5md_writer import write_h5md
from aiida_concerted.formats.poscar import Poscar
from aiida_concerted.formats.potcar import PotentialHeader
from aiida_concerted.formats.vasp_output import IonicStep
from aiida_concerted.formats.vasprun_writer import VasprunWriter
from tests.analysis.test_site_analysis import lattice_gas, trajectory
from tests.cli.support import run_here
from tests.cli.test_analyse import assert_same
from tests.formats.test_dcd_source import write_dcd
from tests.formats.test_xdatcar_source import xdatcar
from tests.formats.trajectory_support import Run, write_extxyz
from tests.formats.vasp_support import PARAMETERS, description

N_FRAMES, INTERVAL_PS, TIMESTEP_FS, FRAME_STEPS = 150, 0.1, 2.0, 50
WANTED = ("--carrier", "Li", "--sites", "lgps", "--recrossing-ps", "0.2", "--temperature-K", "600")


def whole_run() -> Run:
    """Return a run of which every atom is known at every frame, elements in groups as VASP wants them."""
    gas = trajectory(lattice_gas(0, N_FRAMES))
    framework = gas.framework[0] + gas.framework_displacement[:, None, :]
    species = np.array(["Li"] * gas.n_carriers + list(gas.framework_species))
    order = np.argsort(species, kind="stable")[::-1]
    positions = np.concatenate([gas.carriers, framework], axis=1)[:, order]
    cells = np.tile(gas.cell, (N_FRAMES, 1, 1))
    return Run(tuple(species[order].tolist()), cells, positions @ np.linalg.inv(gas.cell))


RUN = whole_run()


def write_own(path: Path) -> Path:
    framework = RUN.positions[:, ~RUN.of("Li")]
    run = Trajectory(
        carrier="Li",
        carriers=RUN.positions[:, RUN.of("Li")],
        cell=RUN.cells[0],
        frame_interval_ps=INTERVAL_PS,
        framework_species=tuple(symbol for symbol in RUN.species if symbol != "Li"),
        framework=framework,
        framework_displacement=(framework - framework[0]).mean(axis=1),
    )
    write_h5md(path, run, step_interval=FRAME_STEPS)
    return path


def write_dump(path: Path) -> Path:
    lengths = np.diag(RUN.cells[0])
    box = "".join(f"0 {length:.8f}\n" for length in lengths)
    with path.open("w") as file:
        for frame, positions in enumerate(RUN.wrapped):
            file.write(f"ITEM: TIMESTEP\n{frame * FRAME_STEPS}\nITEM: NUMBER OF ATOMS\n{len(RUN.species)}\n")
            file.write(f"ITEM: BOX BOUNDS pp pp pp\n{box}ITEM: ATOMS id element x y z\n")
            rows = enumerate(zip(RUN.species, positions, strict=True), start=1)
            file.writelines(f"{number} {symbol} {x:.7f} {y:.7f} {z:.7f}\n" for number, (symbol, (x, y, z)) in rows)
    return path


def write_vasprun(path: Path) -> Path:
    symbols = tuple(dict.fromkeys(RUN.species))
    counts = tuple(RUN.species.count(symbol) for symbol in symbols)
    parameters = {
        group: {name: {"POTIM": 1000.0 * INTERVAL_PS, "NSW": N_FRAMES}.get(name, value) for name, value in old.items()}
        for group, old in PARAMETERS.items()
    }
    made = dataclasses.replace(
        description(),
        parameters=parameters,
        poscar=Poscar("LGPS", RUN.cells[0], symbols, counts, RUN.fractional[0] % 1.0),
        potentials=tuple(PotentialHeader(f"PAW {s}", s, s, "PE", 10.0, 3.0, 300.0) for s in symbols),
    )
    stream = io.StringIO()
    writer = VasprunWriter(stream)
    writer.begin(made)
    for number, (cell, fractional) in enumerate(zip(RUN.cells, RUN.fractional % 1.0, strict=True), start=1):
        writer.step(IonicStep(number, cell, fractional, -1.0, np.zeros_like(fractional), None, (1.0, 1.0), None))
    writer.end(RUN.cells[-1], RUN.fractional[-1])
    path.write_text(stream.getvalue())
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return the files of the run by format, and the options that each needs."""
    folder = tmp_path_factory.mktemp("formats")
    extxyz = write_extxyz(folder / "run.extxyz", RUN)
    interval = ("--frame-interval-ps", INTERVAL_PS)
    dcd = write_dcd(folder / "run.dcd", RUN, every=FRAME_STEPS, dt=INTERVAL_PS)
    return {
        "h5md": (write_own(folder / "run.h5"),),
        "extxyz": (extxyz, *interval),
        "lammps-dump": (write_dump(folder / "run.lammpstrj"), "--timestep-fs", TIMESTEP_FS),
        "dcd": (dcd, "--topology", extxyz, *interval),
        "xdatcar": (xdatcar(folder / "XDATCAR", RUN), *interval),
        "vasprun": (write_vasprun(folder / "vasprun.xml"),),
    }


def analysed(capsys, arguments, folder):
    outcome = run_here(capsys, "analyse", *arguments, *WANTED, "--json", folder / "out.json")
    assert outcome.status == 0, outcome.err
    return json.loads((folder / "out.json").read_text())


@pytest.fixture
def expected(files, capsys, tmp_path):
    return analysed(capsys, files["h5md"], tmp_path)


@pytest.mark.parametrize("kind", ["extxyz", "lammps-dump", "dcd", "xdatcar", "vasprun"])
def test_every_format_gives_the_same_analysis(files, expected, kind, capsys, tmp_path):
    found = analysed(capsys, files[kind], tmp_path)
    assert found.pop("read")["format"] == kind
    assert expected.pop("read")["format"] == "h5md"
    assert expected["hops"]["counted"] > 10
    for content in (found, expected):
        assert content["placement"].pop("strain") < 1e-6
        # Which elements come first is the file's affair.
        content["input"]["composition"] = dict(sorted(content["input"]["composition"].items()))
    assert_same(found, expected)
