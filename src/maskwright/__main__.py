"""``python -m maskwright`` is ``maskwright``."""

from maskwright.cli import main

if __name__ == "__main__":
    main()
