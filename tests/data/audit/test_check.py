"""The audit of whole folders: what it holds, what it lets pass, and how it splits."""

import json
from pathlib import Path

import numpy as np
import pytest
from folder import copy, kinds, manifest
from PIL import Image

from maskwright.config import SplitConfig
from maskwright.data.audit import AS_IT_IS, check
from maskwright.data.audit.facts import ImageFacts
from maskwright.data.images import RGB, Bands
from maskwright.data.kinds import KINDS, STOPS
from maskwright.errors import DataError

# What it holds


def test_an_audit_holds_the_pairs_the_table_and_what_was_seen(folder):
    found = check(folder)
    assert (found.data, found.listing.layout, found.bands) == (folder, "pairs", RGB)
    assert found.table.names == ["value_0", "value_1"]
    assert found.evidence == "grey values 0, 1"
    assert len(found.pairs) == len(found.facts) == 12
    assert all(isinstance(found.facts[pair.image].image, ImageFacts) for pair in found.pairs)
    assert {pair.split for pair in found.pairs} == {"train", "val", "test"}
    assert found.classes == ({0: 60, 1: 60},) * 12
    assert found.stops == []


def test_the_pixels_of_each_split_add_up(folder):
    found = check(folder)
    assert sum(found.pixels.values()).tolist() == [720, 720]
    for split, pixels in found.pixels.items():
        assert pixels.tolist() == [60 * sum(p.split == split for p in found.pairs)] * 2


def test_ignored_pixels_are_in_no_split(folder, save, table):
    save(folder / "masks" / "0.png", np.full((10, 12), 255, np.uint8))
    found = check(folder, table=table)
    assert sum(found.pixels.values()).tolist() == [660, 660]
    assert kinds(found)["ignored-mask"] == 1


def test_an_audit_becomes_json(folder):
    (folder / "images" / "3.png").write_bytes(b"")
    found = check(folder)
    told = json.loads(json.dumps(found.to_dict()))
    assert (told["images"], told["usable"], told["ok"]) == (12, 11, False)
    assert (told["layout"], told["encoding"]) == ("pairs", "index")
    assert [one["name"] for one in told["classes"]] == ["value_0", "value_1"]
    assert sum(told["splits"].values()) == 11
    assert told["findings"][0]["kind"] == "empty-file"
    assert told["findings"][0]["files"][0]["path"].endswith("images/3.png")


def test_an_audit_without_a_class_table_becomes_json_too(folder, save):
    for n in range(12):
        save(folder / "masks" / f"{n}.png", np.zeros((10, 12), np.uint8))
    told = json.loads(json.dumps(check(folder).to_dict()))
    assert (told["encoding"], told["classes"], told["ok"]) == (None, [], False)
    assert told["findings"][0]["kind"] == "one-value"


def test_nothing_to_list_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"none: no such folder or file"):
        check(tmp_path / "none")


def test_a_table_and_bands_override_those_of_the_data(folder, table):
    (folder / "dataset.toml").write_text("[bands]\ncount = 3\nlow = [1, 1, 1]\nhigh = [9, 9, 9]\n")
    assert check(folder).bands == Bands(3, (1.0,) * 3, (9.0,) * 3)
    found = check(folder, table=table, bands=RGB)
    assert (found.table, found.bands) == (table, RGB)


def test_one_pair_is_too_few_and_no_more_than_that(tmp_path, write_pairs):
    found = check(write_pairs(tmp_path, 1))
    assert kinds(found) == {"too-few": 1, "size": 1}
    assert found.findings[0].flaws[0].detail.startswith("1 image for train, too few to train on")


# Pairs that cannot be used


def test_pairs_with_a_flaw_that_stops_training_are_no_pairs(folder, save):
    (folder / "images" / "0.png").write_bytes(b"")
    (folder / "masks" / "1.png").write_text("hello")
    save(folder / "masks" / "2.png", np.zeros((20, 12), np.uint8))
    (folder / "masks" / "3.png").unlink()
    found = check(folder)
    assert {p.image.stem for p in found.pairs} == {str(n) for n in range(4, 12)}
    assert {f.kind for f in found.stops} == {
        "empty-file", "unreadable", "mask-shape", "image-without-mask"
    }  # fmt: skip
    assert len(found.facts) == 11
    assert len(found.classes) == len(found.pairs)


def test_where_no_pair_can_be_used_that_is_told(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    (tmp_path / "images" / "notes.txt").write_text("hello")
    found = check(tmp_path)
    assert kinds(found) == {"no-pairs": 1, "no-image": 1}
    assert (found.pairs, found.table, found.evidence) == ((), None, "none")
    assert found.pixels["train"].tolist() == []


def test_the_split_is_not_judged_where_pairs_are_left_out_and_it_would_be_drawn(folder):
    assert "thin-split" in kinds(check(folder))
    (folder / "images" / "0.png").write_bytes(b"")
    assert "thin-split" not in kinds(check(folder))


# What the data let pass


def test_allowed_findings_are_passed_over(folder):
    assert "same-mask" in kinds(check(folder))
    (folder / "dataset.toml").write_text('allow = ["same-mask"]\n')
    assert "same-mask" not in kinds(check(folder))


def stopped_by(folder: Path, save, kind: str) -> None:
    """Give the folder a flaw of one kind that stops training."""
    if kind == "listed-twice":
        manifest(folder, [f"{n},train," for n in (0, *range(12))])
    elif kind == "several-candidates":
        copy(folder, 0, 12)
        (folder / "masks" / "12.png").rename(folder / "masks" / "0_mask.png")
        (folder / "images" / "12.png").unlink()
    elif kind == "empty-file":
        (folder / "images" / "0.png").write_bytes(b"")
    elif kind == "mask-size":
        save(folder / "masks" / "0.png", np.eye(5, 6, dtype=np.uint8))
    elif kind == "mask-kind":
        save(folder / "masks" / "0.png", np.full((10, 12, 3), [255, 0, 0], np.uint8))
    elif kind == "image-without-mask":
        (folder / "masks" / "0.png").unlink()


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        ("listed-twice", 12),
        ("several-candidates", 12),
        ("empty-file", 11),
        ("mask-size", 11),
        ("mask-kind", 11),
        ("image-without-mask", 11),
    ],
)
def test_pairs_whose_flaw_is_allowed_are_used_where_that_can_be(folder, save, kind, left):
    stopped_by(folder, save, kind)
    assert [finding.kind for finding in check(folder).stops] == [kind]
    described = folder / "dataset.toml"
    before = described.read_text() if described.is_file() else ""
    described.write_text(f'{before}allow = ["{kind}"]\n')
    found = check(folder)
    assert found.stops == []
    assert kind not in kinds(found)
    assert len(found.pairs) == left


def test_only_findings_that_stop_training_are_told_to_be_used_as_they_are():
    assert {KINDS[kind].severity for kind in AS_IT_IS} == {STOPS}


# Odd sets


@pytest.mark.parametrize("side", [1, 2])
def test_images_of_a_pixel_or_two_end_in_findings(tmp_path, save, side):
    for n in range(12):
        values = np.random.default_rng(n).integers(0, 256, (side, side, 3)).astype(np.uint8)
        save(tmp_path / "images" / f"{n}.png", values)
        save(tmp_path / "masks" / f"{n}.png", np.full((side, side), n % 2, np.uint8))
    found = check(tmp_path)
    assert found.table.names == ["value_0", "value_1"]
    assert kinds(found)["size"] == 12


def test_images_of_one_colour_end_in_findings(folder, save):
    for n in range(12):
        save(folder / "images" / f"{n}.png", np.full((10, 12, 3), 20 * n, np.uint8))
    found = check(folder)
    assert kinds(found)["blank-image"] == 12
    assert found.stops == []


def test_two_images_of_one_bare_name_stop_training(folder, save):
    image = np.random.default_rng(99).integers(0, 256, (10, 12, 3)).astype(np.uint8)
    save(folder / "images" / "A_img.png", image)
    save(folder / "images" / "a.png", image)
    save(folder / "masks" / "a_mask.png", np.eye(10, 12, dtype=np.uint8))
    found = check(folder)
    assert [finding.kind for finding in found.stops] == [
        "image-without-mask", "several-candidates"
    ]  # fmt: skip
    assert len(found.pairs) == 12


def test_a_set_that_is_one_scene_is_dealt_out_and_says_so(folder, save):
    """Nothing that can be seen in a thumbnail changes, as where scratches are looked for."""
    scene = np.asarray(Image.open(folder / "images" / "0.png").convert("RGB")).copy()
    for n, path in enumerate(sorted((folder / "images").iterdir())):
        scene[n % 8, n // 8] ^= 8
        save(path, scene)
    found = check(folder, split=SplitConfig(by="stratified"))
    assert not found.stops
    assert kinds(found)["one-scene"] == 1
    assert "duplicate" not in kinds(found)
    assert min(found.counts().values()) >= 1
    assert [flaw.detail for f in found.findings for flaw in f.flaws if f.kind == "one-scene"] == [
        "12 images"
    ]
