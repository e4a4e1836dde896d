"""Packages that only some users need."""

from __future__ import annotations

import importlib
from types import ModuleType

from maskwright.errors import DataError


def import_needed(package: str, extra: str, what: object) -> ModuleType:
    """The module ``package``, or an error that names the extra of ours that installs it.

    >>> import_needed("json", "none", "this").__name__
    'json'
    """
    try:
        return importlib.import_module(package)
    except ImportError:
        name = package.partition(".")[0]
        raise DataError(f"{what} needs {name}: pip install 'maskwright[{extra}]'") from None
