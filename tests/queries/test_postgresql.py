"""Every question has the same answer on SQLite and on PostgreSQL: the same rows, in the same order."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from aiida import orm
from aiida.manage import get_manager

from aiida_concerted import queries
from aiida_concerted.data.published import PublishedValueData
from aiida_concerted.data.results import ArrheniusData, DiffusivityData, SiteStatisticsData, VacancyFormationData
from aiida_concerted.queries.kinds import KINDS
from tests.postgres import find_server, running_server
from tests.queries.bulk import BulkProfile

SERVER = find_server()
pytestmark = pytest.mark.skipif(
    SERVER is None, reason="no PostgreSQL server (initdb, postgres) is installed, nor the wheel of the extra 'tests'"
)

CREATED = datetime(2026, 3, 29, 1, 30, tzinfo=timezone(timedelta(hours=2)))
COMMON = {"formula": "Li3PS4", "carrier": "Li", "level_of_theory": "PBE/VASP 6.4.2", "n_atoms": 32}
POINT = {"diffusivity_stderr_m2_s": 1e-12, "sampling": "sufficient", "duration_ps": 10.0, "method": "gls"}

ODD = (
    # Wildcards, escapes, quotes and letters beyond ASCII in words.
    *((DiffusivityData, {**COMMON, **POINT, "material": name, "temperature_K": 600, "diffusivity_m2_s": 2e-12})
      for name in ("L_PS", "LXPS", "L%PS", "l\\ps", "β-Li3PS4", "Li'3\"PS4", "LPS ", "LPS")),
    # Numbers with and without digits, large, small, and the same; null and absent values.
    *((DiffusivityData, {**COMMON, **POINT, "material": "odd", **more}) for more in (
        {"temperature_K": 700, "diffusivity_m2_s": 3e-9, "haven_ratio": None},
        {"temperature_K": 700.0, "diffusivity_m2_s": 3e-9, "haven_ratio": 0.5},
        {"temperature_K": 700.0005, "diffusivity_m2_s": 0, "n_hops": 10**12},
        {"temperature_K": 700.01, "diffusivity_m2_s": 1e-300, "haven_ratio": 1},
        {"temperature_K": None, "diffusivity_m2_s": 3e-9},
        {"diffusivity_m2_s": 1.2345678901234e-9, "haven_ratio": 0.5, "study_uuid": "abcdef00-1111"},
    )),
    *((ArrheniusData, {**COMMON, "material": "odd", "quantity": "mode_frequency", "temperatures_K": [600.0, 800.0],
                       "method": "joint", **more}) for more in (
        {"mode": "Li1-Li_2-Li3", "activation_energy_eV": 0.2, "n_events": 7},
        {"mode": "Li1-LiX2-Li3", "activation_energy_eV": 0.2000001},
        {"mode": "Li1-Li2-Li1", "reason": "no event"},
        {"mode": "Li1-Li2-Li1", "reason": "no event", "activation_energy_eV": None},
        {"mode": "Li3-Li2-Li3", "activation_energy_eV": 0},
    )),
    (VacancyFormationData, {**COMMON, "material": "odd", "formation_energy_eV": {"Li1": 3, "Li2": 3.0}, "spread_eV": {},
                            "n_sites": {"Li1": 1, "Li2": 2}, "missing_labels": []}),
    (SiteStatisticsData, {**COMMON, "material": "odd", "temperature_K": 600, "occupancy": {"Li1": 1, "Li2": 0.25},
                          "residence_time_ps": {"Li2": 3.5}, "n_hops": 12, "recrossing_ps": 1}),
    *((PublishedValueData, {**COMMON, "material": "odd", "level_of_theory": "experiment", "source": "A. B.", **more})
      for more in (
        {"quantity": "tracer_diffusivity", "value": 3e-9, "unit": "m2/s", "temperature_K": 700},
        {"quantity": "activation_energy", "value": 0.2, "unit": "eV"},
        {"quantity": "mode_activation_energy", "value": 0.19, "unit": "eV", "label": "Li1-Li_2-Li3"},
    )),
)  # fmt: skip

QUESTIONS = {
    **{f"all {kind}": (kind, {}) for kind in KINDS},
    **{f"first {kind}": (kind, {"limit": 3}) for kind in KINDS},
    "material in another case": ("diffusivities", {"material": "lgps"}),
    "material with an underscore": ("diffusivities", {"material": "l_ps"}),
    "material with a per cent": ("diffusivities", {"material": "L%PS"}),
    "material with a backslash": ("diffusivities", {"material": "L\\PS"}),
    "material with quotes": ("diffusivities", {"material": "Li'3\"PS4"}),
    "material beyond ASCII": ("diffusivities", {"material": "β-li3ps4"}),
    "material with a blank": ("diffusivities", {"material": "LPS"}),
    "temperature": ("diffusivities", {"temperature_K": 700, "sort": "-diffusivity_m2_s"}),
    "range of temperatures": ("modes", {"temperature_K": "650:1000", "mode": "li4-li1-li3"}),
    "open range": ("diffusivities", {"temperature_K": (1000, None)}),
    "formula": ("diffusivities", {"formula": "S4P1Li3"}),
    "a part of the level of theory": ("diffusivities", {"level_of_theory": "pbe/vasp"}),
    "an underscore is no wildcard": ("diffusivities", {"level_of_theory": "PBE_VASP"}),
    "carrier": ("occupancies", {"carrier": "li"}),
    "small energies": ("arrhenius", {"max_activation_energy_eV": 0.2, "sort": "activation_energy_eV"}),
    "zero energy": ("arrhenius", {"max_activation_energy_eV": 0}),
    "one mode": ("arrhenius", {"mode": "LI1-LI_2-LI3"}),
    "one quantity": ("arrhenius", {"quantity": "tracer_diffusivity", "sort": "-activation_energy_eV", "limit": 5}),
    "absent values stand last": ("diffusivities", {"sort": "haven_ratio"}),
    "absent values stand last from above": ("diffusivities", {"sort": "-haven_ratio", "limit": 4}),
    "absent values stand last and are read": ("diffusivities", {"material": "odd", "sort": "-haven_ratio", "limit": 6}),
    "the largest": ("diffusivities", {"sort": "-diffusivity_m2_s", "limit": 7}),
    "the smallest": ("diffusivities", {"sort": "diffusivity_m2_s", "limit": 7, "literature": False}),
    "the smallest energies": ("arrhenius", {"sort": "activation_energy_eV", "limit": 6}),
    "energies and what has none": ("arrhenius", {"material": "odd", "sort": "-activation_energy_eV", "limit": 5}),
    "large integers": ("diffusivities", {"sort": "-n_hops", "limit": 3}),
    "the latest": ("trajectories", {"sort": "-pk", "limit": 3}),
    "words in order": ("diffusivities", {"sort": "-material"}),
    "by the time they were made": ("trajectories", {"sort": "created", "limit": 7}),
    "by provenance": ("diffusivities", {"sort": "code", "limit": 2}),
    "without literature": ("arrhenius", {"literature": False, "material": "ODD"}),
    "a study by the beginning of its UUID": ("diffusivities", {"study": "ABCDEF00"}),
    "no such thing": ("vacancies", {"material": "unobtainium"}),
}


def ask(uuid_of_study):
    """Return rows of every question in the loaded profile."""
    questions = {**QUESTIONS, "a study": ("modes", {"study": uuid_of_study}), "a study's PK": ("modes", {"study": 1})}
    return {
        name: [list(row.items()) for row in queries.query(kind, **words)] for name, (kind, words) in questions.items()
    }


def fill():
    """Return the UUID of one of the studies that are inserted, the same in every profile."""
    bulk = BulkProfile(seed=5, created=CREATED)
    studies = [bulk.add_study() for _ in range(4)]
    for node_class, attributes in ODD:
        bulk.add(node_class, attributes)
    bulk.insert()
    # A row that is written anew stands elsewhere in a table of PostgreSQL, which gives it in that place.
    for node in orm.QueryBuilder().append(DiffusivityData).order_by({DiffusivityData: "id"}).limit(5).all(flat=True):
        node.base.extras.set("seen", True)
    return studies[1]


@pytest.fixture(scope="module")
def answers(aiida_config, aiida_profile_factory, tmp_path_factory):
    """Return the answers by name of the storage."""
    previous = get_manager().get_profile()
    found = {}
    with running_server(SERVER) as database:
        repository = tmp_path_factory.mktemp("repository").as_uri()
        for storage, config in (
            ("core.sqlite_dos", None),
            ("core.psql_dos", {**database, "repository_uri": repository}),
        ):
            with aiida_profile_factory(aiida_config, storage_backend=storage, storage_config=config):
                found[storage] = ask(fill())
                get_manager().get_profile_storage().close()
    if previous is not None:
        get_manager().load_profile(previous.name, allow_switch=True)
    return found


@pytest.mark.parametrize("question", [*QUESTIONS, "a study", "a study's PK"])
def test_the_answer_is_the_same(answers, question):
    sqlite, postgresql = (answers[storage][question] for storage in ("core.sqlite_dos", "core.psql_dos"))
    assert postgresql == sqlite
    assert sqlite or question in ("no such thing", "an underscore is no wildcard")


def test_words_are_taken_at_their_word(answers):
    materials = {name: {dict(row)["material"] for row in rows} for name, rows in answers["core.psql_dos"].items()}
    assert materials["material with an underscore"] == {"L_PS"}
    assert materials["material with a per cent"] == {"L%PS"}
    assert materials["material with a backslash"] == {"l\\ps"}
    assert materials["material with a blank"] == {"LPS"}
    assert len(answers["core.psql_dos"]["zero energy"]) == 1
