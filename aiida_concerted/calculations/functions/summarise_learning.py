"""The turns of a learning loop in one table."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import calcfunction

STATISTICS, METRICS, LABELS, OBSERVABLE = "statistics__", "metrics__", "labels__", "observable__"
CALIBRATION = "calibration__"
VERDICT = "verdict"


@calcfunction
def summarise_learning(**turns: orm.Data) -> orm.Dict:
    """Return for each turn the counts of each run, the frames labelled and the errors of the committee.

    :param turns: ``statistics__00``, ``labels__00`` (absent where nothing was labelled), ``observable__00`` (absent
        where no diffusivity was observed), ``calibration__00`` (absent where the trust levels were given) and
        ``metrics__00__model_0`` … of each turn; optional ``verdict`` with the ``rule`` that ended the loop and the
        ``reason``.
    """
    indices = sorted({key.split("__")[1] for key in turns if key != VERDICT})
    table: dict[str, Any] = {"turns": [_turn(turns, index) for index in indices]}
    if VERDICT in turns:
        table["stopped"] = turns[VERDICT].get_dict()
    return orm.Dict(table)


def _turn(turns: dict[str, orm.Data], index: str) -> dict[str, Any]:
    turn: dict[str, Any] = {"turn": int(index)}
    if STATISTICS + index in turns:
        turn["runs"] = turns[STATISTICS + index]["runs"]
        labels = turns.get(LABELS + index)
        turn["labelled"] = labels.base.attributes.get("n_frames") if labels is not None else 0
    if OBSERVABLE + index in turns:
        turn["observable"] = turns[OBSERVABLE + index].get_dict()
    if CALIBRATION + index in turns:
        turn["calibration"] = turns[CALIBRATION + index].get_dict()
    prefix = f"{METRICS}{index}__"
    turn["metrics"] = {
        key.removeprefix(prefix): turns[key].get_dict() for key in sorted(turns) if key.startswith(prefix)
    }
    return turn
