"""What a report says of a sweep with a target, with several seeds a point, and with a test of the size of the cell."""

import pytest
from aiida import orm

from aiida_concerted.calculations.functions.compare_sizes import compare_sizes
from aiida_concerted.calculations.functions.compute_diffusivity import compute_diffusivity
from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.report.caveats import caveats
from aiida_concerted.report.figures.quality import size_diffusivity_figure
from aiida_concerted.report.gather import gather_study
from aiida_concerted.report.gather_trajectories import with_trajectories
from aiida_concerted.report.published import Published
from aiida_concerted.workflows.deepmd.committee import DeepmdCommitteeWorkChain
from aiida_concerted.workflows.sweep import SweepWorkChain
from tests.report.synthetic_study import lattice_gas_run
from tests.workflows.ended import ended

CELLS = {"1x1x1": (1, 1, 1), "2x1x1": (2, 1, 1), "2x2x1": (2, 2, 1)}
PLAN = {
    "is_reached": False,
    "is_energy_reached": True,
    "points": {
        "run_T900": {
            "state": "over budget", "quantity": "diffusivity", "relative_error": 0.31, "n_runs": 2,
            "duration_ps": 10.0, "needed_ps": 4300.0, "temperature_K": 900.0,
        },
        "run_T1100": {
            "state": "reached", "quantity": "diffusivity", "relative_error": 0.1, "n_runs": 2, "duration_ps": 10.0,
            "temperature_K": 1100.0,
        },
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def sweep(aiida_profile):
    sites = SiteNetworkData.from_site_model("lgps").store()
    parameters = orm.Dict({"material": "LGPS", "seed": 1})

    def run(temperature, seed, repetitions=(1, 1, 1)):
        return lattice_gas_run(sites, temperature, 400, "test", repetitions=repetitions, seed=seed)

    runs = {f"run_T{T}{end}": run(T, seed) for T in (900, 1100) for seed, end in ((1, ""), (2, "_s2"))}
    tested = {f"size_{name}_T1100": run(1100, 5, cell) for name, cell in CELLS.items()}
    sizes = {name: compute_diffusivity(node, parameters) for name, node in tested.items()}
    outputs = {
        "trajectories": runs,
        "diffusivities": {name: compute_diffusivity(node, parameters) for name, node in runs.items()},
        "plan": orm.Dict(PLAN),
        "sizes": {"trajectories": tested, "diffusivities": sizes, "test": compare_sizes(orm.Float(0.5), **sizes)},
    }
    return ended(SweepWorkChain, outputs, exit_status=439)


def test_the_missed_target_is_a_warning_with_what_it_would_take(sweep):
    texts = caveats(gather_study(sweep))
    (text,) = [text for text in texts if text.startswith("Known less well")]
    assert text == (
        "Known less well than asked: run_T900, diffusivity known to 31 % after 2 × 10 ps; it would take 4.3 ns."
    )


def test_sizes_are_no_temperatures_and_their_verdict_is_told(sweep):
    content = gather_study(sweep)
    assert [item.temperature_K for item in content.diffusivities] == [900, 900, 1100, 1100]
    assert [cell.name for cell in content.cell_sizes] == ["1×1×1", "2×1×1", "2×2×1"]
    (figure,) = size_diffusivity_figure(content, Published.of(content.material))
    assert f"Verdict: {content.size_test['verdict']}" in figure.shows
    assert content.size_test.uuid in figure.uuids


def test_what_is_drawn_of_one_run_is_drawn_of_the_first_seed(sweep):
    content = with_trajectories(gather_study(sweep), sweep, parts=frozenset({"rdf"}))
    first = [sweep.outputs.trajectories[name].uuid for name in ("run_T900", "run_T1100")]
    assert [item.uuid for item in content.structures] == first


def test_only_what_a_process_should_have_is_missed(sweep):
    missed = [text.split(":")[0] for text in gather_study(sweep).missing]
    assert missed == ["occupancies and residence times", "concerted modes", "activation energies"]
    assert gather_study(ended(DeepmdCommitteeWorkChain, {})).missing == ()
