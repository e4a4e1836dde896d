"""Every file of shapes read back: by its own library where that is at hand, else as what it is."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from urllib.parse import quote

import numpy as np
import pytest
import shapely
from scene import KINDS, draw, entry, rasterised, whole
from shapely.geometry import shape

from maskwright.data.images import read_mask
from maskwright.data.maps import Place
from maskwright.shapes import coco, cvat, geojson, labelstudio, svg, tables
from maskwright.shapes.drawing import polygons_of

EMPTY = np.zeros((4, 6), np.uint8)


def test_geojson_has_a_feature_for_each_object_that_rasterises_to_it():
    drawing = draw()
    content = json.loads(whole(geojson, drawing))
    shapes = [shape(feature["geometry"]) for feature in content["features"]]
    size = drawing.objects.labels.shape
    np.testing.assert_array_equal(rasterised(shapes, size), drawing.objects.labels)
    assert [feature["properties"] for feature in content["features"]][1] == {
        "number": 2, "class": "<a> & b", "color": "#e69f00", "area": 5,
        "perimeter": pytest.approx(9.37, abs=3), "centroid_x": 8.3, "centroid_y": 2.3,
        "confidence": 0.75, "at_border": False,
    }  # fmt: skip


def test_geojson_goes_round_as_the_rfc_says_and_closes_its_rings():
    for drawing in (draw(), draw(place=Place((2, 0, 100, 0, -2, 900), "EPSG:25832"))):
        for feature in json.loads(whole(geojson, drawing))["features"]:
            for piece in polygons_of(shape(feature["geometry"])):
                assert piece.exterior.is_ccw
                assert not any(hole.is_ccw for hole in piece.interiors)


def test_geojson_says_that_pixels_are_no_degrees():
    content = json.loads(whole(geojson, draw()))
    assert content["about"]["coordinates"].startswith("pixels from the upper left corner")
    assert content["about"]["image"] == "a b.png"
    assert content["crs"]["properties"]["name"].startswith('ENGCRS["pixels"')


def test_geojson_is_in_map_coordinates_where_the_place_is_known():
    place = Place((0.5, 0, 600_000, 0, -0.5, 5_700_000), "EPSG:25832")
    content = json.loads(whole(geojson, draw(place=place)))
    assert content["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::25832"
    assert content["about"]["coordinates"] == "map, EPSG:25832"
    ring = shape(content["features"][0]["geometry"])
    assert ring.bounds == (600_000.5, 5_699_997, 600_003, 5_699_999.5)
    degrees = json.loads(whole(geojson, draw(place=Place((1, 0, 0, 0, -1, 0), "EPSG:4326"))))
    assert "crs" not in degrees


def test_pycocotools_reads_every_pixel_back(tmp_path):
    masks = pytest.importorskip("pycocotools.coco")
    drawing = draw()
    path = tmp_path / "coco.json"
    path.write_text(coco.text([entry(coco, drawing), entry(coco, draw(EMPTY))], drawing.page.table))
    read = masks.COCO(str(path))
    assert [kind["name"] for kind in read.loadCats(read.getCatIds())] == ["cell", "<a> & b"]
    annotations = read.loadAnns(read.getAnnIds(imgIds=[1]))
    for one, annotation in zip(drawing.objects, annotations, strict=True):
        np.testing.assert_array_equal(
            read.annToMask(annotation), drawing.objects.labels == one.number
        )
        assert annotation["bbox"] == list(one.box)
        assert (annotation["area"], annotation["score"]) == (one.area, 0.75)
        assert annotation["category_id"] == one.class_index
    assert read.getAnnIds(imgIds=[2]) == []
    assert read.imgs[2] == {"id": 2, "file_name": "a b.png", "width": 6, "height": 4}


def test_coco_has_polygons_and_a_code_for_what_has_holes():
    _, annotations = entry(coco, draw())
    assert [type(one["segmentation"]) for one in annotations] == [dict, list, list]
    assert len(annotations[1]["segmentation"]) == 2  # its two pieces


def test_an_svg_has_the_size_of_the_image_and_a_path_an_object():
    drawing = draw()
    root = ET.fromstring(whole(svg, drawing))
    space = "{http://www.w3.org/2000/svg}"
    assert (root.get("width"), root.get("viewBox")) == ("11", "0 0 11 6")
    assert root.find(f"{space}image").get("href") == "../x/a%20b.png"
    groups = root.findall(f"{space}g")
    assert [group.find(f"{space}title").text for group in groups] == ["cell", "<a> & b"]
    assert {group.get("fill-rule") for group in groups} == {"evenodd"}
    paths = {path.get("id"): path.get("d") for path in root.iter(f"{space}path")}
    assert paths["object-1"].count("M") == 2  # its hole
    shapes = []
    for one in drawing.objects:
        rings = [
            [tuple(map(float, point.split(","))) for point in ring.split()]
            for ring in re.findall("M([^Z]+)Z", paths[f"object-{one.number}"])
        ]
        shapes.append(shapely.union_all([shapely.Polygon(ring) for ring in rings[1:]]))
        outer = shapely.Polygon(rings[0])
        shapes[-1] = outer.symmetric_difference(shapes[-1])
    np.testing.assert_array_equal(rasterised(shapes, (6, 11)), drawing.objects.labels)


def test_an_svg_links_no_image_that_browsers_cannot_show():
    assert "<image" not in whole(svg, draw(link="../x/a.tif"))


def of_mask(element, size):
    """The pixels of a CVAT mask, bool [H, W]."""
    left, top, width, height = (int(element.get(k)) for k in ("left", "top", "width", "height"))
    counts = [int(count) for count in element.get("rle").split(",")]
    inside = np.repeat(np.arange(len(counts)) % 2, counts).reshape(height, width)
    whole = np.zeros(size, bool)
    whole[top : top + height, left : left + width] = inside
    return whole


def test_cvat_has_polygons_and_masks_for_what_has_holes_or_pieces():
    drawing = draw()
    entries = [entry(cvat, drawing), entry(cvat, draw(EMPTY))]
    root = ET.fromstring(cvat.text(entries, drawing.page.table))
    assert root.find("version").text == "1.1"
    assert [label.find("name").text for label in root.iter("label")] == ["cell", "<a> & b"]
    first, second = root.findall("image")
    assert dict(first.attrib) == {"id": "0", "name": "a b.png", "width": "11", "height": "6"}
    assert len(second) == 0
    assert [element.tag for element in first] == ["mask", "mask", "polygon"]
    assert [element.get("label") for element in first] == ["cell", "<a> & b", "<a> & b"]
    size = (6, 11)
    for number, element in enumerate(first, 1):
        if element.tag == "mask":
            inside = of_mask(element, size)
        else:
            points = [tuple(map(float, p.split(","))) for p in element.get("points").split(";")]
            inside = rasterised([shapely.Polygon(points)], size) == 1
        np.testing.assert_array_equal(inside, drawing.objects.labels == number)


@pytest.mark.parametrize("kind", ["labelstudio", "coco"])
def test_what_is_read_as_data_is_what_was_written(kind, tmp_path, save, capsys):
    from maskwright.data.ingest import coco as read_coco
    from maskwright.data.ingest import labelstudio as read_labelstudio

    drawing = draw()
    written = {"labelstudio": labelstudio, "coco": coco}[kind]
    reader = {"labelstudio": read_labelstudio, "coco": read_coco}[kind]
    path = tmp_path / "file.json"
    path.write_text(written.text([entry(written, drawing)], drawing.page.table))
    save(tmp_path / "a b.png", np.zeros((6, 11, 3), np.uint8))
    assert reader.looks_like(path)
    (tmp_path / "out").mkdir()
    plain = reader.unpack(path, tmp_path / "out")
    said = "1 image of " in capsys.readouterr().err  # that its predictions are taken
    assert said == (kind == "labelstudio")
    found = plain.table.decode(read_mask(plain.pairs[0].mask))
    expected = np.array(["", *(one.name for one in drawing.objects)])[drawing.objects.labels]
    names = np.array(plain.table.names)
    np.testing.assert_array_equal(np.where(found > 0, names[found], ""), expected)


def test_label_studio_gets_scores_and_a_labelling_interface():
    drawing = draw()
    task = entry(labelstudio, drawing)
    assert task["predictions"][0]["score"] == 0.75
    assert [r["type"] for r in task["predictions"][0]["result"]] == [
        "brushlabels", "brushlabels", "polygonlabels",
    ]  # fmt: skip
    root = ET.fromstring(labelstudio.settings([task], drawing.page.table))
    assert {e.get("name") for e in root} == {"image", "polygon", "brush"}
    assert [e.get("value") for e in root.find("BrushLabels")] == ["cell", "<a> & b"]
    assert entry(labelstudio, draw(EMPTY))["predictions"] == [
        {"model_version": "maskwright", "result": []}
    ]


def test_label_studio_finds_images_in_a_folder_below_its_document_root(tmp_path):
    def paths(*names: str) -> list[str]:
        drawings = [draw(file=tmp_path / name) for name in names]
        tasks = json.loads(labelstudio.text([entry(labelstudio, d) for d in drawings], KINDS))
        return [task["data"]["image"].removeprefix("/data/local-files/?d=") for task in tasks]

    assert paths("x y/a #1.png", "x y/%ü.png") == ["x%20y/a%20%231.png", "x%20y/%25%C3%BC.png"]
    top = quote(tmp_path.name)
    assert paths("a/1.png", "b/1.png") == [f"{top}/a/1.png", f"{top}/b/1.png"]
    assert paths() == []


def test_without_a_confidence_no_format_has_one():
    drawing = draw(sure=None)
    assert "confidence" not in whole(geojson, drawing)
    assert "score" not in coco.text([entry(coco, drawing)], drawing.page.table)
    assert "score" not in labelstudio.text([entry(labelstudio, drawing)], drawing.page.table)


def test_the_tables_have_a_row_an_object_and_a_row_an_image():
    drawing = draw()
    rows = tables.rows("a b.png", drawing.objects)
    read = list(csv.DictReader(io.StringIO(tables.text(rows))))
    assert read[2] | {"perimeter": ""} == {
        "image": "a b.png", "number": "3", "class": "<a> & b", "area": "1", "x": "3", "y": "3",
        "width": "1", "height": "1", "centroid_x": "3.50", "centroid_y": "3.50", "perimeter": "",
        "confidence": "0.7500", "at_border": "0",
    }  # fmt: skip


@pytest.mark.parametrize("kind", [geojson, svg])
def test_an_image_without_objects_gives_a_valid_file(kind):
    written = whole(kind, draw(EMPTY))
    if kind is geojson:
        assert json.loads(written)["features"] == []
    else:
        assert [e.tag.rpartition("}")[2] for e in ET.fromstring(written)] == ["title", "image"]
