"""check --init writes a dataset.toml that can be edited and reads back as what was found."""

import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maskwright.data.audit import check
from maskwright.data.described import write_described
from maskwright.data.images import Bands
from maskwright.errors import DataError, UsageError


@pytest.fixture
def folder(tmp_path, write_pairs) -> Path:
    return write_pairs(tmp_path / "data", 6)


def test_what_is_written_reads_back_as_what_was_found(folder):
    found = check(folder)
    assert write_described(found) == folder / "dataset.toml"
    again = check(folder)
    assert (again.table, again.bands, again.pairs) == (found.table, found.bands, found.pairs)
    assert again.listing.table == found.table
    assert (folder / "dataset.toml").read_text().startswith("# What the images and masks in this")


def test_what_is_written_can_be_edited(folder):
    path = write_described(check(folder))
    text = path.read_text().replace('"value_1"', '"thing"').replace("ignore = []", "ignore = [9]")
    path.write_text('allow = ["same-mask"]\n' + text)
    found = check(folder)
    assert found.table.names == ["value_0", "thing"]
    assert found.table.ignore == (9,)
    assert "same-mask" not in {finding.kind for finding in found.findings}


def test_object_numbers_and_bands_are_described(tmp_path, save):
    for n in range(9):
        values = np.zeros((60, 60), np.uint8)
        for k in range(9 + n):
            values[6 * (k // 6) + 1 : 6 * (k // 6) + 5, 10 * (k % 6) + 1 : 10 * (k % 6) + 8] = k + 1
        noise = np.random.default_rng(n).integers(0, 900, (60, 60)).astype(np.uint16)
        save(tmp_path / "images" / f"{n}.png", noise)
        save(tmp_path / "masks" / f"{n}.png", values)
    found = check(tmp_path)
    described = tomllib.loads(write_described(found).read_text())
    assert described["encoding"] == "instances"
    assert described["classes"][1]["values"] == []
    assert described["bands"]["count"] == 3
    assert check(tmp_path).bands == found.bands != Bands()
    assert check(tmp_path).table == found.table


def test_the_classes_of_a_manifest_are_written_beside_it(folder):
    rows = [f"images/{n}.png,masks/{n}.png" for n in range(4)]
    (folder / "some.csv").write_text("\n".join(["image,mask", *rows]))
    path = write_described(check(folder / "some.csv"))
    assert path == folder / "dataset.toml"
    assert tomllib.loads(path.read_text())["manifest"] == "some.csv"
    assert len(check(folder).listing.pairs) == 4


@pytest.mark.parametrize("manifest", [False, True])
def test_where_no_class_can_be_told_an_example_is_written(folder, save, manifest):
    for n in range(6):
        save(folder / "masks" / f"{n}.png", np.zeros((10, 12), np.uint8))
    data = folder
    if manifest:
        data = folder / "m.csv"
        data.write_text("image,mask\nimages/0.png,masks/0.png\n")
    described = tomllib.loads(write_described(check(data)).read_text())
    assert [one["name"] for one in described["classes"]] == ["background", "thing"]
    assert described["encoding"] == "index"
    assert ("manifest" in described) == manifest
    assert check(folder).table.names == ["background", "thing"]


def test_one_that_is_there_is_not_written_over(folder):
    path = write_described(check(folder))
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"dataset\.toml already exists; edit it, or remove it f"):
        write_described(check(folder))
    assert path.read_bytes() == before


def test_a_toml_of_another_name_is_to_be_edited_itself(folder):
    (folder.parent / "my.toml").write_text('root = "data"\n')
    with pytest.raises(UsageError, match=r"my\.toml describes the data already; edit it"):
        write_described(check(folder.parent / "my.toml"))
    assert not (folder.parent / "dataset.toml").exists()


@pytest.mark.parametrize("kind", ["coco", "zip"])
def test_an_export_is_not_hidden_by_one(folder, tmp_path, kind):
    export = tmp_path / "my cells"
    if kind == "zip":
        export = Path(shutil.make_archive(str(export), "zip", folder))
    else:
        shutil.copytree(folder / "images", export / "images")
        (export / "annotations").mkdir()
        coco = {"images": [], "annotations": [], "categories": []}
        (export / "annotations" / "all.json").write_text(json.dumps(coco))
    found = replace(check(folder), data=export)
    message = (
        f"my cells.* is an export, and a dataset.toml in its place would hide it; write a copy of "
        f"plain images and masks by maskwright check '{export}' --repair NEW and edit the data"
    )
    with pytest.raises(UsageError, match=message):
        write_described(found)
    assert not list(tmp_path.rglob("dataset.toml"))


def test_a_folder_that_cannot_be_written_to_is_named(folder, monkeypatch):
    found = check(folder)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(
        DataError, match=r"dataset\.toml cannot be written \(Permission denied\); copy the data"
    ):
        write_described(found)
