"""Single points become one data set, the bad ones named."""

from aiida import orm

from aiida_concerted.calculations.functions.collect_labels import collect_labels
from tests.calculations.functions.vasp_runs import retrieved


def good(energy=-3.0, **more):
    return retrieved(energies=(energy,), electronic=(1,), **more)


def collect(names, failed=(), fraction=0.5, dataset=None, **runs):
    reasons = dict.fromkeys(failed, "<7> VASP died twice before its end")
    parameters = orm.Dict({"names": names, "reasons": reasons, "max_failed_fraction": fraction})
    return collect_labels.run_get_node(parameters, dataset, **{f"run_{name}": run for name, run in runs.items()})


def test_frames_come_in_the_order_of_the_names(aiida_profile):
    outputs, _ = collect(["b", "a"], a=good(-1.0), b=good(-2.0))
    assert outputs["frames"].get_frames().energies.tolist() == [-2.0, -1.0]
    results = outputs["results"].get_dict()
    assert (results["requested"], results["labelled"], results["failed"]) == (2, 2, [])


def test_unconverged_relaxed_and_missing_runs_are_rejected_with_their_reasons(aiida_profile):
    outputs, _ = collect(
        ["a", "died", "relaxed", "unconverged"], ["died"], 0.75,
        a=good(), relaxed=retrieved(), unconverged=retrieved(energies=(-3.0,), electronic=(3,)),
    )  # fmt: skip
    results = outputs["results"].get_dict()
    assert results["names"] == ["a"]
    assert results["failed"] == ["died", "relaxed", "unconverged"]
    assert "NELM" in results["reasons"]["unconverged"]
    assert "one ionic step" in results["reasons"]["relaxed"]


def test_too_many_failures_end_with_their_names(aiida_profile):
    _, node = collect(["a", "b", "c"], ["b", "c"], a=good())
    assert node.exit_status == 412
    assert "2 of 3 labels failed: b, c (<7> VASP died twice before its end)" in node.exit_message


def test_labels_of_two_programs_are_not_mixed(aiida_profile):
    _, node = collect(["a", "b"], a=good(), b=good(build="concerted-vasp-surrogate 0.1: NOT DFT"))
    assert node.exit_status == 413


def test_what_decides_the_energies_stands_with_the_frames(aiida_profile):
    outputs, _ = collect(["a"], a=good(incar="<i name='ENCUT'>400</i>"))
    settings = outputs["frames"].energy_settings
    assert settings.tags == {"ENCUT": 400.0}
    assert settings.titles == {"Li": "PAW_PBE Li_sv 10Sep2004"}


def test_labels_of_two_cutoffs_are_not_mixed(aiida_profile):
    _, node = collect(["a", "b"], a=good(incar="<i name='ENCUT'>400</i>"), b=good(incar="<i name='ENCUT'>520</i>"))
    assert node.exit_status == 414
    assert "'a' and 'b' do not belong together: ENCUT is 400 in one and 520" in node.exit_message


def test_labels_that_do_not_belong_to_their_dataset_are_refused(aiida_profile):
    outputs, _ = collect(["a"], a=good(incar="<i name='ENCUT'>400</i>"))
    known = outputs["frames"].store()
    outputs, node = collect(["b"], dataset=known, b=good(-2.0, incar="<i name='ENCUT'>400</i>"))
    assert node.is_finished_ok
    _, node = collect(["b"], dataset=known, b=good(incar="<i name='ENCUT'>520</i>"))
    assert node.exit_status == 414
    assert "the dataset that they are for: ENCUT" in node.exit_message
    _, node = collect(["b"], dataset=known, b=good(build="concerted-vasp-surrogate 0.1: NOT DFT"))
    assert "NOT DFT and the dataset" in node.exit_message
