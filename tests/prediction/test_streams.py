"""Images read and written by rows: tiled masks, maps, files that break off, disks that are full."""

import csv
import errno
import json
import os
import re
from dataclasses import replace

import numpy as np
import pytest
import rasterio
import tifffile
from PIL import Image
from rasterio.transform import Affine
from skimage.io import imread

from maskwright.config import ViewConfig
from maskwright.data import rasters, tiff
from maskwright.data.images import read_mask
from maskwright.data.labels import IGNORE
from maskwright.data.maps import holes_of
from maskwright.data.usual import Usual
from maskwright.errors import DataError, UsageError, WriteError
from maskwright.prediction import outputs, predict, sinks
from maskwright.shapes import search


@pytest.fixture(autouse=True)
def by_few_rows(monkeypatch):
    """What is done for huge images, done for small ones."""
    monkeypatch.setattr(rasters, "SMALL", 100)
    monkeypatch.setattr(tiff, "THIN", 3000)
    for limit in ("views.WHOLE", "views.AT_ONCE", "tiling.AT_ONCE"):
        monkeypatch.setattr(f"maskwright.{limit}", 2**12)
    monkeypatch.setattr(sinks, "BLOCK", 64)


@pytest.fixture(params=["pad", "window"])
def run(run, request):
    vars(run)["predictor"] = replace(run.predictor, view=ViewConfig(32, request.param))
    return run


def scene(height: int = 200, width: int = 150) -> np.ndarray:
    """Two bright squares on dark ground, uint8 [height, width, 3]."""
    image = np.full((height, width, 3), 30, np.uint8)
    image[20:90, 30:100] = image[120:180, 60:140] = 220
    return image


@pytest.fixture
def plain(run, tmp_path):
    """The mask of the scene, read and written whole."""
    Image.fromarray(scene()).save(tmp_path / "whole.png")
    (mask,) = predict(run, tmp_path / "whole.png", out=tmp_path / "whole")
    return np.asarray(Image.open(mask))


def test_a_tiled_mask_is_the_same_mask_in_all_programs(run, tmp_path, plain):
    tifffile.imwrite(tmp_path / "a.tif", scene(), photometric="rgb", tile=(32, 32))
    out = tmp_path / "out"
    (mask,) = predict(
        run, tmp_path / "a.tif", out=out, format="tiff", probabilities=True, confidence=True,
        overlay=True,
    )  # fmt: skip
    assert mask == out / "a.tif"
    with rasterio.open(mask) as file:
        assert file.is_tiled
        assert file.crs is None
        assert file.colormap(1)[1][:3] == tuple(run.table.palette[1].tolist())
        np.testing.assert_array_equal(file.read(1), plain)
    np.testing.assert_array_equal(tifffile.imread(mask), plain)
    np.testing.assert_array_equal(np.asarray(Image.open(mask)), plain)
    assert imread(mask).shape[:2] == plain.shape
    with rasterio.open(out / "a-probabilities.tif") as file:
        assert file.descriptions == ("value_0", "value_1")
        assert file.dtypes == ("float32", "float32")
        np.testing.assert_array_equal(file.read().argmax(axis=0), plain)
    with rasterio.open(out / "a-confidence.tif") as file:
        assert file.read(1).min() > 100
    with Image.open(out / "a-overlay.jpg") as overlay:
        assert overlay.size == (150, 200)


def geotiff(path, image, crs="EPSG:25832"):
    place = Affine(0.5, 0, 600000, 0, -0.5, 5700000)
    with rasterio.open(
        path, "w", driver="GTiff", height=image.shape[0], width=image.shape[1], count=3,
        dtype="uint8", crs=crs, transform=place, photometric="RGB",
    ) as file:  # fmt: skip
        file.write(image.transpose(2, 0, 1))
    return path


def test_an_image_on_a_map_gives_a_mask_and_shapes_on_it(run, tmp_path, plain):
    path = geotiff(tmp_path / "field.tif", scene())
    (mask,) = predict(run, path, out=tmp_path / "out", shapes=["geojson"], objects=True)
    with rasterio.open(mask) as file, rasterio.open(path) as source:
        assert (file.crs, file.transform) == (source.crs, source.transform)
        np.testing.assert_array_equal(file.read(1), plain)
        with rasterio.open(tmp_path / "out" / "field-objects.tif") as numbers:
            assert (numbers.crs, numbers.transform) == (source.crs, source.transform)
            assert numbers.dtypes == ("uint32",)
            assert numbers.read(1).max() >= 1
    content = json.loads((tmp_path / "out" / "field.geojson").read_text())
    assert content["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::25832"
    shapes = [one for one in content["features"] if one["properties"]["class"] == "value_1"]
    x, y = np.array(shapes[0]["geometry"]["coordinates"][0]).T
    np.testing.assert_allclose([x.min(), y.max()], [600015, 5699990], atol=1)
    rows = list(csv.DictReader((tmp_path / "out" / "objects.csv").read_text().splitlines()))
    assert len(rows) == len(content["features"])
    for row, one in zip(rows, content["features"], strict=True):
        about = one["properties"]
        assert float(row["area_m2"]) == about["area_m2"] == about["area"] / 4
        assert float(row["map_x"]) == pytest.approx(600000 + about["centroid_x"] / 2, abs=0.01)
        assert float(row["map_y"]) == pytest.approx(5700000 - about["centroid_y"] / 2, abs=0.01)


def test_of_objects_in_degrees_no_area_is_known_and_of_others_no_place(run, tmp_path):
    path = geotiff(tmp_path / "field.tif", scene(), crs="EPSG:4326")
    Image.fromarray(scene()).save(tmp_path / "plain.png")
    predict(run, [path, tmp_path / "plain.png"], out=tmp_path / "out", objects=True)
    rows = list(csv.DictReader((tmp_path / "out" / "objects.csv").read_text().splitlines()))
    on_map, plain = (
        [row for row in rows if row["image"] == name] for name in ("field.tif", "plain.png")
    )
    assert on_map
    assert {row["area_m2"] for row in on_map} == {""}
    assert all(float(row["map_x"]) > 599_999 for row in on_map)
    assert plain
    assert {(row["area_m2"], row["map_x"], row["map_y"]) for row in plain} == {("", "", "")}
    alone = tmp_path / "alone"
    predict(run, tmp_path / "plain.png", out=alone, objects=True)
    assert "map_x" not in (alone / "objects.csv").read_text()


HOLE = (slice(30, 70), slice(20, 90))  # rows and columns of the scene, with objects in it


def with_hole(path, how, image):
    """An image on a map with a hole: by a no-data value, or by transparency."""
    bands = image.transpose(2, 0, 1).copy()
    options = {"nodata": 0} if how == "value" else {"alpha": "yes"}
    if how == "value":
        bands[:, *HOLE] = 0
    elif how == "alpha":
        alpha = np.full((1, *image.shape[:2]), 255, np.uint8)
        alpha[:, *HOLE] = 0
        bands = np.concatenate([bands, alpha])
    place = Affine(0.5, 0, 600000, 0, -0.5, 5700000)
    with rasterio.open(
        path, "w", driver="GTiff", height=image.shape[0], width=image.shape[1], count=len(bands),
        dtype="uint8", crs="EPSG:25832", transform=place, photometric="RGB", **options,
    ) as file:  # fmt: skip
        file.write(bands)
    return path


@pytest.mark.parametrize("how", ["value", "alpha"])
@pytest.mark.parametrize("format", ["tiff", "png"])
def test_where_a_map_holds_no_data_the_mask_is_left_open(run, tmp_path, plain, how, format):
    path = with_hole(tmp_path / "field.tif", how, scene())
    out = tmp_path / "out"
    (file,) = predict(run, path, out=out, objects=True, confidence=True, least=1, format=format)
    none = int(run.table.stored[IGNORE])
    mask = read_mask(file).values
    assert (mask[HOLE] == none).all()
    beside = np.ones(mask.shape, bool)
    beside[HOLE] = False
    assert not (mask[beside] == none).any()
    if how == "alpha":
        np.testing.assert_array_equal(mask[beside], plain[beside])
    if format == "tiff":
        with rasterio.open(file) as written:
            assert written.nodata == none
            np.testing.assert_array_equal(written.dataset_mask() > 0, beside)
    (row,) = csv.DictReader((out / "predictions.csv").read_text().splitlines())
    assert float(row["share without data"]) == pytest.approx(40 * 70 / mask.size, abs=1e-6)
    assert float(row["share left open"]) == 0
    stored = run.table.stored[: len(run.table)]
    for name, value in zip(run.table.names, stored, strict=True):
        share = (mask[beside] == value).mean()
        assert float(row[f"share of {name}"]) == pytest.approx(share, abs=1e-6)
    numbers = read_mask(out / "field-objects.tif").values
    assert not numbers[HOLE].any()
    assert numbers.any()
    sure = read_mask(next(out.glob("field-confidence.*"))).values
    assert not sure[HOLE].any()
    assert float(row["confidence"]) == pytest.approx(sure[beside].mean() / 255, abs=0.01)


def test_a_tile_without_any_data_is_all_open(run, tmp_path):
    path = with_hole(tmp_path / "field.tif", "value", scene() * 0)
    (file,) = predict(run, path, out=tmp_path / "out", objects=True)
    assert set(np.unique(read_mask(file).values)) == {run.table.stored[IGNORE]}
    text = (tmp_path / "out" / "predictions.csv").read_text()
    (row,) = csv.DictReader(text.splitlines())
    assert (row["share without data"], row["confidence"], row["objects"]) == ("1.0", "0.0", "0")


def test_a_fourth_band_that_is_called_transparency_is_a_band(tmp_path):
    path = with_hole(tmp_path / "field.tif", "alpha", scene())
    assert holes_of(path, 4) is None
    assert holes_of(path, 3) is not None
    assert holes_of(geotiff(tmp_path / "whole.tif", scene()), 3) is None


@pytest.mark.parametrize("value", ["-9999", "nan", "300", "none"])
def test_a_value_that_no_pixel_can_have_makes_no_holes(run, tmp_path, value):
    tags = [
        (33550, "d", 3, (0.5, 0.5, 0.0)),
        (33922, "d", 6, (0.0, 0.0, 0.0, 600_000.0, 5_700_000.0, 0.0)),
        (34735, "H", 8, (1, 1, 0, 1, 3072, 0, 1, 32632)),
        (42113, "s", 0, value),
    ]
    path = tmp_path / "field.tif"
    tifffile.imwrite(path, scene(), photometric="rgb", extratags=tags, metadata=None)
    predict(run, path, out=tmp_path / "out")
    (row,) = csv.DictReader((tmp_path / "out" / "predictions.csv").read_text().splitlines())
    assert (row["share without data"], row["share left open"]) == ("0.0", "0.0")


def test_an_image_whose_holes_cannot_be_read_is_passed_over(run, tmp_path, monkeypatch):
    path = with_hole(tmp_path / "field.tif", "value", scene())
    other = geotiff(tmp_path / "other.tif", scene())

    def broken(holes, top, bottom):
        raise DataError(f"{holes.path} is damaged")

    monkeypatch.setattr("maskwright.data.maps.Holes.rows", broken)
    with pytest.raises(
        DataError, match=r"1 of 2 images could not be read, .*field\.tif is damaged"
    ):
        predict(run, [path, other], out=tmp_path / "out")
    assert (tmp_path / "out" / "other.tif").exists()
    assert not list((tmp_path / "out").glob("*field*"))


def test_a_map_of_its_own_is_named_by_its_text(run, tmp_path):
    own = "+proj=tmerc +lat_0=1 +lon_0=2 +k=1 +x_0=3 +y_0=4 +ellps=GRS80 +units=m"
    path = geotiff(tmp_path / "field.tif", scene(), crs=own)
    predict(run, path, out=tmp_path / "out", shapes=["geojson"])
    content = json.loads((tmp_path / "out" / "field.geojson").read_text())
    assert content["crs"]["properties"]["name"].startswith("PROJCS[")


def test_without_rasterio_a_map_is_an_error_that_says_what_to_do(run, tmp_path, monkeypatch):
    path = geotiff(tmp_path / "field.tif", scene())
    monkeypatch.setattr("importlib.import_module", _missing)
    told = (
        r"^the mask of \S+field\.tif, which lies on a map, needs rasterio: pip install 'maskwright"
    )
    with pytest.raises(DataError, match=told):
        predict(run, path, out=tmp_path / "out")
    with pytest.raises(DataError, match=r"^writing masks as tiled TIFF needs rasterio: pip ins"):
        predict(run, path, out=tmp_path / "out", format="tiff")
    (mask,) = predict(run, path, out=tmp_path / "plain", format="png")
    assert mask.name == "field.png"


def _missing(name):
    raise ImportError(name)


def test_a_format_that_is_none_is_refused(run, tmp_path):
    with pytest.raises(UsageError, match="no format of masks called tif: did you mean tiff"):
        predict(run, run.dataset.pairs[0].image, out=tmp_path / "out", format="tif")


def test_what_is_too_large_for_png_becomes_a_tiff(run, tmp_path, monkeypatch, plain):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 29_999)
    tifffile.imwrite(tmp_path / "a.tif", scene(), photometric="rgb")
    (mask,) = predict(run, tmp_path / "a.tif", out=tmp_path / "out")
    np.testing.assert_array_equal(tifffile.imread(mask), plain)


def test_objects_and_shapes_of_a_large_image_are_found_by_parts(run, tmp_path, monkeypatch):
    vars(run)["predictor"] = replace(run.predictor, view=ViewConfig(32, "window"))
    path = geotiff(tmp_path / "a.tif", np.vstack([scene()] * 3))
    asked = {"objects": True, "shapes": ["geojson", "svg", "coco"], "overlay": True}
    predict(run, path, out=tmp_path / "whole", **asked)
    monkeypatch.setattr(search, "FEW", 1)
    predict(run, path, out=tmp_path / "parts", **asked)
    whole, parts = (
        json.loads((tmp_path / name / "a.geojson").read_text())["features"]
        for name in ("whole", "parts")
    )
    assert sorted(str(f["geometry"]) for f in parts) == sorted(str(f["geometry"]) for f in whole)
    whole, parts = (tifffile.imread(tmp_path / n / "a-objects.tif") for n in ("whole", "parts"))
    np.testing.assert_array_equal(parts > 0, whole > 0)
    for name in ("a.svg", "coco.json", "objects.csv", "predictions.csv"):
        whole, parts = ((tmp_path / n / name).read_text() for n in ("whole", "parts"))
        assert len(parts) == pytest.approx(len(whole), rel=0.01)
    overlays = [np.asarray(Image.open(tmp_path / n / "a-overlay.jpg")) for n in ("whole", "parts")]
    np.testing.assert_array_equal(*overlays)


def test_an_object_too_tall_for_the_memory_is_cut_and_said_to_be(
    run, tmp_path, monkeypatch, capsys
):
    vars(run)["predictor"] = replace(run.predictor, view=ViewConfig(32, "window"))
    path = geotiff(tmp_path / "a.tif", np.vstack([scene()] * 3))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 15_000)
    predict(run, path, out=tmp_path / "out", objects=True, least=1)
    assert re.search(
        r"a\.tif: \d+ objects? (is|are) too tall for the memory that objects may take, and cut in "
        r"two or more; set MASKWRIGHT_MAX_PIXELS higher than 15,000 if there is more: it takes "
        r"up to 70 bytes a pixel",
        " ".join(capsys.readouterr().err.split()),
    )


def test_the_overlay_of_a_large_image_is_smaller(run, tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "LARGEST_OVERLAY", 70)
    tifffile.imwrite(tmp_path / "a.tif", scene(), photometric="rgb")
    predict(run, tmp_path / "a.tif", out=tmp_path / "out", overlay=True, objects=True)
    with Image.open(tmp_path / "out" / "a-overlay.jpg") as overlay:
        assert overlay.size == (50, 67)
        seen = np.asarray(overlay).astype(int)
    assert seen[15, 20].sum() > seen[2, 2].sum() + 100


def test_of_an_image_that_breaks_off_the_rows_before_are_kept(run, tmp_path, plain):
    vars(run)["predictor"] = replace(run.predictor, view=ViewConfig(32, "window"))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, scene(), photometric="rgb", rowsperstrip=8)
    path.write_bytes(path.read_bytes()[: 130 * 150 * 3])
    Image.fromarray(scene()).save(tmp_path / "b.png")
    with pytest.raises(
        DataError,
        match=r"1 of 2 images could not be read, the first: .*a\.tif cannot be decoded .*; "
        r"\d+ of its 200 rows are in .*a-partial\.png\. Written: 1 mask",
    ):
        predict(run, [path, tmp_path / "b.png"], out=tmp_path / "out", confidence=True)
    kept = np.asarray(Image.open(tmp_path / "out" / "a-partial.png"))
    rows = np.flatnonzero((kept == 255).all(axis=1))[0]
    assert rows > 60
    assert (kept[:rows] == plain[:rows]).mean() > 0.95  # which may be that of a whole view
    assert (kept[rows:] == 255).all()
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "a-partial.png", "b.png", "b-confidence.png", "predictions.csv", ".predictions.jsonl",
    }  # fmt: skip


def full(path, values, palette):
    if path.name.startswith(".1"):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")
    Image.fromarray(values).save(path)


def test_a_full_disk_leaves_what_is_whole_and_says_how_to_go_on(run, tmp_path, monkeypatch, capsys):
    images = [pair.image for pair in run.dataset.pairs[:3]]
    with monkeypatch.context() as patch:
        patch.setattr(outputs, "write_mask", full)
        with pytest.raises(WriteError, match=r"1\.png cannot be written \(No space left on device"):
            predict(run, images, out=tmp_path / "out", overlay=True)
    said = " ".join(capsys.readouterr().err.split())
    assert "1 of 3 masks are whole in" in said or "2 of 3 masks are whole in" in said
    assert "the same command with --resume goes on" in said
    assert not list((tmp_path / "out").glob(".*part*"))
    masks = predict(run, images, out=tmp_path / "out", overlay=True, resume=True)
    assert sorted(path.name for path in masks) == ["0.png", "1.png", "2.png"]


@pytest.mark.skipif(os.name == "nt", reason="no limits of file sizes")
def test_a_tiff_that_the_system_cuts_off_is_no_mask(run, tmp_path):
    import resource
    import signal

    noise = np.random.default_rng(0).integers(256, size=(600, 600, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", noise, photometric="rgb")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        with pytest.raises(WriteError, match=r"a-probabilities\.tif cannot be written"):
            predict(
                run, tmp_path / "a.tif", out=tmp_path / "out", format="tiff", probabilities=True
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert not list((tmp_path / "out").glob("*.tif"))


def test_an_image_unlike_those_of_training_is_said_to_be(run, tmp_path, capsys):
    usual = Usual(60, (30.0, 30.0, 30.0), (90.0, 90.0, 90.0), (0.25, 0.25))
    vars(run)["usual"] = usual
    path = geotiff(tmp_path / "field.tif", np.maximum(scene(), 210))
    like = geotiff(tmp_path / "like.tif", scene(60, 60))
    Image.fromarray(scene(120, 120)).save(tmp_path / "plain.png")
    out = tmp_path / "out"
    predict(run, [path, like, tmp_path / "plain.png"], out=out)
    rows = list(csv.DictReader((out / "predictions.csv").read_text().splitlines()))
    found = {row["image"]: row["unlike the training images"] for row in rows}
    whole = run.predictor.view.fit == "pad"
    assert found == {
        "field.tif": f"{'size, ' * whole}brightness, resolution",
        "like.tif": "resolution",
        "plain.png": "",
    }
    said = " ".join(capsys.readouterr().err.split())
    assert (
        "field.tif: far larger than training images (60 pixels at most), and seen as one square of "
        "32. That is right for a finer picture of such a scene; for one that shows more, train by "
        "windows: --set view.fit=window" in said
    ) == (run.predictor.view.fit == "pad")
    assert "field.tif: far darker or brighter than all training images; look at the masks" in said
    assert (
        "field.tif, like.tif: pixels of another size on the map than in training (0.25), so that "
        "things look larger or smaller; resample the image" in said
    )
