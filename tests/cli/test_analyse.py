"""``aiida-concerted analyse`` from files to JSON, tables and one-line errors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import h5py
import numpy as np
import pytest

from aiida_concerted.formats.h5md_writer import write_h5md
from tests.analysis.test_site_analysis import lattice_gas, trajectory
from tests.cli.support import assert_one_line, run_here
from tests.environment.helpers import ROOT, environment

SITES = lattice_gas(0, 2400)
COMMON = ("--carrier", "Li", "--sites", "lgps", "--recrossing-ps", "0.2")


def consistent(run):
    """Return the run with a framework whose mean displacement is the one stated, as in a real run."""
    stated = run.framework_displacement[:: run.framework_stride]
    measured = (run.framework - run.framework[0]).mean(axis=1)
    return replace(run, framework=run.framework + (stated - measured)[:, None, :])


RUN = consistent(trajectory(SITES))


def part_of(run, begin, end):
    """Return the frames of a run from ``begin`` to ``end`` as a run of their own."""
    drift = run.framework_displacement[begin:end]
    return replace(
        run,
        carriers=run.carriers[begin:end],
        framework=run.framework[begin // run.framework_stride : -(-end // run.framework_stride)],
        framework_displacement=drift - drift[0],
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    write_h5md(place / "run.h5", RUN)
    write_h5md(place / "short.h5", part_of(RUN, 0, 200))
    return place


@pytest.fixture
def analysed(folder, capsys):
    outcome = run_here(capsys, "analyse", folder / "run.h5", *COMMON, "--json", folder / "run.json")
    assert outcome.status == 0, outcome.err
    return outcome, json.loads((folder / "run.json").read_text())


def test_the_planted_truths_are_in_the_json(analysed):
    _, content = analysed
    assert content["schema"] == "aiida-concerted/analysis/1"
    assert (
        content["input"] | {"supercell": [1, 1, 2], "n_frames": 2400, "n_carriers": 30, "n_atoms": 90}
        == content["input"]
    )
    assert content["hops"]["counted"] == pytest.approx(np.count_nonzero(np.diff(SITES, axis=0)), rel=0.05)
    assert np.abs(np.array(content["origin_shift"]) - [0.21, 0.34, 0.12]).max() < 0.01
    assert content["read"]["n_frames"] == 2400
    assert content["read"]["n_repeated"] == 0
    assert content["warnings"] == []


def test_the_table_names_everything_with_its_unit(analysed):
    shown = analysed[0].out
    for text in (
        "tracer diffusivity D*", "m² s⁻¹", "Haven ratio", "S m⁻¹", "mS cm⁻¹", "sampling sufficient", "ions per site",
        "residence time (95 %), ps", "hops:", "Concerted modes", "per cell and s", "600 K", "relative to the framework",
    ):  # fmt: skip
        assert text in shown, text
    lines = [line.split()[0] for line in shown.split("Concerted modes")[1].splitlines()[3:8]]
    assert lines == ["Li2-Li3-Li1", "Li2-Li3-Li2", "Li1-Li3-Li1", "Li4-Li1-Li3", "Li4-Li1-Li4"]
    assert analysed[0].err == ""
    tables = [line for line in shown.splitlines() if "─" in line]
    assert max(map(len, tables)) <= 100


def test_every_class_of_modes_is_in_the_table_or_said_to_have_no_event(analysed):
    outcome, content = analysed
    modes = outcome.out.split("Concerted modes")[1]
    for mode in content["modes"]:
        assert mode["label"] in modes


def test_a_run_in_two_files_gives_the_same(folder, analysed, capsys):
    write_h5md(folder / "first.h5", part_of(RUN, 0, 1200))
    write_h5md(folder / "second.h5", part_of(RUN, 1200, 2400), first_step=1200)
    outcome = run_here(
        capsys, "analyse", folder / "first.h5", folder / "second.h5", *COMMON, "--json", folder / "two.json"
    )
    assert outcome.status == 0, outcome.err
    two, one = json.loads((folder / "two.json").read_text()), analysed[1]
    assert two.pop("read")["n_files"] == 2
    one.pop("read")
    assert_same(two, one)


def assert_same(found, expected, where=""):
    """Compare JSON content; positions are stored in single precision, and so are their joints."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key, value in expected.items():
            assert_same(found[key], value, f"{where}/{key}")
    elif isinstance(expected, list) and expected and not isinstance(expected[0], str | dict):
        # A pair at the edge of a shell may fall to either side.
        assert np.abs(np.subtract(found, expected)).mean() <= 1e-3 * np.abs(expected).mean() + 1e-9, where
    elif isinstance(expected, list):
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other, where)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-20), where
    else:
        assert found == expected, where


def write_extxyz(path, run, frames):
    """Write all atoms of some frames of a run whose framework is stored at every one."""
    lattice = " ".join(map(str, run.cell.ravel()))
    species = [run.carrier] * run.n_carriers + list(run.framework_species)
    with open(path, "w") as file:
        for frame in frames:
            positions = np.concatenate([run.carriers[frame], run.framework[frame]])
            file.write(f'{run.n_atoms}\nLattice="{lattice}" Properties=species:S:1:pos:R:3 pbc="T T T"\n')
            file.writelines(f"{s} {x:.6f} {y:.6f} {z:.6f}\n" for s, (x, y, z) in zip(species, positions, strict=True))


def test_a_text_file_cut_in_two_gives_exactly_the_same(folder, capsys):
    short = part_of(RUN, 0, 120)
    drift = short.framework_displacement
    dense = replace(short, framework=short.framework[0] + drift[:, None, :], framework_stride=1)
    results = []
    for names in (["whole.xyz"], ["begin.xyz", "end.xyz"]):
        for name, frames in zip(names, np.array_split(np.arange(120), len(names)), strict=True):
            write_extxyz(folder / name, dense, frames)
        arguments = (*COMMON, "--frame-interval-ps", "0.1", "--temperature-K", "600", "--json", folder / "text.json")
        outcome = run_here(capsys, "analyse", *(folder / name for name in names), *arguments)
        assert outcome.status == 0, outcome.err
        results.append(json.loads((folder / "text.json").read_text()))
        assert results[-1].pop("read")["n_files"] == len(names)
    assert results[0] == results[1]


def test_without_sites_it_says_so(folder, capsys):
    outcome = run_here(capsys, "analyse", folder / "short.h5", "--carrier", "Li", "--skip", "rdf, van_hove")
    assert outcome.status == 0, outcome.err
    assert "No --sites given" in outcome.out
    assert "Concerted" not in outcome.out
    assert "Skipped     rdf, van_hove" in outcome.out


def test_options_reach_the_analysis(folder, capsys):
    outcome = run_here(
        capsys, "analyse", folder / "short.h5", *COMMON, "--temperature-K", "900", "--charge", "2", "--discard-ps", "5",
        "--window-ps", "0.4", "--fit-window-ps", "1", "3", "--origin-shift", "0.21", "0.34", "0.12", "--seed", "7",
        "--json", folder / "options.json",
    )  # fmt: skip
    assert outcome.status == 0, outcome.err
    content = json.loads((folder / "options.json").read_text())
    assert content["input"]["temperature_K"] == 900.0
    expected = {
        "charge": 2.0, "discard_ps": 5.0, "window_ps": 0.4, "recrossing_ps": 0.2, "seed": 7,
        "fit_window_ps": [1.0, 3.0], "origin_shift": [0.21, 0.34, 0.12],
    }  # fmt: skip
    assert content["settings"] | expected == content["settings"]
    assert content["diffusivity"]["fit_window_ps"] == pytest.approx([1.0, 3.0])
    assert content["mode_definition"]["window_ps"] == 0.4
    assert content["origin_shift"] == [0.21, 0.34, 0.12]


def test_figures_are_drawn_into_a_folder_that_is_made(folder, capsys):
    place = folder / "new" / "figures"
    skipped = "sites,rdf,van_hove,density"
    outcome = run_here(capsys, "analyse", folder / "short.h5", "--carrier", "Li", "--skip", skipped, "--plots", place)
    assert outcome.status == 0, outcome.err
    assert (place / "msd.png").stat().st_size > 1000
    assert f"files of figures in {place}" in outcome.out


def test_progress_is_shown_on_demand_and_off_the_output(folder, capsys):
    outcome = run_here(capsys, "analyse", folder / "short.h5", *COMMON, "--progress")
    assert outcome.status == 0
    for stage in ("reading", "diffusivity", "sites and modes", "van Hove function"):
        assert stage in outcome.err
        assert stage not in outcome.out.split("Transport")[0]


def test_the_results_are_written_whole_or_not_at_all(folder, capsys, monkeypatch):
    path = folder / "kept.json"
    path.write_text("kept")

    def broken(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", broken)
    outcome = run_here(capsys, "analyse", folder / "short.h5", *COMMON, "--json", path)
    assert_one_line(outcome, 1, "No space left on device")
    assert path.read_text() == "kept"
    assert not list(folder.glob(".kept*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run.h5"], "--carrier"),
        ([], "FILE"),
        (["absent.h5", "--carrier", "Li"], "absent.h5"),
        (["run.h5", "--carrier", "Li", "--skip", "vanhove"], "did you mean 'van_hove'?"),
        (["run.h5", "--carrier", "Li", "--temperature-K", "-3"], "'-3' is not a positive number"),
        (["run.h5", "--carrier", "Li", "--temperature-K", "nan"], "'nan' is not a positive number"),
        (["run.h5", "--carrier", "Li", "--discard-ps", "-1"], "number of at least zero"),
        (["run.h5", "--carrier", "Li", "--charge", "0"], "charge must not be zero"),
        (["run.h5", "--carrier", "Li", "--charge", "two"], "'two' is not a finite number"),
        (["run.h5", "--carrier", "Li", "--format", "pdb"], "'pdb' is not one of"),
        (["run.h5", "--carrier", "Li", "--sits", "lgps"], "No such option"),
        (["run.h5", "--carrier", "Li", "--json", "."], "is a directory"),
        (["run.h5", "--carrier", ""], "'' is no element symbol"),
        (["run.h5", "--carrier", "li"], "'li' is no element symbol"),
        (["run.h5", "--carrier", "Li", "--seed", "-1"], "--seed"),
        (["run.h5", "--carrier", "Li", "--scratch", "nowhere"], "'nowhere' does not exist"),
        (["run.h5", "--carrier", "Li", "--save-sites", "s.yaml"], "need --sites. See"),
        (["run.h5", "--carrier", "Li", "--sites", "lgps", "--symmetrise"], "--symmetrise needs --density FILE"),
        (["run.h5", "--carrier", "Li", "--density", "d.cube", "--skip", "density"], "do not skip it"),
        (
            ["run.h5", "--carrier", "Li", "--sites", "lgps", "--density", "d.cube", "--symmetrise", "--skip", "sites"],
            "--symmetrise needs the sites",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(folder, capsys, monkeypatch, arguments, said):
    monkeypatch.chdir(folder)
    assert_one_line(run_here(capsys, "analyse", *arguments), 2, said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--carrier", "Li", "--sites", "lpgs"], "'lpgs' is neither"),
        (["--carrier", "Na"], "Na"),
        (["--carrier", "Li", "--sites", "na3ps4"], "Na"),
        (["--carrier", "Li", "--sites", "li3ps4"], "is no integer supercell"),
        (["--carrier", "Li", "--discard-ps", "1000"], "must leave two frames"),
        (["--carrier", "Li", "--fit-window-ps", "5", "2"], "fit window"),
        (["--carrier", "Li", "--json", "nowhere/out.json"], "there is no folder nowhere"),
        (["--carrier", "Li", "--frame-interval-ps", "0.2"], "0.2 ps apart by --frame-interval-ps"),
        (["--carrier", "Li", "--sites", "short.h5"], "short.h5 is no text file"),
        (["--carrier", "Li", "--sites", "absent.cif"], "there is no file absent.cif"),
        (["--carrier", "Li", "--sites", "lgps", "--origin-shift", "0.5", "0", "0"], "with the --origin-shift"),
        (["--carrier", "Li", "--plots", "short.h5/figures"], "cannot make the folder"),
        (["./short.h5", "--carrier", "Li"], "is given twice"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_1(folder, capsys, monkeypatch, arguments, said):
    monkeypatch.chdir(folder)
    assert_one_line(run_here(capsys, "analyse", "short.h5", *arguments), 1, said)


def test_a_file_of_something_else_is_one_line(folder, capsys):
    (folder / "notes.h5").write_text("no trajectory")
    assert_one_line(run_here(capsys, "analyse", folder / "notes.h5", "--carrier", "Li"), 1, "notes.h5")
    (folder / "empty.xyz").touch()
    assert_one_line(run_here(capsys, "analyse", folder / "empty.xyz", "--carrier", "Li"), 1, "empty.xyz is empty")


def test_what_a_message_quotes_of_a_file_does_not_steer_the_terminal(folder, capsys):
    (folder / "junk.xyz").write_bytes(b"\x1b[2J\x07junk\n" * 100)
    outcome = run_here(capsys, "analyse", folder / "junk.xyz", "--carrier", "Li", "--format", "extxyz")
    assert_one_line(outcome, 1, "?[2J?junk")


def test_a_message_names_the_options_and_leaves_paths_alone():
    from aiida_concerted.cli.analyse import in_options

    assert in_options("give timestep_fs or frame_interval_ps") == "give --timestep-fs or --frame-interval-ps"
    assert in_options("discard_ps must leave two frames") == "--discard-ps must leave two frames"
    assert in_options("give coordinates=wrapped") == "give --coordinates wrapped"
    path = "/data/window_ps/timestep_fs.xyz: no origin_shift_A, window_ps_2"
    assert in_options(path) == path


def test_sites_are_analysed_where_too_few_frames_are_left_for_a_diffusivity(folder, capsys):
    arguments = (*COMMON, "--discard-ps", "19.0", "--skip", "rdf,van_hove", "--json", folder / "few.json")
    outcome = run_here(capsys, "analyse", folder / "short.h5", *arguments)
    assert outcome.status == 0, outcome.err
    content = json.loads((folder / "few.json").read_text())
    assert "diffusivity" not in content
    assert sum(content["sites"]["share"].values()) == pytest.approx(1.0)
    assert "10 frames are too few for a diffusivity, which needs 12" in content["warnings"]


def test_the_help_fits_a_screen(capsys):
    outcome = run_here(capsys, "analyse", "--help", "--help")
    assert outcome.status == 0
    import click

    from aiida_concerted.cli.analyse import GROUPS, analyse

    with click.Context(analyse, info_name="aiida-concerted analyse", terminal_width=100) as context:
        shown = analyse.get_help(context)
    assert len(shown.splitlines()) <= 40
    assert max(map(len, shown.splitlines())) <= 100
    for heading in GROUPS:
        assert f"{heading}:" in shown
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(p.name for p in analyse.params if p.name not in ("files", "help"))


def program(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)], env=environment(), cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def test_the_real_command_runs_without_aiida(folder):
    code = (
        "import sys\n"
        "from aiida_concerted.cli.main import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "finally:\n"
        "    heavy = {'aiida', 'pymatgen', 'ase', 'torch', 'tensorflow'} & set(sys.modules)\n"
        "    print('imported:', sorted(heavy))\n"
    )
    process = program("-c", code, "analyse", folder / "short.h5", *COMMON, "--json", folder / "real.json")
    shown, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert errors == ""
    assert "imported: []" in shown
    assert json.loads((folder / "real.json").read_text())["input"]["n_frames"] == 200


def test_an_interrupt_is_one_line_and_leaves_nothing(folder, tmp_path):
    process = program(
        "-m", "aiida_concerted", "analyse", folder / "run.h5", *COMMON, "--progress", "--scratch", tmp_path,
        "--json", tmp_path / "out.json",
    )  # fmt: skip
    first = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    shown, errors = process.communicate(timeout=120)
    if process.returncode == 0:
        pytest.skip("the analysis was faster than the signal")
    assert process.returncode == 130
    assert "Traceback" not in first + errors
    assert errors.splitlines()[-1] == "Interrupted."
    assert shown == ""
    assert os.listdir(tmp_path) == []


@pytest.fixture
def spilling(monkeypatch):
    """Let the reader use a scratch file for a short run, too."""
    from aiida_concerted.formats import trajectory_files

    small = trajectory_files.ReadLimits(block_bytes=1 << 15, memory_bytes=1 << 12)
    monkeypatch.setattr(trajectory_files, "ReadLimits", lambda: small)


def test_an_interrupt_leaves_no_scratch_file_and_no_results(folder, capsys, tmp_path, monkeypatch, spilling):
    from aiida_concerted.analysis import whole_run

    seen = []

    def interrupted(trajectory, *arguments, **options):
        seen.append(type(trajectory.carriers))
        raise KeyboardInterrupt

    monkeypatch.setattr(whole_run, "analyse_run", interrupted)
    arguments = ("--scratch", tmp_path, "--json", tmp_path / "out.json")
    outcome = run_here(capsys, "analyse", folder / "run.h5", *COMMON, *arguments)
    assert (outcome.status, outcome.out, outcome.err.strip()) == (130, "", "Interrupted.")
    assert seen == [h5py.Dataset]
    assert os.listdir(tmp_path) == []


def test_a_scratch_folder_that_is_full_is_one_line(folder, capsys, tmp_path, spilling):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 17, hard))
    try:
        outcome = run_here(capsys, "analyse", folder / "run.h5", *COMMON, "--scratch", tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_one_line(outcome, 1, "the scratch file cannot be written")
    assert os.listdir(tmp_path) == []


def test_the_scratch_file_changes_nothing(folder, analysed, capsys, tmp_path, spilling):
    arguments = ("--scratch", tmp_path, "--json", folder / "spilt.json")
    assert run_here(capsys, "analyse", folder / "run.h5", *COMMON, *arguments).status == 0
    assert_same(json.loads((folder / "spilt.json").read_text()), analysed[1])
    assert os.listdir(tmp_path) == []


def test_the_command_starts_quickly():
    begin = time.monotonic()
    process = program("-m", "aiida_concerted", "analyse", "--help")
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert time.monotonic() - begin < 10.0  # 0.3 s on a free core


def test_sites_of_auto_are_found(folder, capsys):
    outcome = run_here(
        capsys, "analyse", folder / "run.h5", "--carrier", "Li", "--sites", "auto", "--json", folder / "a.json"
    )
    assert outcome.status == 0, outcome.err
    content = json.loads((folder / "a.json").read_text())
    assert content["site_model"]["material"] == "auto"
    assert {label: len(sites) for label, sites in content["site_model"]["sites"].items()} == content["sites"]["counts"]
    assert content["auto_sites"]["unplaced_fraction"] < 0.05
    assert "sites at maxima of the density" in outcome.out
    assert content["hops"]["counted"] == pytest.approx(np.count_nonzero(np.diff(SITES, axis=0)), rel=0.1)


def test_sites_that_were_found_serve_other_temperatures(folder, capsys):
    common = ("--carrier", "Li", "--recrossing-ps", "0.2", "--skip", "rdf,van_hove")
    found = ("--sites", "auto", "--save-sites", folder / "found.yaml", "--json", folder / "hot.json")
    assert run_here(capsys, "analyse", folder / "run.h5", *common, *found).status == 0
    given = ("--sites", folder / "found.yaml", "--temperature-K", "500", "--json", folder / "cold.json")
    assert run_here(capsys, "analyse", folder / "run.h5", *common, *given).status == 0
    cold, hot = (json.loads((folder / name).read_text()) for name in ("cold.json", "hot.json"))
    assert cold["placement"]["origin_residual_A"] < 0.01
    assert cold["sites"] == hot["sites"]
    outcome = run_here(capsys, "arrhenius", folder / "cold.json", folder / "hot.json")
    assert outcome.status == 0, outcome.err
    write_h5md(folder / "moved.h5", replace(part_of(RUN, 0, 200), **moved(part_of(RUN, 0, 200), [2.0, 0.0, 1.0])))
    outcome = run_here(capsys, "analyse", folder / "moved.h5", *common, "--sites", folder / "found.yaml")
    assert_one_line(outcome, 1, "leave it out to have the origin found")


def moved(run, vector):
    """Return the positions of a run, all of them moved by a vector."""
    return {"carriers": run.carriers + vector, "framework": run.framework + vector}
