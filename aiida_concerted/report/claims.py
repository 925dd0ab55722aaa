"""The qualitative claims of Fu et al. (2022) about concerted motion, each set against the study's own numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiida_concerted.report import claims_evidence as evidence
from aiida_concerted.report.content import StudyContent
from aiida_concerted.report.published import Published


@dataclass(frozen=True)
class Verdict:
    """A claim and what the study says about it.

    :param key: ``C1`` to ``C8``, and statements that the list of the paper's numbers holds, ``N16`` and ``N17``.
    :param claim: what is claimed, in a sentence.
    :param verdict: ``agrees``, ``differs`` or ``cannot be said``.
    :param numbers: the numbers behind it.
    :param rule: how the verdict follows from them.
    :param uuids: nodes that the numbers came from.
    """

    key: str
    claim: str
    verdict: str
    numbers: str
    rule: str
    uuids: tuple[str, ...] = ()


def judge_claims(content: StudyContent, published: Published) -> list[Verdict]:
    """Return the verdict on every claim.

    Temperatures whose framework left its crystal take no part.
    """
    verdicts = []
    for key, (claim, rule, judge) in CLAIMS.items():
        found = judge(content, published)
        verdicts.append(Verdict(key, claim, found.verdict, found.numbers, rule, found.uuids))
    return verdicts


Judge = Callable[[StudyContent, Published], evidence.Finding]

CLAIMS: dict[str, tuple[str, str, Judge]] = {
    "C1": (
        "Diffusion becomes less anisotropic as the temperature rises.",
        "From the coldest to the hottest temperature the ab share of D comes closer to 2/3, by two standard errors.",
        evidence.anisotropy,
    ),
    "C2": (
        "The carriers' distribution becomes more disordered as the temperature rises.",
        "The highest peak of g(r) falls by two standard errors for some pair and rises for none.",
        evidence.disorder,
    ),
    "C3": (
        "Residence times shorten with temperature and follow Arrhenius' law.",
        "Every label has an activation energy above zero by two standard errors and a reduced χ² of at most 3.",
        evidence.residence,
    ),
    "C4": (
        "The frequencies of the concerted modes follow Arrhenius' law.",
        "Every named mode has an activation energy above zero by two standard errors and a reduced χ² of at most 3.",
        evidence.mode_arrhenius,
    ),
    "C5": (
        "Modes through Li4 need less energy than modes through Li2.",
        "The weighted mean energies of the named modes through either differ by two standard errors.",
        evidence.order_of_modes,
    ),
    "C6": (
        "Motion through Li2 sets in as the occupancy of Li2 falls.",
        "From the coldest to the hottest temperature the occupancy of Li2 falls and modes through it become more "
        "frequent, both by two standard errors.",
        evidence.activation_of_sites,
    ),
    "C7": (
        "Concerted motion dominates at low and at high temperature.",
        "At the coldest and the hottest temperature more than half of the hops belong to strings of two and more "
        "within the window, times the share of pairs above chance, with 95 % confidence. A vacancy that is refilled "
        "within the window counts, so the share is an upper bound.",
        evidence.dominance,
    ),
    "C8": (
        "At 300 K the deep potential is closer to experiment than AIMD.",
        "The whole 95 % interval of the study's value is closer to the measured one, as a ratio, than published AIMD.",
        evidence.closer_than_aimd,
    ),
    "N16": (
        "The share of the ab plane rises with temperature, 300 K excepted.",
        "300 K left out, it falls between no two neighbouring temperatures by more than chance explains (two standard "
        "errors, more where there are many), and rises by two from the coldest to the hottest.",
        evidence.rising_share,
    ),
    "N17": (
        "One Arrhenius line describes the diffusivity over all temperatures.",
        "Of a line, a Vogel–Fulcher–Tammann curve and two lines, the line has the lowest Bayesian information "
        "criterion; assessed from five temperatures on.",
        evidence.one_line,
    ),
}
