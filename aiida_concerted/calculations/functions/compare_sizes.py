"""From diffusivities in cells of several sizes whether they have converged."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.analysis.cell_sizes import NOT_ASSESSED, SizeTest, compare_cell_sizes
from aiida_concerted.calculations.functions.context import has_departed, shared_context
from aiida_concerted.data.results import CellSizeData, DiffusivityData


@calcfunction
def compare_sizes(tolerance: orm.Float, **diffusivities: DiffusivityData) -> CellSizeData | ExitCode:
    """Return the verdict on the size of the cell, for the tracer diffusivity and for the share of the ab plane.

    A run without a positive diffusivity and error, or whose framework left its crystal, is left out and named.

    :param tolerance: relative difference between cells that the errors must be able to show.
    :param diffusivities: results in cells of several sizes at one temperature; several may be of one size.
    """
    nodes = dict(sorted(diffusivities.items(), key=lambda item: (item[1]["n_atoms"], item[0])))
    try:
        context = shared_context(list(nodes.values()))
        temperatures = sorted({node["temperature_K"] for node in nodes.values()})
        if len(temperatures) > 1:
            raise ValueError(f"a size test needs one temperature, got {', '.join(f'{T:g} K' for T in temperatures)}")
    except ValueError as error:
        return ExitCode(210, str(error))
    used = {name: node for name, node in nodes.items() if _is_usable(node)}
    attributes = {**context, "temperature_K": temperatures[0], "left_out": [name for name in nodes if name not in used]}
    if not used:
        return CellSizeData(attributes={**attributes, "verdict": NOT_ASSESSED, "cell_sizes_n_atoms": []})
    test = compare_cell_sizes(
        [node["n_atoms"] for node in used.values()],
        [node["diffusivity_m2_s"] for node in used.values()],
        [node["diffusivity_stderr_m2_s"] for node in used.values()],
        tolerance=tolerance.value,
    )
    content = {"diffusivity_m2_s": test.as_dict()}
    share = _share_test(list(used.values()), tolerance.value)
    if share is not None:
        content["ab_share"] = share.as_dict()
    return CellSizeData(attributes={**attributes, **_attributes(test, share)}, result=content)


def _is_usable(node: DiffusivityData) -> bool:
    return node["diffusivity_m2_s"] > 0 and node["diffusivity_stderr_m2_s"] > 0 and not has_departed(node)


def _share_test(nodes: list[DiffusivityData], tolerance: float) -> SizeTest | None:
    """Return the verdict on the anisotropy, ``None`` where no run has one with its error."""
    found = [(node["n_atoms"], node.get_result().get("ab_share", {})) for node in nodes]
    known = [(size, share["value"], share["stderr"]) for size, share in found if share.get("stderr")]
    return compare_cell_sizes(*zip(*known, strict=True), tolerance=tolerance) if known else None


def _attributes(test: SizeTest, share: SizeTest | None) -> dict[str, Any]:
    return {
        "verdict": test.verdict,
        "ab_share_verdict": share.verdict if share else None,
        "cell_sizes_n_atoms": list(test.n_atoms),
        "converged_from_n_atoms": test.converged_from,
        "diffusivity_m2_s": test.plateau.value,
        "diffusivity_stderr_m2_s": test.plateau.stderr,
        "tolerance": test.tolerance,
        "p_trend": test.p_trend,
    }
