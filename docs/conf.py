"""Settings of Sphinx."""

import sys as _sys
from importlib.metadata import version as _version
from pathlib import Path as _Path

from docutils.nodes import SkipNode as _SkipNode
from latex2mathml.converter import convert as _to_mathml

_sys.path.insert(0, str(_Path(__file__).parent))
from reference_pages import write_pages as _write_pages

project = "aiida-concerted"
author = "the aiida-concerted developers"
version = release = _version("aiida-concerted")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "sphinx_click"]
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath", "html_image"]
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_member_order = "bysource"
nitpicky = False
suppress_warnings = ["myst.xref_missing"]  # links to files beside the docs, such as the README
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "aiida-concerted"
html_math_renderer = "mathml"


def _visit_inline(translator, node):
    translator.body.append(_to_mathml(node.astext()))
    raise _SkipNode


def _visit_block(translator, node):
    formula = _to_mathml(node.astext(), display="block")
    translator.body.append(f'<p style="padding: 0.6em 0; overflow: visible">{formula}</p>')
    raise _SkipNode


def setup(app):
    """Make the pages of the reference, and turn formulas into MathML, which browsers show without a foreign script."""
    _write_pages(_Path(__file__).parent / "reference" / "generated")
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
