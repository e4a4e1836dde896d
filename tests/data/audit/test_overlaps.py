"""Tiles of a map that show the same ground stay in one split, or are said not to."""

import numpy as np
import pytest
import rasterio
from made import pair
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from rasterio.transform import Affine

from maskwright.config import SplitConfig
from maskwright.data.audit import check
from maskwright.data.audit.overlaps import ground_flaws, on_one_ground, overlapping
from maskwright.data.maps import Spot, spot_of


def spot(west, south, size=10.0, crs="32632"):
    return Spot(crs, (west, south, west + size, south + size), 0.1)


def test_all_that_overlap_are_found():
    rng = np.random.default_rng(0)
    spots = [spot(*rng.uniform(0, 100, 2), size=rng.uniform(5, 20)) for _ in range(120)]
    found = set(overlapping(spots))
    for i in range(len(spots)):
        for j in range(i + 1, len(spots)):
            (w, s, e, n), (west, south, east, north) = spots[i].box, spots[j].box
            across, down = min(e, east) - max(w, west), min(n, north) - max(s, south)
            least = 0.02 * min((e - w) * (n - s), (east - west) * (north - south))
            shared = across > 0 and down > 0 and across * down > least
            assert ((i, j) in found) == shared


def test_tiles_that_only_touch_show_different_ground():
    assert not list(overlapping([spot(0, 0), spot(10, 0), spot(0, 10), spot(-9.9, 0)]))


def test_most_of_a_set_is_not_tied_together():
    links = [(0, 1), (1, 2), (3, 4)]
    assert on_one_ground(links, 6) == [[0, 1, 2], [3, 4]]
    assert on_one_ground(links, 5) == [[3, 4]]
    assert on_one_ground([], 5) == []


def test_what_is_tested_on_ground_of_training_is_named():
    splits = ("train", "val", "test", "test", "")
    pairs = [pair(n, split) for n, split in enumerate(splits)]
    links = [(0, 2), (1, 2), (0, 1), (2, 3), (3, 4)]
    flaws = list(ground_flaws(pairs, links, pairs[0].image.parent.parent))
    assert [(flaw.path, flaw.detail) for flaw in flaws] == [
        (pairs[1].image, "in val, shows ground of images/0.png in train"),
        (pairs[2].image, "in test, shows ground of images/0.png in train"),
    ]


def tiles(folder, fields, each, step):
    """Tiles of 32 pixels of some fields, a step of pixels apart, with masks."""
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for field in range(fields):
        ground = rng.integers(0, 255, (3, 32, 32 + step * each)).astype(np.uint8)
        for n in range(each):
            place = Affine(0.5, 0, 600_000 + 5000 * field + n * step / 2, 0, -0.5, 5_700_000)
            known = {"driver": "GTiff", "height": 32, "width": 32, "dtype": "uint8",
                     "crs": "EPSG:32632", "transform": place}  # fmt: skip
            seen = ground[:, :, n * step : n * step + 32]
            for kind, bands in (("images", seen), ("masks", (seen[:1] > 100).astype(np.uint8))):
                path = folder / kind / f"tile{field}{n}{'abcdefgh'[n % 8]}.tif"
                with rasterio.open(path, "w", count=len(bands), **known) as file:
                    file.write(bands)
    return folder


@pytest.mark.parametrize("by", ["random", "stratified"])
def test_overlapping_tiles_stay_in_one_split(tmp_path, by):
    folder = tiles(tmp_path / "tiles", fields=8, each=6, step=16)
    found = check(folder, split=SplitConfig(by=by, val=0.2, test=0.2))
    fields = {}
    for one in found.pairs:
        fields.setdefault(one.image.name[4], set()).add(one.split)
    assert len(fields) == 8
    assert all(len(splits) == 1 for splits in fields.values())
    assert "ground-leak" not in {finding.kind for finding in found.findings}
    assert set(found.counts()) == {"train", "val", "test"}
    assert min(found.counts().values()) >= 6


def test_where_most_overlap_the_leak_is_said(tmp_path):
    folder = tiles(tmp_path / "tiles", fields=1, each=40, step=16)
    found = check(folder, split=SplitConfig(by="random", val=0.2, test=0.2))
    (leak,) = [one for one in found.findings if one.kind == "ground-leak"]
    assert leak.count > 5
    assert not found.stops
    assert "cut tiles that do not overlap" in leak.remedy


def test_tiles_side_by_side_are_drawn_one_by_one(tmp_path):
    folder = tiles(tmp_path / "tiles", fields=2, each=20, step=32)
    found = check(folder, split=SplitConfig(by="random", val=0.2, test=0.2))
    assert "ground-leak" not in {finding.kind for finding in found.findings}
    split = {one.split for one in found.pairs if one.image.name[4] == "0"}
    assert split == {"train", "val", "test"}


def test_a_spot_is_what_rasterio_says(tmp_path):
    turned = Affine.translation(5e5, 1e6) @ Affine.rotation(30) @ Affine.scale(2, -3)
    for name, place in (("a", Affine(0.25, 0, 10, 0, -0.5, 99)), ("b", turned)):
        path = tmp_path / f"{name}.tif"
        with rasterio.open(
            path, "w", driver="GTiff", height=20, width=30, count=1, dtype="uint8",
            crs="EPSG:3035", transform=place,
        ) as file:  # fmt: skip
            file.write(np.zeros((1, 20, 30), np.uint8))
        found = spot_of(path)
        corners = [place @ (x, y) for x in (0, 30) for y in (0, 20)]
        low, high = np.min(corners, axis=0), np.max(corners, axis=0)
        np.testing.assert_allclose(found.box, [*low, *high])
        assert found.side == pytest.approx(abs(place.determinant) ** 0.5)
        assert found.crs == "3035"


@pytest.mark.parametrize("damaged", [None, (), (float("nan"), 0.5, 0.0), (1.0,), "word"])
@pytest.mark.parametrize("lacking", [33550, 33922, 34735])
def test_half_a_place_is_none(tmp_path, lacking, damaged):
    tags = ImageFileDirectory_v2()
    known = {33550: (12, (0.5, 0.5, 0.0)), 33922: (12, (0.0,) * 6), 34735: (3, (1, 1, 0, 0))}
    for tag, (kind, values) in known.items():
        if tag == lacking and damaged and tag != 34735:
            tags.tagtype[tag] = 2 if damaged == "word" else 12
            tags[tag] = damaged
        elif tag != lacking:
            tags.tagtype[tag] = kind
            tags[tag] = values
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "a.tif", tiffinfo=tags)
    assert spot_of(tmp_path / "a.tif") is None
