from __future__ import annotations

import pytest

from aiida_concerted.plotting.provenance import ProvenanceStage, plot_provenance, ranks
from aiida_concerted.plotting.style import figure_bytes, new_figure, publication_style

STAGES = [
    ProvenanceStage("structure", "50 atoms"),
    ProvenanceStage("vacancies", "not computed", ("structure",), "missing", 0.9),
    ProvenanceStage("learning", "2 turns", ("structure",), place=0.4),
    ProvenanceStage("results", "4 D", ("learning", "vacancies")),
]


def test_each_stage_stands_below_what_it_was_made_from():
    assert ranks(STAGES) == {"structure": 0, "vacancies": 1, "learning": 1, "results": 2}


def test_every_stage_and_every_source_is_drawn():
    with publication_style():
        figure, axes = new_figure()
        plot_provenance(axes, STAGES)
        assert figure_bytes(figure)

    boxes = {text.get_text().split("\n")[0] for text in axes.texts if text.get_text()}
    arrows = [text for text in axes.texts if not text.get_text()]
    assert boxes == {"structure", "vacancies", "learning", "results"}
    assert len(arrows) == 4


@pytest.mark.parametrize("sources", [("results",), ("nowhere",)])
def test_circles_and_unknown_sources_are_refused(sources):
    with pytest.raises(ValueError, match="results"):
        ranks([ProvenanceStage("results", "", sources)])


def test_no_stages_make_an_empty_figure():
    assert len(plot_provenance(new_figure()[1], []).texts) == 0
