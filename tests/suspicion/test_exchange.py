"""What other programs import, read back; and the page."""

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from maskwright.data.images import read_mask
from maskwright.data.ingest import labelstudio
from maskwright.data.ingest.outlines import fill
from maskwright.errors import UsageError
from maskwright.suspicion import suspects
from maskwright.suspicion.exchange import root_of, served


class Page(HTMLParser):
    """The text of a page, and the attributes of its pictures."""

    def __init__(self, html):
        super().__init__()
        self.text, self.pictures = "", []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        assert tag != "script"
        if tag == "img":
            self.pictures.append(dict(attributes))

    def handle_data(self, data):
        self.text = " ".join(f"{self.text} {data}".split())


@pytest.fixture
def found(make_run, change, tmp_path):
    """The list of three masks whose object was left out, and its folder."""
    run = make_run(splits={f"{n:02}": ("train", "val", "test")[n // 10] for n in range(30)})
    for pair in run.dataset.of("val")[:3]:
        change(pair, np.zeros_like)
    rows = suspects(run, out=tmp_path / "out")
    assert len(rows) == 3
    return run, rows, tmp_path / "out"


def test_label_studio_tasks_that_are_accepted_are_read_as_the_mended_masks(found, tmp_path, data):
    run, rows, out = found
    tasks = json.loads((out / "label-studio.json").read_text())
    assert [task["data"]["rank"] for task in tasks] == [1, 2, 3]
    assert [task["data"]["score"] for task in tasks] == [row["score"] for row in rows]
    name = tasks[0]["data"]["image"].removeprefix("/data/local-files/?d=")
    assert name == rows[0]["image"]
    results = [r for task in tasks for p in task["predictions"] for r in p["result"]]
    assert len({result["id"] for result in results}) == len(results)
    for task in tasks:  # as if somebody had submitted what is shown
        task["annotations"] = [{**task.pop("predictions")[0], "was_cancelled": False}]
    export = tmp_path / "export"
    shutil.copytree(data / "images", export / "images")
    (export / "project.json").write_text(json.dumps(tasks))
    plain = labelstudio.unpack(export, export)
    assert plain.table.names[1:] == ["value_1"]
    for pair in plain.pairs:
        mended = plain.table.decode(read_mask(pair.mask))
        bright = run.predictor.read(pair.image).mean(axis=-1) > 115
        assert np.count_nonzero(mended != bright) <= 8  # corners


def test_the_labelling_interface_has_the_names_that_the_tasks_use(found):
    _, _, out = found
    # Label Studio answers an XML declaration with an error: it parses text that is decoded already.
    assert (out / "label-studio.xml").read_text().startswith("<View>")
    view = ElementTree.parse(out / "label-studio.xml").getroot()
    labels = view.find("PolygonLabels")
    (result, *_) = json.loads((out / "label-studio.json").read_text())[0]["predictions"][0][
        "result"
    ]
    assert (labels.get("name"), labels.get("toName")) == (result["from_name"], result["to_name"])
    assert view.find("Image").attrib["name"] == result["to_name"]
    assert view.find("Image").attrib["value"] == "$image"
    assert [label.get("value") for label in labels] == ["value_0", "value_1"]


def test_cvat_reads_names_sizes_and_polygons_in_pixels(found):
    run, rows, out = found
    top = ElementTree.parse(out / "cvat.xml").getroot()
    assert top.findtext("version") == "1.1"
    assert [one.text for one in top.iterfind("meta/task/labels/label/name")] == run.table.names
    images = top.findall("image")
    assert [one.get("name") for one in images] == [Path(row["image"]).name for row in rows]
    for one, row in zip(images, rows, strict=True):
        assert (one.get("width"), one.get("height")) == ("48", "48")
        polygons = one.findall("polygon")
        assert len(polygons) == len(row["regions"])
        assert {p.get("label") for p in polygons} == {"value_1"}
        assert {p.get("occluded") for p in polygons} == {"0"}
        points = [[float(x) for x in p.split(",")] for p in polygons[0].get("points").split(";")]
        painted = np.zeros((48, 48), np.uint8)
        fill(painted, np.array(points), 1)
        assert abs(int(painted.sum()) - row["area"]) <= 8
        y, x = (int(axis.min()) for axis in np.nonzero(painted))
        assert (x, y) == (row["x"], row["y"])


def test_paths_begin_where_they_are_told_to(found, data, tmp_path):
    run, rows, _ = found
    suspects(run, out=tmp_path / "other", image_root=data.parent)
    tasks = json.loads((tmp_path / "other/label-studio.json").read_text())
    assert tasks[0]["data"]["image"] == f"/data/local-files/?d=my%20set/{rows[0]['image']}"
    assert labelstudio.image_name(tasks[0]["data"], "it") == f"my set/{rows[0]['image']}"
    top = ElementTree.parse(tmp_path / "other/cvat.xml").getroot()
    assert top.find("image").get("name") == f"my set/{rows[0]['image']}"
    with pytest.raises(
        UsageError, match=r"--image-root .*masks does not hold .*png; name a folder"
    ):
        suspects(run, out=tmp_path / "third", image_root=data / "masks")


def test_images_outside_of_the_dataset_have_a_folder_above_both(tmp_path):
    images = [tmp_path / "a/images/1.png", tmp_path / "a/2.png"]
    assert root_of(images, None, tmp_path / "a/list") == (tmp_path / "a").resolve()
    assert root_of(images, None, tmp_path) == tmp_path.resolve()


def test_the_local_storage_is_never_the_document_root(tmp_path):
    root = tmp_path.resolve() / "cells"
    names = ["images/1.png", "images/2.png"]
    assert served([root / name for name in names], root) == (root, root / "images")
    for names in (["1.png", "images/2.png"], ["train/1.png", "val/1.png"], ["1.png"]):
        assert served([root / name for name in names], root) == (root.parent, root)


def test_images_right_in_the_dataset_are_served_from_the_folder_above(
    make_run, change, data, tmp_path
):
    for image in (data / "images").iterdir():
        image.rename(data / image.name)
    rows = "".join(f"{n:02}.png,masks/{n:02}.png\n" for n in range(30))
    (data / "pairs.csv").write_text("image,mask\n" + rows)
    (data / "dataset.toml").write_text('manifest = "pairs.csv"\n')
    run = make_run(splits={f"{n:02}": ("train", "val", "test")[n // 10] for n in range(30)})
    change(run.dataset.of("val")[0], np.zeros_like)
    (row,) = suspects(run, out=tmp_path / "out")
    (task,) = json.loads((tmp_path / "out/label-studio.json").read_text())
    assert task["data"]["image"] == f"/data/local-files/?d=my%20set/{row['image']}"
    page = Page((tmp_path / "out/suspects.html").read_text(encoding="utf-8"))
    above, folder = data.resolve().parent.as_posix(), str(data.resolve())
    assert f"FILES_DOCUMENT_ROOT={above} label-studio start" in page.text
    assert f"with the absolute path {folder} . End with" in page.text


def test_the_page_says_and_shows_it_and_loads_nothing(found):
    run, rows, out = found
    html = (out / "suspects.html").read_text(encoding="utf-8")
    page = Page(html)
    assert "3 of 10 validation masks are disputed in places." in page.text
    for row in rows:
        assert f"{row['rank']}. {row['image']}" in page.text
    assert "given as value_0, predicted as value_1" in page.text
    assert "A suspect mask is a question, not a mistake" in page.text
    pictures = page.pictures
    assert len(pictures) == 3
    assert all(one["src"].startswith("data:image/jpeg;base64,") for one in pictures)
    assert pictures[0]["alt"].startswith(rows[0]["image"])
    assert "://" not in html
    assert f"maskwright suspects {run.path.as_posix()} --out suspects-again" in page.text
    assert (
        f"FILES_DOCUMENT_ROOT='{run.dataset.root.resolve().as_posix()}' label-studio" in page.text
    )


def test_names_from_files_are_escaped(make_run, change, data, tmp_path):
    (data / "dataset.toml").write_text(
        '[[classes]]\nname = "<b>ground</b>"\nvalues = [0]\n'
        '[[classes]]\nname = "a & \\"b\\""\nvalues = [1]\n'
    )
    for folder in ("images", "masks"):
        (data / folder / "12.png").rename(data / folder / "<i>'12.png")
    splits = {f"{n:02}": "val" if n > 10 else "train" for n in range(30)}
    run = make_run(splits=splits | {"<i>'12": "val"})
    pair = next(pair for pair in run.dataset.pairs if "<i>" in pair.image.name)
    change(pair, np.zeros_like)
    (row,) = suspects(run, out=tmp_path / "out")
    html = (tmp_path / "out/suspects.html").read_text(encoding="utf-8")
    assert "<i>" not in html
    assert "<b>" not in html
    assert "<i>'12.png" in Page(html).text
    image = ElementTree.parse(tmp_path / "out/cvat.xml").getroot().find("image")
    assert image.get("name") == "<i>'12.png"
    assert image.find("polygon").get("label") == 'a & "b"'
    assert row["predicted"] == 'a & "b"'
    (picture,) = (tmp_path / "out/pictures").iterdir()
    assert picture.name == "001-_i_12.jpg"


def test_a_remark_stands_on_the_page_too(found, tmp_path):
    run, _, _ = found
    suspects(run, out=tmp_path / "tested", split="test")
    page = Page((tmp_path / "tested/suspects.html").read_text(encoding="utf-8"))
    assert "None of 10 test masks is disputed" in page.text
    assert "These are test images" in page.text
    assert f"maskwright suspects {run.path.as_posix()} --split test --out" in page.text


def test_a_page_that_is_full_tells_the_rest_without_pictures(found, tmp_path, monkeypatch):
    run, rows, _ = found
    monkeypatch.setattr("maskwright.suspicion.page.ROOM", 1)
    suspects(run, out=tmp_path / "full")
    page = Page((tmp_path / "full/suspects.html").read_text(encoding="utf-8"))
    assert len(page.pictures) == 1
    assert f"3. {rows[2]['image']}" in page.text
