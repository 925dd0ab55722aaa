"""The HTML report: gathers nodes, fills a template."""
