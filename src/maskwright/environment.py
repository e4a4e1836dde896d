"""What a training ran on: versions, engine and machine."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("maskwright", "keras", "tensorflow", "tensorflow-cpu", "jax", "torch", "numpy",
            "opencv-python-headless", "pillow")  # fmt: skip


def environment() -> dict[str, Any]:
    """Versions, engine and machine, as environment.json keeps them."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "engine": os.environ.get("KERAS_BACKEND", ""),
        "packages": {name: v for name in PACKAGES if (v := installed_version(name))},
        "command": shlex.join(["maskwright", *sys.argv[1:]]),
    }


def installed_version(package: str) -> str:
    """The version of an installed package, else an empty string."""
    try:
        return version(package)
    except ModuleNotFoundError:  # importlib.metadata.PackageNotFoundError is one
        return ""


def processor() -> str:
    """The processor's name as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()
