"""Rules, levels and weights against dpgen2 itself, where it is installed: random tables of deviations."""

import numpy as np
import pytest

from aiida_concerted.learning.choice import inverse_population
from aiida_concerted.learning.picking import Policy, pick_frames
from aiida_concerted.learning.quota import Quota
from aiida_concerted.learning.rules import AdaptiveRule, Dpgen2Rule
from tests.learning.tables import levels, random_runs, run_of

try:
    from dpgen2.exploration import deviation
    from dpgen2.exploration import report as reports
except ImportError:
    deviation = reports = None

pytestmark = pytest.mark.skipif(reports is None, reason="dpgen2 is not installed")

SEEDS = range(40 if reports else 1)
FORCE, VIRIAL = levels(0.12, 0.25), levels(0.1, 0.3)


def record(report, runs, *, with_virial=True):
    """Feed the runs to one of dpgen2's reports."""
    manager = deviation.DeviManagerStd()
    for run in runs.values():
        manager.add(deviation.DeviManager.MAX_DEVI_F, run.max_force)
        if with_virial:
            manager.add(deviation.DeviManager.MAX_DEVI_V, run.max_virial)
    report.record(manager)
    return report


def by_index(runs, classes, which):
    return {
        (index, int(row))
        for index, name in enumerate(runs)
        for row in np.flatnonzero(getattr(classes[name], which))
    }  # fmt: skip


@pytest.mark.parametrize("with_virial", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_dpgen2_fixed_levels(seed, with_virial):
    runs = random_runs(seed)
    limits = {"level_v_lo": 0.1, "level_v_hi": 0.3} if with_virial else {}
    report = reports.ExplorationReportTrustLevelsRandom(0.12, 0.25, **limits)
    record(report, runs, with_virial=with_virial)
    judgement = Dpgen2Rule(FORCE, VIRIAL if with_virial else None).judge(runs)
    for which, theirs in (
        ("accurate", report.traj_accu),
        ("candidate", report.traj_cand),
        ("failed", report.traj_fail),
    ):
        pairs = {(index, int(row)) for index, rows in enumerate(theirs) for row in rows}
        assert by_index(runs, judgement.classes, which) == pairs
    picked = pick_frames(runs, Policy(Dpgen2Rule(FORCE, VIRIAL if with_virial else None), Quota(17)), seed=seed)
    assert sum(map(len, picked.rows.values())) == sum(map(len, report.get_candidate_ids(17)))


@pytest.mark.parametrize("with_virial", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_dpgen2_adaptive_lower(seed, with_virial):
    runs = random_runs(seed)
    report = reports.ExplorationReportAdaptiveLower(
        level_f_hi=0.25, numb_candi_f=7, rate_candi_f=0.13,
        level_v_hi=0.3 if with_virial else None, numb_candi_v=3, rate_candi_v=0.04,
    )  # fmt: skip
    record(report, runs, with_virial=with_virial)
    rule = AdaptiveRule(
        FORCE, VIRIAL if with_virial else None, number_force=7, share_force=0.13, number_virial=3, share_virial=0.04,
        group="all",
    )  # fmt: skip
    judgement = rule.judge(runs)
    for which, theirs in (("accurate", report.accur), ("candidate", report.candi), ("failed", report.failed)):
        assert by_index(runs, judgement.classes, which) == {(int(run), int(row)) for run, row in theirs}
    assert judgement.levels["task.000.000000"][0] == report.level_f_lo


@pytest.mark.parametrize("seed", SEEDS)
def test_dpgen2_choice_of_the_highest(seed):
    # Without equal values, among which the packages' order is that of a set.
    generator = np.random.default_rng(seed)
    runs = {f"r{k}": run_of(generator.lognormal(-1.8, 0.6, 30)) for k in range(3)}
    report = record(reports.ExplorationReportTrustLevelsMax(0.12, 0.25), runs, with_virial=False)
    ours = pick_frames(runs, Policy(Dpgen2Rule(FORCE), Quota(11), choice="highest"), seed=seed)
    theirs = report.get_candidate_ids(11)
    assert [sorted(map(int, rows)) for rows in theirs] == [
        ours.rows.get(name, np.empty(0, int)).tolist() for name in runs
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_dpgen2_weights_of_rare_deviations(seed):
    runs = random_runs(seed)
    report = reports.ExplorationReportAdaptiveLower(level_f_hi=0.25, numb_candi_f=60, candi_sel_prob="inv_pop_f")
    record(report, runs, with_virial=False)
    candidates = sorted(report.candi)
    deviations = np.array([report.md_f[run][row] for run, row in candidates])
    ours = inverse_population(deviations, report.level_f_lo, 0.25)
    np.testing.assert_allclose(ours, report._choice_prob_inv_pop_f(candidates))
