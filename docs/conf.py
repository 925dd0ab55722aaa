"""Settings of Sphinx."""

from importlib.metadata import version as _version

project = "aiida-concerted"
author = "the aiida-concerted developers"
version = release = _version("aiida-concerted")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.viewcode", "sphinx_click"]
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_member_order = "bysource"
nitpicky = False
suppress_warnings = ["myst.xref_missing"]  # links to files beside the docs, such as the README
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "aiida-concerted"
