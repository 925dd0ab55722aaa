from __future__ import annotations

import io

import pytest
from rich.console import Console

from aiida_concerted.report import print_summary, summary_rows
from tests.report.synthetic_study import SURROGATE


@pytest.fixture(scope="module")
def rows(finished):
    return summary_rows(finished)


def printed(study, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    print_summary(study, console)
    return console.file.getvalue()


def test_rows_repeat_the_numbers_of_the_nodes(rows, content):
    results = {item.temperature_K: item for item in content.diffusivities}

    found = {
        row.temperature_K: row for row in rows if row.section == "diffusion" and row.quantity == "tracer_diffusivity"
    }
    assert set(found) == {600, 800, 1000, 1200}
    for temperature, row in found.items():
        assert row.value == results[temperature]["diffusivity_m2_s"]
        assert row.stderr == results[temperature]["diffusivity_stderr_m2_s"]


def test_conductivity_is_in_millisiemens_per_centimetre(rows, content):
    (result, *_) = content.diffusivities

    row = next(row for row in rows if row.quantity == "conductivity" and row.temperature_K == 600)
    assert row.value == pytest.approx(result["conductivity_S_m"] * 10)
    assert row.unit == "mS cm⁻¹"
    assert 0 < row.stderr < row.value


def test_published_values_stand_beside(rows):
    energy = next(row for row in rows if row.quantity == "activation_energy")
    assert "0.23 (deep potential, Fu 2022)" in energy.published

    mode = next(row for row in rows if row.label == "Li4-Li1-Li3")
    assert mode.published == ("0.15 (deep potential, Fu 2022)", "0.17 (DFT, Bhandari 2016)")

    vacancy = next(row for row in rows if row.section == "vacancies" and row.label == "Li2")
    assert vacancy.published == ("3.17 (DFT, Fu 2022)",)


def test_named_modes_come_first_and_the_others_by_their_events(rows):
    modes = [row for row in rows if row.section == "modes"]

    assert [row.label for row in modes[:5]] == [
        "Li2-Li3-Li1",
        "Li2-Li3-Li2",
        "Li1-Li3-Li1",
        "Li4-Li1-Li3",
        "Li4-Li1-Li4",
    ]
    events = [int(row.note.split()[0]) for row in modes[5:]]
    assert events == sorted(events, reverse=True)
    assert all(row.value is not None or ";" in row.note for row in modes)


def test_a_label_without_carriers_says_so(rows):
    row = next(row for row in rows if row.section == "vacancies" and row.label == "Li3")

    assert (row.value, row.text, row.note) == (None, "–", "no carrier on this label")


def test_occupancies_add_up_to_the_carriers(rows):
    counts = {"Li1": 64, "Li2": 16, "Li3": 32, "Li4": 16}

    for temperature in (600, 800, 1000, 1200):
        held = [row for row in rows if row.section == "occupancy" and row.temperature_K == temperature]
        assert sum(counts[row.label] * row.value for row in held) == pytest.approx(80)


@pytest.mark.parametrize("width", [80, 100])
def test_the_printed_summary_fits_and_is_marked(finished, width):
    text = printed(finished, width)

    assert max(len(line) for line in text.splitlines()) <= width
    assert "Surrogate, demonstration scale: not DFT" in text
    assert SURROGATE.split()[0] in text
    for word in ("D (m² s⁻¹)", "Eₐ", "Li4-Li1-Li3", "Vacancy formation energy", "Fu 2022", "±"):
        assert word in text


def test_the_summary_of_a_running_study_says_what_is_missing(running):
    text = " ".join(printed(running, 100).split())

    assert "The study is not complete: it is running." in text
    assert "No result at 800 K" in text
    assert "Missing: vacancy formation energies" in text


def test_markup_in_names_is_printed_as_it_is(hostile):
    assert '<script>alert("x")</script>' in printed(hostile, 100)
