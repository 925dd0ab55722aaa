"""Nodes of earlier versions of the schema are read as this one would have written them, newer ones are refused."""

from __future__ import annotations

import uuid

import pytest
from aiida import orm
from aiida.orm import QueryBuilder
from click.testing import CliRunner

from aiida_concerted import queries
from aiida_concerted.archive.compare import compare_nodes
from aiida_concerted.cli.main import cli
from aiida_concerted.data import migrations
from aiida_concerted.data.migrations import MIGRATIONS, SCHEMA_VERSION, Migration, NewerSchemaError, earlier_names
from aiida_concerted.data.results import RESULT_CLASSES, ArrheniusData, DiffusivityData
from tests.queries.bulk import BulkProfile

COMMON = {"formula": "Li10GeP2S12", "carrier": "Li", "level_of_theory": "PBE/VASP 6.4.2", "n_atoms": 50}
STDERR, NEW = 0.02, [[0.02**2, 0.005], [0.005, 0.09]]
OLD = [[0.09, 0.005], [0.005, 0.02**2]]


def fit(covariance, version, quantity="mode_frequency"):
    """Return the stored fit of a mode as a version wrote it."""
    attributes = {
        **COMMON, "material": "LGPS", "quantity": quantity, "mode": "Li4-Li1-Li3", "activation_energy_eV": 0.2,
        "activation_energy_stderr_eV": STDERR, "temperatures_K": [600.0, 800.0], "method": "joint",
        "schema_version": version,
    }  # fmt: skip
    return ArrheniusData(attributes, result={"covariance": covariance}).store()


@pytest.mark.parametrize(
    ("covariance", "version", "quantity", "read"),
    [
        (OLD, 1, "mode_frequency", NEW),
        (NEW, 1, "mode_frequency", NEW),
        (OLD, 1, "tracer_diffusivity", OLD),
        (OLD, 2, "mode_frequency", OLD),
    ],
)
def test_early_fits_of_modes_are_read_in_the_order_of_all_others(aiida_profile, covariance, version, quantity, read):
    node = orm.load_node(fit(covariance, version, quantity).pk)
    assert node.get_result()["covariance"] == read
    assert node["schema_version"] == version


def test_an_early_fit_agrees_with_the_same_one_of_today(aiida_profile):
    assert compare_nodes(fit(OLD, 1), fit(NEW, SCHEMA_VERSION)).relative == 0.0
    assert compare_nodes(fit(OLD, 2), fit(NEW, SCHEMA_VERSION)).where == "result.covariance[0]"


def diffusivity(**attributes):
    return {
        **COMMON, "temperature_K": 600.0, "diffusivity_stderr_m2_s": 1e-11, "sampling": "sufficient",
        "duration_ps": 10.0, "method": "gls", **attributes,
    }  # fmt: skip


@pytest.fixture
def planted(aiida_profile, monkeypatch):
    """Return the PK of an old node whose attributes have had other names since, twice over for one of them."""
    steps = (
        Migration(1, "DiffusivityData", "planted", renamed={"D_m2_s": "tracer_m2_s", "compound": "material"}),
        *MIGRATIONS,
        Migration(2, "DiffusivityData", "planted", renamed={"tracer_m2_s": "diffusivity_m2_s"}),
    )
    monkeypatch.setattr(migrations, "MIGRATIONS", steps)
    monkeypatch.setattr(migrations, "SCHEMA_VERSION", 3)
    material = f"M{uuid.uuid4().hex[:6]}"
    bulk = BulkProfile()
    bulk.random.seed(material)
    bulk.add(DiffusivityData, diffusivity(schema_version=1, compound=material, D_m2_s=3e-10))
    bulk.add(DiffusivityData, diffusivity(schema_version=2, material=material, tracer_m2_s=2e-10))
    bulk.add(DiffusivityData, diffusivity(schema_version=3, material=material, diffusivity_m2_s=1e-10))
    bulk.insert()
    return material


def test_renamed_attributes_are_found_and_read(planted):
    table = queries.diffusivities(material=planted.lower(), sort="diffusivity_m2_s")
    assert table.column("diffusivity_m2_s") == [1e-10, 2e-10, 3e-10]
    assert table.column("material") == [planted] * 3
    first = queries.diffusivities(material=planted, sort="diffusivity_m2_s", limit=2)
    assert first.column("diffusivity_m2_s") == [1e-10, 2e-10]
    oldest = orm.load_node(table[-1]["pk"])
    assert (oldest["diffusivity_m2_s"], oldest.get("D_m2_s"), oldest.get("material")) == (3e-10, None, planted)
    assert oldest.base.attributes.get("D_m2_s") == 3e-10  # what is stored stays
    assert earlier_names("DiffusivityData", "diffusivity_m2_s") == ("tracer_m2_s", "D_m2_s")
    assert earlier_names("ArrheniusData", "diffusivity_m2_s") == ()


@pytest.fixture
def newer(aiida_profile):
    material = f"M{uuid.uuid4().hex[:6]}"
    bulk = BulkProfile()
    bulk.random.seed(material)
    for version, value in ((SCHEMA_VERSION, 1e-10), (SCHEMA_VERSION + 1, 2e-10)):
        bulk.add(DiffusivityData, diffusivity(schema_version=version, material=material, diffusivity_m2_s=value))
    bulk.insert()
    return material


def test_newer_nodes_are_refused_by_themselves_and_left_out_of_tables(newer):
    found = QueryBuilder().append(
        DiffusivityData, filters={"attributes.material": newer, "attributes.schema_version": SCHEMA_VERSION + 1}
    )
    node = found.first(flat=True)
    for read in (lambda: node["diffusivity_m2_s"], node.get_attributes, lambda: node.get("material")):
        with pytest.raises(NewerSchemaError, match=r"this DiffusivityData is of schema version 3, .* upgrade it"):
            read()
    table = queries.diffusivities(material=newer)
    assert (table.column("diffusivity_m2_s"), table.n_newer) == ([1e-10], 1)
    first = queries.diffusivities(material=newer, sort="-diffusivity_m2_s", limit=1)
    assert (first.column("diffusivity_m2_s"), first.n_newer) == ([1e-10], 1)
    assert table.select(["pk"]).head(1).sorted_by("pk").n_newer == 1
    result = CliRunner().invoke(cli, ["query", "diffusivities", "--material", newer, "--format", "csv"])
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 2
    assert result.stderr == "Left out: 1 diffusivities of a newer aiida-concerted. Upgrade this one to read them.\n"


def test_every_migration_is_of_a_class_that_exists_and_they_stand_in_order():
    versions = [migration.version for migration in MIGRATIONS]
    assert versions == sorted(versions)
    assert max(versions) + 1 == SCHEMA_VERSION
    known = {kind.__name__: kind for kind in RESULT_CLASSES}
    for migration in MIGRATIONS:
        assert set(migration.renamed.values()) <= set(known[migration.node].get_fields())
        assert migration.says.endswith(".")
