"""Where on a map an image lies: the georeference of GeoTIFF files, through rasterio (extra geo)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from maskwright.data import tiff
from maskwright.data.ingest.extras import import_needed
from maskwright.data.opening import explained

SCALE, MATRIX, KEYS = 33550, 34264, 34735  # tags of GeoTIFF
CACHE = 64  # MB that GDAL keeps of blocks


@dataclass(frozen=True)
class Place:
    """Where on a map an image lies.

    ``affine`` (a, b, c, d, e, f) turns a point (x, y) in pixels from the upper left corner into
    map coordinates (ax + by + c, dx + ey + f), in the order of rasterio and of world files' names.
    ``crs`` is the map's reference system as "EPSG:25832", or as WKT where it has no such code;
    GeoJSON's own is "EPSG:4326".
    """

    affine: tuple[float, float, float, float, float, float]
    crs: str


def lies_on_map(path: Path) -> bool:
    """Whether an image file is a TIFF that says where on a map it lies."""
    with explained(path), path.open("rb") as file:
        tags = tiff.tags_of(file)
    return tags is not None and KEYS in tags and (SCALE in tags or MATRIX in tags)


def place_of(path: Path) -> Place | None:
    """Where on a map an image file lies; None where it does not say.

    Raises DataError where rasterio is needed for it and not there.
    """
    if not lies_on_map(path):
        return None
    rasterio = import_needed("rasterio", "geo", f"the place of {path} on a map")
    with explained(path), rasterio.open(path) as source:
        if not source.crs:
            return None
        authority = source.crs.to_authority()
        crs = ":".join(authority) if authority else source.crs.to_wkt()
        return Place(tuple(source.transform)[:6], crs)
