"""What a folder, a manifest, a dataset.toml or an export names: pairs, nothing decoded yet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from maskwright.data.findings import KINDS, Flaw
from maskwright.data.folders import MASK_FOLDERS, Listing, camvid, manifest, pairs, pets
from maskwright.data.images import bands_from_dict
from maskwright.data.ingest import unpacked
from maskwright.data.labels import from_dict
from maskwright.data.pairing import Pair
from maskwright.data.voc import voc
from maskwright.errors import DataError, beside, nearest, some
from maskwright.texts import read_toml

LAYOUTS = {"pets": pets, "camvid": camvid, "voc": voc, "pairs": pairs}
# of a dataset.toml; artifacts.foreign reads input
KEYS = {"root", "layout", "manifest", "encoding", "ignore", "classes", "bands", "allow", "input"}
NEVER = {"no-pairs", "too-few", "one-value", "no-classes"}  # cannot be allowed


def list_pairs(data: Path) -> Listing:
    """The pairs of a dataset, with the flaws of names and lists.

    Raises DataError where nothing can be listed at all.
    """
    listing = _listing(data)
    if not listing.pairs and not listing.flaws:
        raise DataError(f"{data} names no pair of an image and a mask; add some")
    named, nameless = _in_utf8(listing.pairs)
    once, again = _once(named)
    return replace(listing, pairs=once, flaws=(*listing.flaws, *nameless, *again))


def _listing(data: Path) -> Listing:
    if not data.exists():
        raise DataError(f"{data}: no such folder or file; {beside(data, 'check the path')}")
    if data.is_dir() and (data / "dataset.toml").is_file():
        return from_toml(data / "dataset.toml")
    if data.suffix.lower() == ".toml" and data.is_file():
        return from_toml(data)
    if data.suffix.lower() == ".csv" and data.is_file():
        return manifest(data)
    if (folder := unpacked(data)) is not None:
        return _listing(folder)
    if data.is_dir():
        return find(data)
    raise DataError(
        f"{data} is no folder, no .csv, no .toml and no export that is known; name one of these"
    )


def find(root: Path, layout: str = "") -> Listing:
    """The listing of the folder ``root``, in the given layout or the first that fits."""
    if layout and layout not in LAYOUTS:
        raise DataError(f"unknown layout {layout}: {nearest(layout, LAYOUTS)}")
    tried = [LAYOUTS[layout]] if layout else list(LAYOUTS.values())
    listing = next((found for look in tried if (found := look(root))), None)
    if listing is None:
        inside = sorted(path.name for path in root.iterdir() if not path.name.startswith("."))
        whole = root.parent if root.parent.name else root.absolute().parent
        if root.name.lower() in ("images", *MASK_FOLDERS) and is_dataset(whole):
            raise DataError(f"{root} is a part of a dataset; did you mean {whole}?")
        if inside == ["images"]:
            raise DataError(
                f"{root} has images and no masks; put masks of the same name into masks/"
            )
        raise DataError(
            f"{root} has no layout that is known (it holds {some(inside, 5) or 'nothing'}); "
            "put images into images/ and masks of the same name into masks/, or write a CSV "
            "with the columns image,mask"
        )
    return listing


def is_dataset(folder: Path) -> bool:
    """Whether a folder holds a dataset: one with a dataset.toml, or in a layout that is known."""
    try:
        return (folder / "dataset.toml").is_file() or any(look(folder) for look in LAYOUTS.values())
    except DataError:  # in such a layout, and damaged
        return True


def _in_utf8(listed: tuple[Pair, ...]) -> tuple[tuple[Pair, ...], list[Flaw]]:
    """The pairs whose names tables can hold, and the flaws of the others."""
    kept, flaws = [], []
    for pair in listed:
        odd = next((path for path in (pair.image, pair.mask) if not _is_utf8(path)), None)
        if odd is None:
            kept.append(pair)
        else:
            flaws.append(Flaw("name-encoding", odd, f"its name is not UTF-8: {odd.name!r}"))
    return tuple(kept), flaws


def _is_utf8(path: Path) -> bool:
    """Whether a path is text; what its system says in another encoding Python marks."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _once(listed: tuple[Pair, ...]) -> tuple[tuple[Pair, ...], list[Flaw]]:
    """Each image once, and the flaws of those that are listed again."""
    first: dict[Path, Pair] = {}
    flaws = []
    for pair in listed:
        known = first.setdefault(pair.image, pair)
        if known is not pair:
            places = sorted({known.split or "no split", pair.split or "no split"})
            detail = f"listed again, in {' and '.join(places)}"
            flaws.append(Flaw("listed-twice", pair.image, detail, pair.image))
    return tuple(first.values()), flaws


def from_toml(path: Path) -> Listing:
    """The dataset that a dataset.toml describes; paths in it are relative to its folder."""
    table = _read_toml(path)
    root = path.parent / table.get("root", ".")
    if not root.is_dir():
        raise DataError(f"{path} names the root {root}, which is no folder; correct it")
    if "manifest" in table:
        listing = manifest(path.parent / table["manifest"], root)
    else:
        listing = find(root, table.get("layout", ""))
    return replace(
        listing,
        table=from_dict(table, path) if table.get("classes") else listing.table,
        bands=bands_from_dict(table["bands"], path) if "bands" in table else listing.bands,
        allow=_allowed(table.get("allow", []), path),
    )


def _allowed(kinds: object, path: Path) -> tuple[str, ...]:
    if not isinstance(kinds, list):
        raise DataError(f"{path}: allow = {kinds!r} must be a list of kinds of findings")
    if unknown := [kind for kind in kinds if str(kind) not in KINDS]:
        raise DataError(
            f"{path} allows the unknown finding {unknown[0]}: {nearest(str(unknown[0]), KINDS)}"
        )
    if never := [kind for kind in kinds if kind in NEVER]:
        raise DataError(f"{path} allows {never[0]}, which leaves nothing to train on; take it out")
    return tuple(kinds)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        table = read_toml(path)
    except ValueError as error:
        raise DataError(f"{path} is not valid TOML: {error}") from None
    if unknown := sorted(set(table) - KEYS):
        raise DataError(f"{path} has the unknown key {unknown[0]}: {nearest(unknown[0], KEYS)}")
    for key in ("root", "layout", "manifest", "encoding"):
        if not isinstance(table.get(key, ""), str):
            raise DataError(f"{path}: {key} = {table[key]!r} must be a word in quotes")
    if not table.get("classes") and (bare := sorted({"encoding", "ignore"} & set(table))):
        raise DataError(f"{path} has {bare[0]} but no [[classes]]; list the classes too")
    return table


def data_name(data: str | Path) -> str:
    """What to call a dataset: its folder, its manifest, or the folder of its dataset.toml.

    >>> data_name("sets/cells.v2"), data_name("sets/cells.csv"), data_name("cells/dataset.toml")
    ('cells.v2', 'cells', 'cells')
    """
    path = Path(data).resolve()
    if path.name == "dataset.toml":
        return path.parent.name
    named = path.name.removesuffix(".gz").removesuffix(".tar")
    known = (".csv", ".toml", ".zip", ".json", ".tgz")
    return named.rpartition(".")[0] if named.lower().endswith(known) else named
