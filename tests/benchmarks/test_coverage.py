"""The coverage study: its bounds are those of binomial shares, and its figures those required."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.common.estimate import Interval
from benchmarks import coverage
from benchmarks.coverage import STUDIES, Row, covered, kinetic_rates, share_bounds, walkers
from benchmarks.tables import markdown_table, write_between_marks

N_QUICK = {"diffusivity": 12, "residence": 10, "van-hove": 30, "modes": 5, "background": 6}


@pytest.mark.parametrize("study", list(STUDIES))
def test_a_few_runs_meet_what_is_required_of_few(study: str) -> None:
    assert [row for row in STUDIES[study](N_QUICK[study]) if not row.is_met] == []


@pytest.mark.slow
@pytest.mark.parametrize("study", list(STUDIES))
def test_many_runs_meet_what_is_required(study: str) -> None:
    assert [row for row in STUDIES[study](coverage.N_RUNS) if not row.is_met] == []


def test_bounds_widen_where_runs_are_few() -> None:
    assert share_bounds(0.68, 200) == pytest.approx((0.60, 0.76))
    assert share_bounds(0.68, 50) == pytest.approx((0.68 - 0.198, 0.68 + 0.198), abs=0.001)
    assert share_bounds(0.95, 20)[1] == 1.0


def test_a_missing_bound_excludes_nothing_and_a_missing_interval_everything() -> None:
    assert covered(Interval(2.0, lower=1.0), 99.0)
    assert not covered(Interval(2.0, lower=1.0, upper=3.0), 4.0)
    assert not covered(None, 1.0)


def test_a_figure_outside_its_bounds_ends_the_command_with_one(monkeypatch, capsys) -> None:
    rows = {"good": Row("q", "f", 0.7, (0.6, 0.8), 10), "bad": Row("q", "f", 0.9, (0.6, 0.8), 10)}
    monkeypatch.setattr(coverage, "STUDIES", {name: lambda n, row=row: [row] for name, row in rows.items()})
    assert coverage.main(["--only", "good"]) == 0
    assert coverage.main(["--only", "bad"]) == 1
    assert "| NO " in capsys.readouterr().out


def test_rates_follow_their_arrhenius_laws() -> None:
    hot, cold = kinetic_rates(1000.0), kinetic_rates(500.0)
    inverse = (1 / 500 - 1 / 1000) / 8.617333262e-5
    assert np.log(hot.pushes["Li4-Li1-Li3"] / cold.pushes["Li4-Li1-Li3"]) / inverse == pytest.approx(0.17)
    assert np.log(hot.single / cold.single) / inverse == pytest.approx(0.23)


def test_members_of_a_group_move_as_one() -> None:
    steps = np.diff(walkers("rigid groups of 4", 0, n_walkers=8), axis=0)
    np.testing.assert_allclose(steps[:, :4], steps[:, :1].repeat(4, axis=1))
    assert not np.allclose(steps[:, 0], steps[:, 4])


def test_tables_are_put_between_their_marks(tmp_path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- x -->\nold\n<!-- end of x -->\nafter\n", encoding="utf-8")
    write_between_marks(page, "x", markdown_table(("a", "bb"), [("1", "2")]))
    expected = "before\n<!-- x -->\n| a | bb |\n|---|----|\n| 1 | 2  |\n<!-- end of x -->\nafter\n"
    assert page.read_text(encoding="utf-8") == expected
    with pytest.raises(ValueError, match="once each"):
        write_between_marks(page, "y", "")
