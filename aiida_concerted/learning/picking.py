"""From the deviations of all runs the frames to label: a rule, screens, caps and a choice."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.learning.choice import Pool, choose
from aiida_concerted.learning.fingerprint import radial_fingerprint
from aiida_concerted.learning.quota import Quota
from aiida_concerted.learning.rules import Judgement, Runs, SelectionRule, check_group, grouped
from aiida_concerted.learning.screens import Geometry, Screens

IntArray = NDArray[np.intp]
GeometryOf = Callable[[str, int], Geometry]


@dataclass(frozen=True)
class Policy:
    """How frames are picked.

    :param rule: which frames are candidates.
    :param quota: how many of them are labelled.
    :param choice: which of them, where there are too many; see :func:`~aiida_concerted.learning.choice.choose`.
    :param scope: the quota holds for ``all`` runs together, for each ``system`` (as DP-GEN's) or for each ``run``.
    :param screens: geometries that are dropped before the cut; none without.
    """

    rule: SelectionRule
    quota: Quota
    choice: str = "random"
    scope: str = "all"
    screens: Screens | None = None

    def __post_init__(self) -> None:
        check_group(self.scope)


@dataclass(frozen=True)
class Selection:
    """The frames picked, and everything that decided it.

    :param rows: for each run the ascending indices of the frames to label; runs without any are left out.
    :param judgement: the class of every frame.
    :param screened: for each run how many candidates each limit of the screens dropped.
    :param caps: for each group how many frames were to be picked.
    :param seed: seed of the choice.
    :param policy: what was asked for.
    """

    rows: Mapping[str, IntArray]
    judgement: Judgement
    screened: Mapping[str, Mapping[str, int]]
    caps: Mapping[str, int]
    seed: int
    policy: Policy

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of the decision without the frames' classes: rule, levels, caps, screens, seed."""
        return {
            "rule": self.policy.rule.name,
            "choice": self.policy.choice,
            "scope": self.policy.scope,
            "seed": self.seed,
            "levels_eV_A": {run: list(levels) for run, levels in sorted(self.judgement.levels.items())},
            "caps": dict(sorted(self.caps.items())),
            "screened": {run: dict(sorted(reasons.items())) for run, reasons in sorted(self.screened.items())},
        }


def pick_frames(runs: Runs, policy: Policy, *, seed: int, geometry: GeometryOf | None = None) -> Selection:
    """Return the frames to label of all runs.

    Frames with a bad geometry are dropped *before* the cut, so that the cap is filled with sound ones.

    :param runs: the deviations by run.
    :param policy: how to pick.
    :param seed: seed of the choice; the same runs, policy and seed give the same frames.
    :param geometry: returns the configuration of a run's frame by name and index; the screens and the choice
        ``farthest`` need it.
    :raises ValueError: if a geometry is needed and there is none.
    """
    judgement = policy.rule.judge(runs)
    kept, screened = _screen(judgement, policy.screens, geometry)
    rows: dict[str, IntArray] = {}
    caps: dict[str, int] = {}
    for group, names in grouped(runs, policy.scope).items():
        frames = [(name, row) for name in names for row in kept[name]]
        counts = _sum_counts(judgement, names)
        caps[group] = policy.quota.number(counts, len(frames))
        picked = choose(policy.choice, _pool(runs, judgement, frames, geometry), caps[group], _generator(seed, group))
        for index in picked:
            name, row = frames[index]
            rows[name] = np.append(rows.get(name, np.empty(0, dtype=np.intp)), row)
    return Selection(rows, judgement, screened, caps, seed, policy)


def _generator(seed: int, group: str) -> np.random.Generator:
    """Return the random numbers of a group, which do not depend on what other groups there are."""
    return np.random.default_rng(seed if group == "all" else [seed, zlib.crc32(group.encode())])


def _screen(
    judgement: Judgement, screens: Screens | None, geometry: GeometryOf | None
) -> tuple[dict[str, list[int]], dict[str, dict[str, int]]]:
    """Return the candidates of each run that pass, and why how many did not."""
    kept: dict[str, list[int]] = {}
    screened: dict[str, dict[str, int]] = {}
    for name, classes in judgement.classes.items():
        kept[name] = [int(row) for row in np.flatnonzero(classes.candidate)]
        if screens is None:
            continue
        if geometry is None:
            raise ValueError("screens need the geometry of the candidates")
        reasons = {row: screens.problem(geometry(name, row)) for row in kept[name]}
        kept[name] = [row for row, reason in reasons.items() if reason is None]
        found = [reason for reason in reasons.values() if reason is not None]
        if found:
            screened[name] = {reason: found.count(reason) for reason in set(found)}
    return kept, screened


def _sum_counts(judgement: Judgement, names: list[str]) -> dict[str, int]:
    counts = [judgement.classes[name].counts() for name in names]
    return {key: sum(count[key] for count in counts) for key in ("accurate", "candidate", "failed")}


def _pool(runs: Runs, judgement: Judgement, frames: list[tuple[str, int]], geometry: GeometryOf | None) -> Pool:
    deviations = np.array([runs[name].max_force[row] for name, row in frames], dtype=np.float64)
    levels = [judgement.levels[name] for name in {name for name, _ in frames}] or [(0.0, 0.0)]
    bounds = (min(lower for lower, _ in levels), max(upper for _, upper in levels))
    if geometry is None:
        return Pool(deviations, bounds)
    return Pool(deviations, bounds, lambda: _fingerprints(frames, geometry))


def _fingerprints(frames: list[tuple[str, int]], geometry: GeometryOf) -> NDArray[np.float64]:
    return np.array([radial_fingerprint(geometry(name, row)) for name, row in frames])
