"""Where warnings and the engine's chatter go: into a file that the display names, never on the terminal."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path


def send_logs_to_file(path: Path) -> None:
    """Send every log record and warning of this process to ``path``; call again after AiiDA loads a profile.

    AiiDA installs handlers for the terminal whenever a profile is loaded; they are taken off here. A handler on the
    root logger also silences Python's last resort, which writes to the terminal.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    root = logging.getLogger()
    if not any(getattr(handler, "baseFilename", None) == str(path) for handler in root.handlers):
        handler = logging.FileHandler(path, encoding="utf8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
        root.addHandler(handler)
    root.setLevel(logging.INFO)
    for logger in list(root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            _take_off_terminal(logger)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.captureWarnings(True)
    warnings.simplefilter("default")


def _take_off_terminal(logger: logging.Logger) -> None:
    for handler in list(logger.handlers):
        if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
            logger.removeHandler(handler)
            logger.propagate = True
