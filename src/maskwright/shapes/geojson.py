"""GeoJSON (RFC 7946): one file an image, a feature an object, in pixel or map coordinates.

RFC 7946 knows degrees alone. Whatever else coordinates are stands where GDAL, and so geopandas and
QGIS, looks for it: map coordinates are named by their code, pixels by a reference system of their
own with y down, for GDAL takes what has no name for degrees, "crs": null too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from maskwright.data.maps import Place
from maskwright.shapes.drawing import Drawing, Page
from maskwright.shapes.objects import Object

PIXELS = "pixels from the upper left corner of the image, x to the right, y down"
PIXELS_WKT = (
    'ENGCRS["pixels",EDATUM["image"],CS[Cartesian,2],AXIS["x",east],AXIS["y",south],'
    'LENGTHUNIT["pixel",1]]'
)


def items(drawing: Drawing) -> list[str]:
    """A feature of each object."""
    import shapely

    shapes, place = np.array(drawing.polygons, dtype=object), drawing.page.place
    if place:
        shapes = shapely.transform(shapes, place.on_map)
    shapes = shapely.to_geojson(shapely.orient_polygons(shapes, exterior_cw=False))
    return [
        f'{{"type": "Feature", "id": {one.number}, '
        f'"properties": {json.dumps(properties(one, drawing.page))}, "geometry": {shape}}}'
        for one, shape in zip(drawing.objects, shapes, strict=True)
    ]


def text(page: Page, features: Sequence[str]) -> str:
    """The file: a feature a line."""
    head = {"type": "FeatureCollection", "name": page.name, **reference(page.place)}
    about = {
        "image": page.name,
        "width": page.width,
        "height": page.height,
        "coordinates": f"map, {page.place.crs}" if page.place else PIXELS,
        "tolerance": page.tolerance,
    }
    opened = json.dumps(head | {"about": about})[:-1]
    return f'{opened}, "features": [\n' + ",\n".join(features) + "\n]}\n"


def properties(one: Object, page: Page) -> dict[str, Any]:
    """What a feature says of its object; lengths and areas are in pixels, on a map also in m²."""
    x, y = one.centroid
    area = page.place.square_metres(one.area) if page.place else None
    covered = {} if area is None else {"area_m2": area}
    known = {} if one.confidence is None else {"confidence": round(one.confidence, 4)}
    return {
        "number": one.number,
        "class": one.name,
        "color": page.table.labels[one.class_index].color,
        "area": one.area,
        **covered,
        "perimeter": round(one.perimeter, 2),
        "centroid_x": round(x, 2),
        "centroid_y": round(y, 2),
        **known,
        "at_border": one.at_border,
    }


def reference(place: Place | None) -> dict[str, Any]:
    """The member "crs"; none for WGS 84, which is GeoJSON's own."""
    if place and place.crs.upper() == "EPSG:4326":
        return {}
    name = place.crs if place else PIXELS_WKT
    if re.fullmatch(r"\w+:\w+", name):
        name = "urn:ogc:def:crs:" + "::".join(name.upper().split(":"))
    return {"crs": {"type": "name", "properties": {"name": name}}}
