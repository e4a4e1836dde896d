"""Label Studio's JSON export: regions by hand, which annotation counts, and what can be wrong."""

from pathlib import Path

import numpy as np
import pytest

from maskwright.data.images import read_mask
from maskwright.data.ingest.labelstudio import find_image, image_name, looks_like, sources, unpack
from maskwright.errors import DataError


def region(kind: str, name: str, size: tuple[int, int] = (4, 6), **value: object) -> dict:
    return {
        "id": "r1",
        "type": kind,
        "original_height": size[0],
        "original_width": size[1],
        "image_rotation": 0,
        "value": {kind: [name], **value},
    }


def polygon(name: str, *corners: tuple[float, float]) -> dict:
    """A polygon whose corners are given in pixels of a 6×4 image."""
    points = [[x / 6 * 100, y / 4 * 100] for x, y in corners]
    return region("polygonlabels", name, points=points, closed=True)


def left_half(name: str) -> dict:
    return region("rectanglelabels", name, x=0, y=0, width=50, height=100, rotation=0)


def task(number: int, image: str, *results: dict, **more: object) -> dict:
    annotation = {"id": number, "result": list(results), "was_cancelled": False}
    return {"id": number, "data": {"image": image}, "annotations": [annotation], **more}


@pytest.fixture
def write_export(tmp_path, photo, write_json):
    """An export of these tasks, with images of 6×4 pixels a.jpg and b.jpg in images/."""

    def write(*tasks: dict) -> Path:
        for stem in ("a", "b"):
            photo(tmp_path / f"set/images/{stem}.jpg")
        return write_json(tmp_path / "set/project.json", list(tasks))

    return write


def masks(plain) -> dict[str, list]:
    return {
        pair.image.name: plain.table.decode(read_mask(pair.mask)).tolist() for pair in plain.pairs
    }


# Regions


def test_a_brush_stroke_is_painted_where_its_alpha_is_not_zero(write_export, pack_words, out):
    pixels = np.zeros((4, 6, 4), np.int64)
    pixels[..., :3] = 200  # colour alone is no paint
    pixels[1, 2:5] = 255, 0, 0, 128
    pixels[2, 0] = 0, 0, 0, 1
    stroke = region("brushlabels", "cat", format="rle", rle=pack_words(pixels.ravel()))
    plain = unpack(write_export(task(1, "a.jpg", stroke)), out)
    assert plain.table.names == ["background", "cat"]
    assert masks(plain) == {
        "a.jpg": [[0] * 6, [0, 0, 1, 1, 1, 0], [1, 0, 0, 0, 0, 0], [0] * 6],
    }


def test_polygons_rectangles_and_ellipses_are_painted(write_export, out):
    results = [
        polygon("p", (0, 0), (2, 0), (2, 1), (0, 1)),
        region("rectanglelabels", "r", x=100 / 6 * 3, y=0, width=50, height=25, rotation=0),
        region("ellipselabels", "e", x=25, y=75, radiusX=25, radiusY=25, rotation=0),
        region("rectanglelabels", "t", x=100, y=50, width=100 / 3, height=50 / 3, rotation=90),
    ]
    plain = unpack(write_export(task(1, "a.jpg", *results)), out)
    assert plain.table.names == ["background", "e", "p", "r", "t"]
    assert masks(plain)["a.jpg"] == [
        [2, 2, 0, 3, 3, 3],
        [0, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 4],
        [1, 1, 1, 0, 0, 4],
    ]


def test_later_regions_are_painted_over_earlier_ones(write_export, out):
    whole = region("rectanglelabels", "sky", x=0, y=0, width=100, height=100)
    for first, second, row in (
        (whole, left_half("cat"), [1, 1, 1, 2, 2, 2]),
        (left_half("cat"), whole, [2] * 6),
    ):
        path = write_export(task(1, "a.jpg", first, second))
        (out / f"{row[5]}{row[0]}").mkdir()
        assert masks(unpack(path, out / f"{row[5]}{row[0]}"))["a.jpg"][0] == row


def test_a_label_called_background_wipes_out(write_export, out):
    whole = region("rectanglelabels", "cat", x=0, y=0, width=100, height=100)
    plain = unpack(write_export(task(1, "a.jpg", whole, left_half("Background"))), out)
    assert plain.table.names == ["background", "cat"]
    assert masks(plain)["a.jpg"][0] == [0, 0, 0, 1, 1, 1]


def test_shapes_with_labels_apart_count_and_other_results_do_not(write_export, out):
    results = [
        region("labels", "cat", x=0, y=0, width=50, height=100),
        region("rectangle", "cat", x=0, y=0, width=100, height=100),
        region("choices", "sunny"),
        region("labels", "a word", start=1, end=5),
        {"type": "relation", "from_id": "r1"},
    ]
    plain = unpack(write_export(task(1, "a.jpg", *results)), out)
    assert masks(plain)["a.jpg"] == [[1, 1, 1, 0, 0, 0]] * 4


def test_an_annotated_image_without_a_region_is_background(write_export, out):
    plain = unpack(write_export(task(1, "a.jpg", left_half("cat")), task(2, "b.jpg")), out)
    assert masks(plain)["b.jpg"] == [[0] * 6] * 4
    assert plain.root == (out.parent / "set")
    assert {pair.split for pair in plain.pairs} == {""}


# Which annotation counts


def versions(*annotations: tuple[str, str, bool]) -> dict:
    """A task with annotations of (name, date, cancelled)."""
    made = [
        {"result": [left_half(name)], "updated_at": date, "was_cancelled": cancelled}
        for name, date, cancelled in annotations
    ]
    return {"id": 1, "data": {"image": "a.jpg"}, "annotations": made}


@pytest.mark.parametrize(
    ("annotations", "name"),
    [
        ([("old", "2024-01-01T10:00:00Z", False), ("new", "2024-01-02T10:00:00Z", False)], "new"),
        ([("new", "2024-01-02T10:00:00Z", False), ("old", "2024-01-01T10:00:00Z", False)], "new"),
        ([("old", "2024-01-01T10:00:00Z", False), ("new", "2024-01-02T10:00:00Z", True)], "old"),
        ([("first", "", False), ("second", "", False)], "second"),
    ],
)
def test_the_latest_annotation_that_was_not_cancelled_counts(write_export, out, annotations, name):
    assert unpack(write_export(versions(*annotations)), out).table.names[1] == name


def test_the_old_name_of_annotations_is_understood(write_export, out):
    old = {"id": 1, "data": {"image": "a.jpg"}, "completions": [{"result": [left_half("cat")]}]}
    assert masks(unpack(write_export(old), out))["a.jpg"][0] == [1, 1, 1, 0, 0, 0]


def test_tasks_that_are_not_annotated_are_left_out_and_named(write_export, out, capsys):
    bare = {"id": 2, "data": {"image": "b.jpg"}, "annotations": []}
    plain = unpack(write_export(task(1, "a.jpg", left_half("cat")), bare), out)
    assert list(masks(plain)) == ["a.jpg"]
    assert "left out, for lack of an annotation: 1 image (b.jpg)" in capsys.readouterr().err


# Images


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"image": "/data/upload/3/1a2b3c4d-cat.jpg"}, "data/upload/3/1a2b3c4d-cat.jpg"),
        ({"image": "https://host/a/red%20cat.jpg?X-Amz=1&d"}, "a/red cat.jpg"),
        ({"image": "s3://bucket/folder/cat.png"}, "folder/cat.png"),
        ({"image": "/data/local-files/?d=folder/cat.png"}, "folder/cat.png"),
        ({"text": "no.", "n": 5, "photo": "cat.TIF", "other": "dog.png"}, "cat.TIF"),
        ({"other": "dog.png", "image": "no-ending"}, "no-ending"),
        ({"image": "http://[half/cat.jpg"}, "http://[half/cat.jpg"),
    ],
)
def test_the_image_of_a_task_is_found_in_its_data(data, name):
    assert image_name(data, "task 1") == name


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("cat.jpg", "data/upload/3/cat.jpg"),
        ("images/cat.jpg", "data/upload/3/cat.jpg"),
        ("upload/3/cat.jpg", "data/upload/3/cat.jpg"),
        ("upload/cat.jpg", "data/upload/3/cat.jpg"),
        ("media/upload/3/cat.jpg", "data/upload/3/cat.jpg"),
        ("images/cat.jpg", "1a2b3c4d-cat.jpg"),
        ("images/1a2b3c4d-cat.jpg", "1a2b3c4d-cat.jpg"),
        ("images/sub/cat.jpg", "sub/cat.jpg"),
        ("images/cat.jpg", "C:\\photos\\cat.jpg"),
    ],
)
def test_an_image_is_found_in_any_of_the_usual_places(tmp_path, photo, place, name):
    photo(tmp_path / place)
    assert find_image(name, tmp_path) == tmp_path / place


def test_an_image_is_found_by_as_much_of_its_path_as_is_there(tmp_path, photo):
    for folder in ("a", "b"):
        photo(tmp_path / f"images/{folder}/1.jpg")
    assert find_image("b/1.jpg", tmp_path) == tmp_path / "images/b/1.jpg"
    assert find_image("c/1.jpg", tmp_path) is None
    assert find_image("notahash-1.jpg", tmp_path) is None


def test_only_lists_of_tasks_look_like_an_export(tmp_path, write_json, write_export):
    write_json(tmp_path / "set/coco.json", {"data": 1, "result": 2, "annotations": 3})
    write_json(tmp_path / "set/minimal.json", [{"id": 1, "image": "a.jpg", "annotations": 2}])
    (tmp_path / "set/broken.json").write_bytes(b"\xff")
    assert not looks_like(tmp_path / "set")
    path = write_export(task(1, "a.jpg"))
    assert sources(tmp_path / "set") == sources(path) == [path]
    assert not looks_like(tmp_path / "set/images/a.jpg")


# Mistakes


def test_missing_images_are_counted_and_named(write_export, out):
    tasks = [task(n, f"{n}.jpg", left_half("cat")) for n in range(5)]
    with pytest.raises(
        DataError,
        match=r"project\.json names 5 images that are not there: 0\.jpg, 1\.jpg, 2\.jpg and 2 more"
        r"; put them into .*set/images",
    ):
        unpack(write_export(*tasks), out)


def test_an_export_without_an_annotation_is_named(write_export, out):
    with pytest.raises(DataError, match=r"project\.json has no annotated task; annotate and subm"):
        unpack(write_export({**versions(("cat", "", True)), "predictions": [{"result": []}]}), out)


def test_two_tasks_on_one_image_are_refused(write_export, out):
    tasks = [task(1, "a.jpg", left_half("cat")), task(2, "x/a.jpg", left_half("cat"))]
    with pytest.raises(
        DataError, match=r"task 2 has the image x/a\.jpg, as another task; delete one of them"
    ):
        unpack(write_export(*tasks), out)


def stroke(rle: object) -> dict:
    return region("brushlabels", "cat", format="rle", rle=rle)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (stroke([0, 0, 0, 8, 57, 27, 255]), "r1 packs 8 values, not the 96 of its width × height"),
        (stroke([0, 0, 0, 96, 57]), "r1 breaks off after 5 bytes"),
        (stroke([0, 256]), "r1 has a brush stroke that is no list of bytes; export it again"),
        (stroke("text"), "r1 has a brush stroke that is no list of bytes"),
        (stroke(None), "r1 has a brush stroke that is no list of bytes"),
        (polygon("cat", (0, 0), (1, 1)), "r1 has a polygon that is no list of three points"),
        (polygon("cat", (0, 0), (1, 1), (1, float("nan"))), "r1 has a polygon that is no list of"),
        (region("polygonlabels", "cat", points=5), "r1 has a polygon that is no list of three"),
        (region("polygonlabels", "cat", points=[[1], [2, 3], [4]]), "r1 has a polygon that is no"),
        (region("polygonlabels", "cat", points=[[10**400, 0]]), "r1 has a polygon that is no"),
        (region("rectanglelabels", "cat", x=0, width=5), "r1 lacks one of x, y, width, height as"),
        (region("ellipselabels", "cat", x=0, y="1", radiusX=5), "r1 lacks one of x, y, radiusX, r"),
        (left_half("cat") | {"image_rotation": 90}, "r1 is on an image turned by 90° in Label Stu"),
        (left_half("cat") | {"original_width": 5}, "r1 is on an image of 5×4 pixels, but the file"),
        (left_half("cat") | {"value": {"x": 1, "width": 1}}, "r1 has the labels None; give each r"),
        (region("labels", "cat", labels=["a", "b"], width=1), r"r1 has the labels \['a', 'b'\]; g"),
        (region("labels", "cat", labels=[5], width=1), r"r1 has the labels \[5\]; give each"),
    ],
)
def test_a_malformed_region_is_named_with_its_task(write_export, out, result, words):
    with pytest.raises(DataError, match=rf"project\.json: task 1, region {words}"):
        unpack(write_export(task(1, "a.jpg", result)), out)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([5, "data", "result", "annotations"], r"project\.json is no list of JSON objects"),
        ([task(1, "a.jpg", result=[]) | {"annotations": [5]}], "task 1 is no list of JSON objects"),
        ([task(1, "a.jpg") | {"annotations": [{"result": [5]}]}], "task 1 is no list of JSON obj"),
        (
            [task(1, "a.jpg") | {"data": {"text": "a", "n": 5}}],
            r"task 1 names no image \(text, n\)",
        ),
        ([task(1, "a.jpg") | {"data": 5}], r"task 1 names no image \(no data\); export it again"),
        ([task(1, "a.jpg")], "project.json has 0 classes beside the background; have 1 to 253"),
    ],
)
def test_a_malformed_export_is_named(write_export, write_json, out, content, words):
    path = write_json(write_export(), content)
    with pytest.raises(DataError, match=words):
        unpack(path, out)
