import pytest
from aiida import orm
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager

from aiida_concerted.workflows import checks
from aiida_concerted.workflows.study import StudyWorkChain
from tests.study.tiny import OVERRIDES

MD = {"carrier": "Li", "production_ps": 1.0}
TRUST = {"trust_lower_eV_A": 0.1, "trust_upper_eV_A": 0.3, "max_selected": 5}


def node_of(value):
    return orm.List(value) if isinstance(value, list) else orm.Dict(value)


@pytest.mark.parametrize(
    ("check", "value", "reason"),
    [
        (checks.temperatures, [], "at least one temperature"),
        (checks.temperatures, [600, -1], "positive temperatures"),
        (checks.none_or_temperatures, ["hot"], "positive temperatures"),
        (checks.temperatures, [300, 700, 700.0], "holds 700 K twice: give each once"),
        (checks.dynamics, {**MD, "production_fs": 1.0}, "did you mean 'production_ps'"),
        (checks.dynamics, {**MD, "seed": 3}, "seed would be ignored"),
        (checks.dynamics, {**MD, "anneal_ps": 1.0}, "anneal_from_K and anneal_ps belong together"),
        (checks.analysis, {"windw_ps": 1.0}, "did you mean 'window_ps'"),
        (checks.analysis, {"seed": 1}, "seed would be ignored"),
        (checks.analysis, {"window_ps": 0}, "window_ps must be a positive number"),
        (checks.analysis, {"fit_window_ps": [5.0, 1.0]}, "must begin before it ends"),
        (checks.analysis, {"fit_window_ps": 5.0}, "shortest and the longest lag"),
        (checks.analysis, {"charge": 0}, "charge must be a number"),
        (checks.analysis, {"material": 3}, "material must be text"),
        (checks.selection, {**TRUST, "trust_lower_eV_A": 0.4}, "0 < lower < upper"),
        (checks.selection, {"max_selected": 5}, "must hold trust_lower_eV_A"),
        (checks.selection, {**TRUST, "max_selected": -1}, "cannot be negative"),
        (checks.selection, {**TRUST, "rule": "dpgen3"}, "unknown rule 'dpgen3': did you mean 'dpgen"),
        (checks.selection, {**TRUST, "screens": {"tilt_rat": 1}}, "did you mean 'tilt_ratio'"),
        (checks.selection, {"rule": "adaptive", "max_selected": 5}, "must hold trust_upper_eV_A, max_selected"),
        (checks.stopping, {"rules": ["acurate"]}, "did you mean 'accurate'"),
        (checks.stopping, {"plateau": {"turns": 0}}, "turns must be a positive integer"),
    ],
)
def test_what_could_only_fail_later_is_refused_with_a_reason(aiida_profile, check, value, reason):
    assert reason in check(node_of(value), None)


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (checks.temperatures, [300, 600.0]),
        (checks.none_or_temperatures, []),
        (checks.dynamics, MD),
        (checks.selection, TRUST),
        (checks.selection, {"rule": "adaptive", "trust_upper_eV_A": 0.3, "max_selected": 5}),
        (checks.selection, {**TRUST, "choice": "farthest", "screens": {"min_distance_fraction": 0.6}}),
        (checks.stopping, {}),
        (checks.stopping, {"rules": ["accurate", "plateau"], "combine": "all", "max_labels": 500}),
        (checks.analysis, {"charge": 1, "fit_window_ps": [1.0, 5.0], "material": None, "study_uuid": "x"}),
    ],
)
def test_what_is_sound_passes(aiida_profile, check, value):
    assert check(node_of(value), None) is None


def with_family(family):
    """Return the overrides of the tiny study with a POTCAR family wherever VASP runs."""
    vasp, learn = {"potential_family": family}, OVERRIDES["learn"]
    return {
        **OVERRIDES,
        "relax": vasp,
        "aimd": {"vasp": vasp},
        "vacancy": {"vasp": vasp},
        "learn": {**learn, "iteration": {**learn["iteration"], "label": {"vasp": vasp}}},
    }


@pytest.fixture
def build(dp_code, lmp_code, surrogate_code, lgps_potcars):
    """Return a function that makes the builder of a study."""

    def make(family=lgps_potcars, **kwargs):
        codes = (dp_code, lmp_code, surrogate_code)
        return StudyWorkChain.get_builder_from_protocol(
            *codes, protocol="fast", overrides=with_family(family), **kwargs
        )

    return make


def cell_of(symbols, length):
    structure = orm.StructureData(cell=[[length, 0, 0], [0, length, 0], [0, 0, length]])
    for index, symbol in enumerate(symbols):
        structure.append_atom(symbols=symbol, position=(0.0, 0.0, length * index / len(symbols)))
    return structure


@pytest.mark.parametrize(
    ("symbols", "length", "reason"),
    [
        (("P", "S"), 9.0, "holds no Li, the carrier of the site model"),
        (("Li", "P", "S"), 4.0, "4.00 Å high, less than the cutoff of 5 Å"),
        (("Li", "S", "Li"), 9.0, "must be grouped by element"),
    ],
)
def test_a_study_refuses_a_structure_before_anything_runs(build, symbols, length, reason):
    builder = build(structure=cell_of(symbols, length))
    with pytest.raises(ValueError, match=reason):
        instantiate_process(get_manager().get_runner(), builder)


def test_a_study_of_lgps_passes_the_door(build):
    assert instantiate_process(get_manager().get_runner(), build()).inputs.sites is not None


def test_dynamics_moves_the_carrier_of_the_site_model(build, tmp_path):
    from aiida_vasp.data.potcar import PotcarData

    from aiida_concerted.surrogate.potcar import write_placeholder_potcars

    write_placeholder_potcars(tmp_path / "sodium", {"Na_pv": "Na", "P": "P", "S": "S"})
    PotcarData.upload_potcar_family(str(tmp_path / "sodium"), "sodium", "headers only", stop_if_existing=False)
    builder = build(family="sodium", material="na3ps4")
    assert builder.sweep.md["carrier"] == builder.learn.iteration.explore.md["carrier"] == "Na"
