"""Cells with a vacancy, and what each is."""

from aiida import orm

from aiida_concerted.calculations.functions.order_site_model import order_site_model
from aiida_concerted.calculations.functions.prepare_vacancies import prepare_vacancies
from aiida_concerted.data.sites import SiteNetworkData

PARAMETERS = {"carrier": "Li", "supercell": [1, 1, 1], "selection": "one_per_label", "symprec_A": 0.01}


def test_ordered_lgps_has_a_vacancy_of_every_label(aiida_profile):
    structure = order_site_model(orm.Str("lgps"), orm.Dict({"seed": 1}))["structure"]
    outputs = prepare_vacancies(structure, orm.Dict(PARAMETERS), SiteNetworkData.from_site_model("lgps"))
    plan = outputs["plan"].get_dict()
    assert sorted(site["label"] for site in plan["sites"]) == ["Li1", "Li2", "Li3", "Li4"]
    assert plan["missing_labels"] == []
    assert plan["material"] == "LGPS"
    for site in plan["sites"]:
        cell = outputs[site["name"]]
        assert cell.get_formula(mode="hill") == "Ge2Li19P4S24"
        positions = [atom.position for atom in cell.sites]
        assert outputs["perfect"].sites[site["supercell_index"]].position not in positions


def test_a_carrier_that_is_not_there_ends_with_a_reason(aiida_profile):
    structure = order_site_model(orm.Str("lgps"), orm.Dict({"seed": 1}))["structure"]
    _, node = prepare_vacancies.run_get_node(structure, orm.Dict({**PARAMETERS, "carrier": "Na"}))
    assert node.exit_status == 210
    assert "holds no Na" in node.exit_message
