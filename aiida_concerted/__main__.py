"""``python -m aiida_concerted`` is the command ``aiida-concerted``."""

from aiida_concerted.cli.main import main

if __name__ == "__main__":
    main()
