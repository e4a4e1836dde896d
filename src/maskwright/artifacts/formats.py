"""What can be exported, and what has to be installed for it; known without loading any of it."""

from __future__ import annotations

from pathlib import Path

from maskwright.console import quiet
from maskwright.data.ingest.extras import import_needed
from maskwright.errors import UsageError, nearest

# What each format needs: the extra of ours, and the packages in it.
NEEDED: dict[str, tuple[str, tuple[str, ...]]] = {
    "onnx": ("onnx", ("onnxruntime", "onnx", "tf2onnx")),
    "openvino": ("openvino", ("openvino", "onnx", "tf2onnx")),
    "litert": ("litert", ("ai_edge_litert",)),
    "saved_model": ("", ()),
}
INT8 = {"openvino": ("int8", ("nncf",)), "litert": ("litert", ())}


def check_format(format: str, *, int8: bool = False) -> None:
    """Refuse what is no format, or not made in int8, or lacks a package, before time is spent.

    Raises UsageError, and DataError that names the extra.
    """
    if format not in NEEDED:
        meant, _, bits = format.rpartition("-")
        hint = nearest(format, NEEDED)
        if bits == "int8" and meant in NEEDED:
            hint = f"that is {meant} with int8 (--int8)"
        raise UsageError(f"no format of models called {format}: {hint}")
    if int8 and format not in INT8:
        raise UsageError(
            f"int8 is made for openvino and litert, where it gains most, not for {format}; choose "
            "one of those, or no int8"
        )
    needed = [NEEDED[format], *([INT8[format]] if int8 else [])]
    what = "exporting in int8" if int8 else f"exporting to {format}"
    for extra, packages in needed:
        for package in packages:
            with quiet():
                import_needed(package, "int8" if int8 and format == "openvino" else extra, what)


def name_of(format: str, *, int8: bool) -> str:
    """What an export is called, and by default its folder.

    >>> name_of("openvino", int8=True)
    'openvino-int8'
    """
    return f"{format}-int8" if int8 else format


def folder_for(run: Path, format: str, out: Path | None = None, *, int8: bool = False) -> Path:
    """The folder that a run's export is written to; UsageError where it is there already."""
    folder = out or run / "exports" / name_of(format, int8=int8)
    if folder.exists():
        raise UsageError(f"{folder} already exists; remove it, or choose another --out")
    return folder
