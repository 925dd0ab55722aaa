"""``aiida-concerted arrhenius`` from JSON files to JSON, a table and one-line errors."""

from __future__ import annotations

import json

import pytest

from tests.cli.support import assert_one_line, run_here
from tests.synthetic_series import DIFFUSION_EV, MODES_EV, series

TEMPERATURES = (600.0, 700.0, 750.0, 900.0, 1200.0)


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in series(TEMPERATURES, seed=1).items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return [f"T{temperature:g}.json" for temperature in TEMPERATURES]


def edit(name, **changes):
    with open(name) as file:
        content = json.load(file)
    for path, value in changes.items():
        section, key = path.split("__") if "__" in path else (None, path)
        (content if section is None else content[section])[key] = value
    with open(name, "w") as file:
        json.dump(content, file)


def test_planted_energies_are_in_the_json_and_the_table(files, tmp_path, capsys):
    outcome = run_here(capsys, "arrhenius", *files, "--json", "fit.json")
    assert outcome.status == 0, outcome.err
    content = json.loads((tmp_path / "fit.json").read_text())
    assert content["schema"] == "aiida-concerted/arrhenius/1"
    energy = content["diffusivity"]["activation_energy_eV"]
    assert abs(energy["value"] - DIFFUSION_EV) < 3 * energy["stderr"]
    for mode in content["modes"]:
        found = mode["activation_energy_eV"]
        assert abs(found["value"] - MODES_EV[mode["label"]]) < 3 * found["stderr"] + 0.005
    for text in (
        "600, 700, 750, 900, 1200 K", "Ea, eV", "m² s⁻¹", "at 300 K (95 %)", "mS cm⁻¹", "tracer D*",
        "charge Dσ", "A-B-A", "a straight line fits", "Written: fit.json",
    ):  # fmt: skip
        assert text in outcome.out, text
    assert outcome.out.index("A-C-A") < outcome.out.index("A-B-A")
    assert max(len(line) for line in outcome.out.splitlines() if "─" in line) <= 100


def test_modes_without_an_energy_are_listed_with_their_events_and_reason(files, capsys):
    for name in files:
        with open(name) as file:
            mode = json.load(file)["modes"][0]
        rare = {**mode, "label": "B-A-B", "raw": 0, "side_count": 0, "named": False}
        edit(name, modes=[mode, rare])
    outcome = run_here(capsys, "arrhenius", *files)
    assert outcome.status == 0, outcome.err
    assert "no energy of B-A-B (0): " in outcome.out


def test_warnings_stand_at_the_end(files, capsys):
    edit("T600.json", diffusivity={"tracer_m2_s": {"value": 0.0, "stderr": 1e-12}, "sampling": "insufficient"})
    outcome = run_here(capsys, "arrhenius", *files)
    assert outcome.status == 0, outcome.err
    assert "no positive value at 600 K" in outcome.out
    assert "! the sampling is insufficient at 600 K" in outcome.out.splitlines()[-1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema": "something/else"}, "T750.json is not the result of an analysis"),
        ({"input__temperature_K": 600.0}, "are both of 600 K"),
        ({"input__carrier": "Na"}, "differ in the carrier"),
        ({"site_model__material": "LGPS"}, "differ in the site model"),
    ],
)
def test_files_that_do_not_belong_together_are_one_line(files, capsys, changes, said):
    edit("T750.json", **changes)
    assert_one_line(run_here(capsys, "arrhenius", *files), 1, said)


def test_other_failures_are_one_line(files, tmp_path, capsys):
    assert_one_line(run_here(capsys, "arrhenius", files[0], files[0]), 1, "given twice")
    assert_one_line(run_here(capsys, "arrhenius", files[0]), 1, "two temperatures")
    assert_one_line(run_here(capsys, "arrhenius", *files, "--json", "no/fit.json"), 1, "there is no folder no")
    (tmp_path / "broken.json").write_text("{ half")
    assert_one_line(run_here(capsys, "arrhenius", files[0], "broken.json"), 1, "broken.json is no JSON file")


def test_wrong_usage_is_one_line_and_status_2(files, capsys):
    assert_one_line(run_here(capsys, "arrhenius"), 2, "JSON")
    assert_one_line(run_here(capsys, "arrhenius", "absent.json"), 2, "absent.json")
    assert_one_line(run_here(capsys, "arrhenius", *files, "--jsn", "x"), 2, "--jsn")


def test_figures_over_temperature_are_written(files, tmp_path, capsys):
    outcome = run_here(capsys, "arrhenius", *files, "--plots", tmp_path / "figures")
    assert outcome.status == 0, outcome.err
    assert "files of figures in" in outcome.out
    assert {"arrhenius.pdf", "arrhenius.png", "arrhenius.csv"} <= {p.name for p in (tmp_path / "figures").iterdir()}
