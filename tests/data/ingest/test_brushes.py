"""Label Studio's PNG export of brush strokes."""

from pathlib import Path

import numpy as np
import pytest

from maskwright.data.images import read_mask
from maskwright.data.ingest.brushes import looks_like, sources, unpack
from maskwright.errors import DataError


@pytest.fixture
def stroke(tmp_path, save):
    """Write a PNG of the export that is painted in these rows of 4×6 pixels."""

    def write(name: str, *rows: int, height: int = 4) -> Path:
        mask = np.zeros((height, 6), np.uint8)
        mask[list(rows)] = 128
        return save(tmp_path / "set" / name, mask)

    return write


def rows(plain) -> dict[str, list]:
    """The class of each row of each mask by the name of its image."""
    return {
        pair.image.name: plain.table.decode(read_mask(pair.mask))[:, 0].tolist()
        for pair in plain.pairs
    }


def test_strokes_of_a_task_become_one_mask(tmp_path, photo, stroke, out):
    stroke("task-3-annotation-8-by-1-tag-tree-0.png", 0, 1, 2)
    stroke("task-3-annotation-8-by-1-tag-tree-1.png", 3)
    stroke("task-3-annotation-8-by-1-tag-a cat-0.png", 1)
    stroke("task-12-annotation-9-by-me@here.org-brush-half-dead-0.png", 0)
    photo(tmp_path / "set/3.jpg")
    photo(tmp_path / "set/images/task-12.png")
    plain = unpack(tmp_path / "set", out)
    assert plain.table.names == ["background", "a cat", "half-dead", "tree"]
    assert rows(plain) == {"3.jpg": [3, 1, 3, 3], "task-12.png": [2, 0, 0, 0]}
    assert plain.root == tmp_path / "set"


def test_of_several_annotations_the_latest_counts(tmp_path, photo, stroke, out):
    stroke("task-1-annotation-10-by-1-tag-new-0.png", 0)
    stroke("task-1-annotation-10-by-1-tag-new-1.png", 2)
    stroke("task-1-annotation-9-by-1-tag-old-0.png", 1)
    photo(tmp_path / "set/1.jpg")
    plain = unpack(tmp_path / "set", out)
    assert plain.table.names == ["background", "new"]
    assert rows(plain) == {"1.jpg": [1, 0, 1, 0]}


@pytest.mark.parametrize(
    "content",
    [
        [{"id": 3, "image": "/data/upload/1a2b3c4d-cat.jpg", "annotation_id": 8}],
        [{"id": 3, "data": {"image": "cat.jpg"}}, {"id": 4, "data": {"image": "dog.jpg"}}],
    ],
)
def test_a_json_export_beside_them_tells_the_images(
    tmp_path, photo, stroke, write_json, out, content
):
    stroke("task-3-annotation-8-by-1-tag-cat-0.png", 0)
    photo(tmp_path / "set/images/cat.jpg")
    write_json(tmp_path / "set/min.json", content)
    write_json(tmp_path / "set/settings.json", {"id": 3, "image": "other.jpg"})
    assert rows(unpack(tmp_path / "set", out)) == {"cat.jpg": [1, 0, 0, 0]}


def test_other_folders_do_not_look_like_this_export(tmp_path, stroke):
    assert not looks_like(tmp_path)
    assert not looks_like(tmp_path / "gone")
    stroke("task-1.png", 0)
    stroke("task-1-annotation-x-by-1-tag-cat-0.png", 0)
    assert not looks_like(tmp_path / "set")
    path = stroke("task-1-annotation-2-by-1-tag-cat-0.png", 0)
    assert looks_like(tmp_path / "set")
    assert sources(tmp_path / "set") == [path]
    assert not looks_like(path)


def test_missing_images_are_counted_and_named(tmp_path, stroke, write_json, out):
    for number in range(1, 6):
        stroke(f"task-{number}-annotation-2-by-1-tag-cat-0.png", 0)
    write_json(tmp_path / "set/min.json", [{"id": 1, "image": "cat.jpg"}])
    with pytest.raises(
        DataError,
        match=r"set lacks the images of 5 tasks: cat\.jpg, 2\.jpg, 3\.jpg and 2 more; put them "
        r"into .*set/images, and beside the masks a JSON export, which tells their names",
    ):
        unpack(tmp_path / "set", out)


def test_a_stroke_of_another_size_than_its_image_is_named(tmp_path, photo, stroke, out):
    stroke("task-1-annotation-2-by-1-tag-cat-0.png", 0, height=5)
    photo(tmp_path / "set/1.jpg")
    with pytest.raises(
        DataError,
        match=r"tag-cat-0\.png is 6×5 pixels, but its image 6×4; find the right image",
    ):
        unpack(tmp_path / "set", out)


def test_a_task_without_an_image_in_the_json_is_named(tmp_path, stroke, write_json, out):
    stroke("task-1-annotation-2-by-1-tag-cat-0.png", 0)
    write_json(tmp_path / "set/min.json", [{"id": 1, "text": "cat"}])
    with pytest.raises(DataError, match=r"min\.json: task 1 names no image \(id, text\)"):
        unpack(tmp_path / "set", out)
