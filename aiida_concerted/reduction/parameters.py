"""The parameters of an analysis, checked once for all that take them."""

from __future__ import annotations

from dataclasses import dataclass

from aiida_concerted.analysis.hops import DEFAULT_RECROSSING_PS
from aiida_concerted.analysis.modes import DEFAULT_WINDOW_PS
from aiida_concerted.common.parameters import not_negative, positive


@dataclass(frozen=True)
class AnalysisParameters:
    """What the analysis of a run can be told.

    :param material: short key of the material, such as ``LGPS``; the trajectory's own when not given.
    :param charge: charge of a carrier in e.
    :param discard_ps: time in ps at the beginning of the run that is left out.
    :param fit_window_ps: shortest and longest lag in ps of the fit of the mean squared displacement; found from the run
        when not given.
    :param window_ps: largest time in ps between the two hops of a concerted event.
    :param recrossing_ps: shortest stay in ps that counts as a visit.
    :param seed: seed of the bootstrap and of the null model of the modes.
    :param study_uuid: UUID of the study that the results belong to.
    :raises ValueError: if a value is none of what it may be.
    """

    material: str | None = None
    charge: float = 1.0
    discard_ps: float = 0.0
    fit_window_ps: tuple[float, float] | None = None
    window_ps: float = DEFAULT_WINDOW_PS
    recrossing_ps: float = DEFAULT_RECROSSING_PS
    seed: int = 0
    study_uuid: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.charge, bool) or not isinstance(self.charge, int | float) or self.charge == 0:
            raise ValueError(f"charge must be a number of e other than zero, got {self.charge!r}")
        not_negative(discard_ps=self.discard_ps, recrossing_ps=self.recrossing_ps, seed=self.seed)
        positive(window_ps=self.window_ps)
        for name in ("material", "study_uuid"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise ValueError(f"{name} must be text, got {value!r}")
        if self.fit_window_ps is not None:
            self._check_fit_window(self.fit_window_ps)

    @staticmethod
    def _check_fit_window(window: tuple[float, ...]) -> None:
        if not isinstance(window, tuple) or len(window) != 2:
            raise ValueError(f"fit_window_ps must be the shortest and the longest lag, got {window!r}")
        not_negative(**{"fit_window_ps from": window[0], "fit_window_ps to": window[1]})
        if window[0] >= window[1]:
            raise ValueError(f"fit_window_ps must begin before it ends, got {window[0]:g} and {window[1]:g}")
