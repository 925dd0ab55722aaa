"""The page on LGPS says what the program wrote: tables, study files, archive."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from aiida import orm
from click.testing import CliRunner

from aiida_concerted.archive.reading import open_archive
from aiida_concerted.archive.verify import verify_archive
from aiida_concerted.cli.main import cli
from aiida_concerted.common.numbers import format_estimate
from aiida_concerted.common.units import BOLTZMANN_EV_PER_K
from aiida_concerted.data.results import CellSizeData
from docs import study_tables
from tests.published import needs, published

TEXT = study_tables.PAGE.read_text(encoding="utf-8")
ARCHIVE = study_tables.FOLDER / "lgps.aiida"
MAX_ARCHIVE_MB = 3.0
LABELS = published("LiGePS-SSE-PBE")


@pytest.fixture(scope="module")
def numbers():
    return study_tables.read_numbers()


@pytest.mark.parametrize("name", study_tables.TABLES)
def test_a_table_is_that_of_the_numbers(name, numbers):
    written = TEXT.split(f"<!-- {name} -->\n")[1].split(f"\n<!-- end of {name} -->")[0]
    assert written == study_tables.TABLES[name](numbers)


@pytest.mark.parametrize("name", ["own", "committee", "sweep", "vacancy", "other", "windows"])
def test_a_study_file_of_the_page_is_the_one_beside_it(name):
    (shown,) = re.findall(rf"```yaml\n# {name}\.yaml\n(.*?)```", TEXT, flags=re.DOTALL)
    assert shown == (study_tables.FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(shown)["schema"].startswith("aiida-concerted/")


def test_figures_are_shown_and_there():
    shown = re.findall(r'<img src="lgps/([\w-]+\.png)" alt="[^"]+"', TEXT)
    assert sorted(shown) == sorted(path.name for path in study_tables.FOLDER.glob("*.png"))
    assert len(shown) >= 8


def test_the_archive_is_small_and_agrees_with_itself(aiida_profile):
    assert ARCHIVE.stat().st_size <= MAX_ARCHIVE_MB * 1e6
    verdicts = list(verify_archive(ARCHIVE))
    assert {verdict.outcome for verdict in verdicts} <= {"agrees", "left out"}
    assert sum(verdict.outcome == "agrees" for verdict in verdicts) >= 7  # fits of the diffusivity, of every named mode
    with open_archive(ARCHIVE) as backend:
        assert orm.QueryBuilder(backend=backend).append(CellSizeData).count() == 1


def test_the_table_of_diffusivities_is_what_the_archive_holds(numbers):
    inspected = CliRunner().invoke(
        cli, ["archive", "inspect", str(ARCHIVE), "--format", "json"], catch_exceptions=False
    )
    found = {row["uuid"]: row for row in json.loads(inspected.stdout)["results"]["diffusivities"]}
    table = study_tables.TABLES["diffusion"](numbers)
    of_cell = numbers["diffusivities"][0]["n_atoms"]
    answers = [re.split(r"  +", line.strip()) for line in TEXT.splitlines() if re.match(r" *\d+  LGPS ", line)]
    assert sorted(tuple(words[2:4]) for words in answers if words[7] == f"{of_cell}") == sorted(
        (f"{item['temperature_K']:g}", study_tables.estimate(item["tracer_m2_s"])) for item in numbers["diffusivities"]
    )
    for item, line in zip(numbers["diffusivities"], table.splitlines()[2:], strict=True):
        row = found[item["uuid"]]
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert float(cells[0]) == row["temperature_K"]
        said = format_estimate(row["diffusivity_m2_s"], row["diffusivity_stderr_m2_s"])
        assert cells[3] == said
        assert row["level_of_theory"] == "PBE/VASP"


def test_the_prose_says_what_the_numbers_say(numbers):
    D = {item["temperature_K"]: item["diffusivity_m2_s"] for item in numbers["points"]}
    line = {T: 7.1e-12 * np.exp(0.23 / BOLTZMANN_EV_PER_K * (1 / 300.0 - 1 / T)) for T in D}  # of the paper
    assert all(1.25 < D[T] / line[T] < 1.45 for T in (1000.0, 1200.0))
    assert 3.35 < D[500.0] / line[500.0] < 3.45
    others = [item["published"] for item in numbers["comparison"] if item.get("temperature_K") in (500.0, 500.5)]
    assert all(2.5 < D[500.0] / value < 2.85 for value in others)
    assert all(1.15 < value / line[500.0] < 1.4 for value in others)
    haven = {item["temperature_K"]: item["haven_ratio"] for item in numbers["points"]}
    assert all(0.375 < haven[T] < 0.415 for T in (500.0, 600.0, 800.0))
    assert all(0.585 < haven[T] < 0.62 for T in (1000.0, 1200.0))
    for T, (least, most) in ((500.0, (0.62, 0.72)), (1200.0, (0.3, 0.37))):
        (run,) = (item["classes"] for item in numbers["mode_points"] if item["temperature_K"] == T)
        assert least < sum(c["count"] for c in run if c["named"]) / sum(c["count"] for c in run) < most
        if T == 1200.0:
            assert max(run, key=lambda entry: entry["count"])["label"] == "Li3-Li2-Li3"
    departures = sorted((item["framework_departure_A"], item["temperature_K"]) for item in numbers["diffusivities"])
    assert [(round(length, 1), T) for length, T in departures[-2:]] == [(0.8, 1000.0), (0.9, 1200.0)]
    assert (round(departures[0][0], 2), departures[0][1]) == (0.26, 500.0)
    assert (round(departures[-3][0], 2), departures[-3][1]) == (0.48, 1200.0)


def test_two_runs_of_a_temperature_differ_by_what_the_prose_says(numbers):
    runs: dict[float, list[dict]] = {}
    for item in numbers["diffusivities"]:
        runs.setdefault(item["temperature_K"], []).append(item)
    pairs = {T: items for T, items in runs.items() if len(items) > 1}

    def apart(T, key):
        first, second = (item[key] for item in pairs[T])
        return abs(first["value"] - second["value"]) / np.hypot(first["stderr"], second["stderr"])

    assert {T: round(apart(T, "tracer_m2_s"), 1) for T in pairs} == {500.0: 1.7, 600.0: 0.2, 1200.0: 0.9}
    assert round(apart(600.0, "ab_share"), 1) == 2.6
    line = 7.1e-12 * np.exp(0.23 / BOLTZMANN_EV_PER_K * (1 / 300.0 - 1 / 500.0))  # of the paper
    stays: dict[float, list[dict]] = {}
    for item in numbers["site_statistics"]:
        stays.setdefault(item["temperature_K"], []).append(item["residence_time_ps"])
    total = sum(
        np.log(a[label]["value"] / b[label]["value"]) ** 2 / (1 / a[label]["n_exits"] + 1 / b[label]["n_exits"])
        for a, b in (stays[T] for T in pairs)
        for label in a
    )
    assert round(total) == 29
    assert round(np.sqrt(total / 12), 1) == 1.5
    assert 2.9 < min(item["tracer_m2_s"]["value"] for item in pairs[500.0]) / line < 3.1


def test_the_points_bend_at_either_end(numbers):
    """A line through the runs but for one end leaves both runs of that end above it, by several of their errors."""
    runs = [(item["temperature_K"], item["tracer_m2_s"]) for item in numbers["diffusivities"]]
    for end in (500.0, 1200.0):
        x, y, error = (
            np.array(column)
            for column in zip(
                *((1 / T, np.log(D["value"]), D["stderr"] / D["value"]) for T, D in runs if T != end), strict=True
            )
        )
        line = np.poly1d(np.polyfit(x, y, 1, w=1 / error))
        assert all(np.log(D["value"]) - line(1 / T) > 3 * D["stderr"] / D["value"] for T, D in runs if T == end)


def test_intervals_overlap_whatever_window_and_dwell_time():
    ends: dict[tuple[float, str], list[tuple[float, float]]] = {}
    for row in study_tables.read_numbers("sensitivity.json"):
        own = (row["frequency_lower_per_cell_s"], row["frequency_upper_per_cell_s"])
        ends.setdefault((row["temperature_K"], row["mode"]), []).append(own)
    named = {label for label, is_named, _ in study_tables.seen_classes(study_tables.read_numbers()) if is_named}
    for (_, mode), intervals in ends.items():
        assert len(intervals) == 6
        if mode in named:
            assert max(lower for lower, _ in intervals) <= min(upper for _, upper in intervals), mode


def shortened(name: str, folder: Path, **model: int) -> None:
    """Write a study file of the page with little to do in it."""
    content = yaml.safe_load((study_tables.FOLDER / f"{name}.yaml").read_text(encoding="utf-8").replace("PK", "0"))
    if name == "committee":
        content["committee"]["train"] |= {"n_steps": 400, "display_interval_steps": 100, "save_interval_steps": 200}
    if name == "sweep":
        md = {"anneal_ps": 0.5, "equilibration_ps": 0.5, "production_ps": 10.0, "max_framework_displacement_A": None}
        content["sweep"] |= {"temperatures_K": [1000], "models": list(model.values()), "target": {}}
        content["sweep"] |= {"n_seeds_at": {}, "supercell": [1, 1, 1], "sizes": {}}
        content["sweep"]["md"] |= {**md, "wall_A": 1.6}  # nets that learnt nothing have holes
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")


def lines_of_the_page() -> list[str]:
    (block,) = re.findall(r"```bash\n(aiida-concerted setup .*?)```", TEXT, flags=re.DOTALL)
    return [line.split("  #")[0].strip() for line in block.replace("\\\n", " ").splitlines()]


@pytest.mark.slow
@needs(LABELS)
def test_the_commands_of_the_page_lead_from_a_clean_profile_to_an_analysed_temperature(tmp_path):
    """The page's own commands in their order; trainings and runs are shortened in the study files alone."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "AIIDA_PATH": str(tmp_path), "PATH": path, "DATA": str(LABELS)}
    for name in ("own", "committee", "sweep"):
        shortened(name, tmp_path)
    said, pk = "", ""

    def call(line: str) -> str:
        words = ["bash", "-c", line]
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    try:
        for line in lines_of_the_page():
            if "sweep.yaml" in line:
                found = json.loads(call("aiida-concerted query potentials --format json"))
                shortened("sweep", tmp_path, model=found[0]["pk"])
            said = call(line.replace("PK", pk))
            pk = (re.findall(r"<(\d+)> is with the daemon", said) or [pk])[0]
    finally:
        stop = ["bash", "-c", "verdi -p lgps daemon stop"]
        subprocess.run(stop, cwd=tmp_path, env=environment, capture_output=True, check=False)
    numbers = json.loads((tmp_path / "numbers.json").read_text(encoding="utf-8"))
    assert [item["temperature_K"] for item in numbers["diffusivities"]] == [1000.0]
    assert set(numbers["errors"][-1]) == {"model_0", "model_1"}
    assert (tmp_path / "parity-force.png").exists()
    assert (tmp_path / "lgps.aiida").exists()
