"""``python -m tagsmith`` is the same as ``tagsmith``."""

from tagsmith.cli.app import main

if __name__ == "__main__":
    main()
