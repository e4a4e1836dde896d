"""Where things lie that can be made again."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_home() -> Path:
    """The folder for what can be made again, absolute; calling this does not create it.

    It is the environment variable MASKWRIGHT_CACHE, else the user's cache folder.
    """
    chosen = os.environ.get("MASKWRIGHT_CACHE")
    if not chosen:
        return platformdirs.user_cache_path("maskwright")
    return Path(chosen).expanduser().absolute()
