"""From a crystal structure to how its ions move together, with every step in an AiiDA provenance graph."""

__version__ = "0.1.0"
