"""A query gives the rows that meet its words, with errors and provenance, in a fixed number of statements."""

from __future__ import annotations

import csv
import io
import json
import time

import pytest
from aiida import orm
from aiida.manage import get_manager
from sqlalchemy import event

from aiida_concerted import queries
from aiida_concerted.cli.result_table import VIEWS, render
from aiida_concerted.common.numbers import format_number
from aiida_concerted.data.results import DiffusivityData
from aiida_concerted.queries.filters import parse_range
from aiida_concerted.queries.kinds import KINDS
from tests.queries.bulk import TEMPERATURES_K, BulkProfile


@pytest.fixture(scope="module")
def studies(aiida_profile):
    """Return the UUIDs of studies in a profile of ten thousand nodes."""
    aiida_profile.reset_storage()
    bulk = BulkProfile()
    uuids = []
    while len(bulk.nodes) < 10_000:
        uuids.append(bulk.add_study())
    bulk.insert()
    yield uuids
    aiida_profile.reset_storage()


@pytest.fixture
def statements(studies):
    """Return the list to which every statement that reaches the database is added."""
    engine = get_manager().get_profile_storage().get_session().get_bind()
    seen = []

    def note(connection, cursor, statement, *_):
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def test_criteria_hold_in_every_row(studies):
    table = queries.diffusivities(material="lgps", carrier="Li", temperature_K=(650, 1000), level_of_theory="pbe/vasp")
    assert {row["material"] for row in table} == {"LGPS"}
    assert {row["temperature_K"] for row in table} == {700.0, 800.0, 1000.0}
    every = queries.diffusivities()
    assert len(table) == sum(row["material"] == "LGPS" and 650 <= row["temperature_K"] <= 1000 for row in every)
    assert len(queries.diffusivities(temperature_K=600)) == len(every) / len(TEMPERATURES_K)
    assert len(queries.diffusivities(formula="S12P2GeLi10")) == len(queries.diffusivities(material="LGPS"))
    assert len(queries.diffusivities(level_of_theory="PB_/VASP")) == 0  # a wildcard of the database is none here


def test_a_study_is_found_by_uuid_and_its_beginning(studies):
    rows = queries.modes(study=studies[0])
    assert {row["study_uuid"] for row in rows} == {studies[0]}
    assert len(queries.modes(study=studies[0][:13])) == len(rows) == 2 * len(TEMPERATURES_K) * 3
    pk = queries.query("potentials", study=studies[0])[0]["pk"]
    with pytest.raises(ValueError, match="no process"):
        queries.modes(study=pk)


def test_fits_are_bounded_by_their_activation_energy(studies):
    rows = queries.arrhenius(quantity="tracer_diffusivity", max_activation_energy_eV=0.25, sort="-activation_energy_eV")
    energies = rows.column("activation_energy_eV")
    assert energies == sorted(energies, reverse=True)
    assert energies[0] <= 0.25
    assert len(rows) < len(queries.arrhenius(quantity="tracer_diffusivity")) == 2 * len(studies)


def test_the_best_conductors_at_room_temperature_stand_first(studies, statements):
    best = queries.arrhenius(quantity="tracer_diffusivity", sort="-conductivity_300K_S_m", limit=5)
    assert any("LIMIT" in statement for statement in statements)
    every = queries.arrhenius(quantity="tracer_diffusivity").column("conductivity_300K_S_m")
    assert best.column("conductivity_300K_S_m") == sorted(every, reverse=True)[:5]
    heading, _, first, *_ = render(VIEWS["arrhenius"], best).splitlines()
    assert "σ at 300 K (mS cm⁻¹)" in heading
    assert format_number(10 * best[0]["conductivity_300K_S_m"]) in first.split()


def test_a_mode_without_a_frequency_keeps_its_events(studies):
    row = queries.modes(mode="li2-li3-li2", limit=1)[0]
    assert row["mode"] == "Li2-Li3-Li2"
    assert (row["frequency_per_cell_s"], row["n_events"]) == (None, 0)


def test_results_name_trajectory_potential_and_code(studies):
    potentials = {row["study_uuid"]: row for row in queries.potentials()}
    for ask in (queries.diffusivities, queries.modes, queries.arrhenius):
        row = ask(study=studies[3], limit=1)[0]
        assert row["potential_uuid"] == potentials[studies[3]]["uuid"]
        assert row["potential_sha256"] == potentials[studies[3]]["sha256"]
        assert (row["potential_version"], row["code"]) == ("3.2.0", "lmp")
    run = queries.trajectories(study=studies[3])[0]
    assert (run["created_by"], run["code"]) == ("LammpsMdCalculation", "lmp")
    assert queries.diffusivities(provenance=False, limit=1)[0]["code"] is None


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_number_of_statements_does_not_grow_with_the_rows(kind, statements):
    few = queries.query(kind, limit=1)
    n_few = len(statements)
    many = queries.query(kind)
    assert len(many) >= 30 or kind == "occupancies"
    assert len(statements) - n_few <= n_few <= 20
    assert few.columns == many.columns


@pytest.mark.parametrize("sort", ["diffusivity_m2_s", "-diffusivity_m2_s", "n_atoms", "-haven_ratio", "pk", "-pk"])
def test_a_limit_gives_the_first_of_all_rows_and_reads_no_more(studies, statements, sort):
    every = queries.diffusivities(temperature_K=(700, None), sort=sort, literature=False)
    assert not any("LIMIT" in statement.split("FROM")[-1] for statement in statements)
    statements.clear()
    few = queries.diffusivities(temperature_K=(700, None), sort=sort, limit=7, literature=False)
    assert few.rows == every.rows[:7]
    (read,) = [statement for statement in statements if "LIMIT" in statement]
    assert "ORDER BY" in read


@pytest.mark.parametrize(
    ("kind", "sort"),
    [("diffusivities", None), ("diffusivities", "material"), ("modes", "-frequency_per_cell_s"),
     ("diffusivities", "code"), ("frames", "n_frames")],
)  # fmt: skip
def test_what_a_database_cannot_order_is_ordered_here(studies, statements, kind, sort):
    few = queries.query(kind, sort=sort, limit=4)
    assert not any("LIMIT" in statement for statement in statements)
    assert few.rows == queries.query(kind, sort=sort).rows[:4]


def test_results_without_a_study_name_the_outermost_work_chain_that_returned_them(studies):
    bulk = BulkProfile(seed=77)
    outer, inner = (bulk.add(orm.WorkChainNode, {"process_label": "SweepWorkChain"}) for _ in range(2))
    attributes = {"material": "Alone", "formula": "Li", "carrier": "Li", "temperature_K": 1.0, "diffusivity_m2_s": 1.0}
    found, loose = (bulk.add(DiffusivityData, {**attributes, "level_of_theory": word}) for word in ("a", "b"))
    for chain in (outer, inner):
        bulk.link(chain, found, "return", "diffusivities__run")
    bulk.insert()
    pk = orm.QueryBuilder().append(orm.Node, filters={"uuid": bulk.nodes[outer]["uuid"]}, project="id").first(flat=True)
    table = queries.diffusivities(material="Alone", sort="level_of_theory")
    assert table.column("workchain") == [pk, None]
    assert [line.split()[-1] for line in render(VIEWS["diffusivities"], table).splitlines()[2:]] == [f"<{pk}>", "–"]
    (row,) = queries.diffusivities(study=pk)
    assert row["uuid"] == bulk.nodes[found]["uuid"]
    assert queries.diffusivities(study=studies[0]).column("workchain") == [None] * 10
    assert len(loose_rows := [row for row in table if row["workchain"] is None]) == 1
    assert loose_rows[0]["uuid"] == bulk.nodes[loose]["uuid"]


def test_common_queries_of_ten_thousand_nodes_are_quick(studies):
    started = time.process_time()
    queries.diffusivities(material="LGPS")
    queries.arrhenius(max_activation_energy_eV=0.3)
    queries.vacancies(material="LGPS")
    assert time.process_time() - started < 1.5


def test_the_forms_hold_every_row(studies):
    table = queries.vacancies(material="LGPS", sort="formation_energy_eV")
    rows = list(csv.DictReader(io.StringIO(table.to_csv())))
    assert [float(row["formation_energy_eV"]) for row in rows] == table.column("formation_energy_eV")
    assert {row["spread_eV"] for row in rows if row["site"] == "Li2"} == {""}
    assert json.loads(table.to_json())[0] == {key: value for key, value in table[0].items() if value is not None}
    frame = table.select(["site", "formation_energy_eV"]).to_pandas()
    assert list(frame.columns) == ["site", "formation_energy_eV"]
    assert len(frame) == len(table)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({"kind": "diffusivitys"}, "did you mean 'diffusivities'"),
        ({"kind": "vacancies", "temperature_K": 600}, "have no temperature_K"),
        ({"kind": "diffusivities", "mode": "A-B-C"}, "have no mode"),
        ({"kind": "potentials", "formula": "Li3PS4"}, "have no formula"),
        ({"kind": "diffusivities", "materials": "LGPS"}, "did you mean 'material'"),
        ({"kind": "diffusivities", "temperature_K": "900:600"}, "is empty"),
        ({"kind": "diffusivities", "temperature_K": "hot"}, "no range"),
        ({"kind": "diffusivities", "formula": "??"}, "not a formula"),
        ({"kind": "diffusivities", "sort": "diffusivity"}, "did you mean 'diffusivity_m2_s'"),
        ({"kind": "potentials", "sort": "type_map"}, "more than one value"),
        ({"kind": "diffusivities", "limit": -1}, "must not be negative"),
    ],
)
def test_what_cannot_be_asked_is_said(studies, call, said):
    with pytest.raises(ValueError, match=said.replace("?", r"\?")):
        queries.query(**call)


def test_ranges():
    assert parse_range("600") == (600.0, 600.0)
    assert parse_range("600:900") == (600.0, 900.0)
    assert parse_range(":900") == (None, 900.0)
    assert parse_range("600:") == (600.0, None)
    assert parse_range((500, None)) == (500, None)
    for text in (":", "a:b", "1:2:3", ""):
        with pytest.raises(ValueError, match="no range"):
            parse_range(text)
