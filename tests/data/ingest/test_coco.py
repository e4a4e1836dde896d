"""COCO files: what is painted, where images and splits are found, and what can be wrong."""

from pathlib import Path

import numpy as np
import pytest

from maskwright.data.images import read_mask
from maskwright.data.ingest.coco import looks_like, sources, split_of, unpack
from maskwright.errors import DataError

CATEGORIES = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}]


def image(number: int, name: str, height: int = 4, width: int = 6) -> dict:
    return {"id": number, "file_name": name, "height": height, "width": width}


def box(
    number: int, of: int, category: int, x: int, y: int, width: int, height: int, **more
) -> dict:
    corners = [x, y, x + width, y, x + width, y + height, x, y + height]
    return {
        "id": number,
        "image_id": of,
        "category_id": category,
        "segmentation": [corners],
        **more,
    }


def coco(images: list, annotations: list, categories: list = CATEGORIES, **more) -> dict:
    return {"images": images, "annotations": annotations, "categories": categories, **more}


@pytest.fixture
def write_set(tmp_path, photo, write_json):
    """A folder of images a.jpg and b.jpg, and a COCO file with these annotations on a.jpg."""

    def write(*annotations: dict, name: str = "annotations/instances.json", **more) -> Path:
        for stem in ("a", "b"):
            photo(tmp_path / f"set/images/{stem}.jpg")
        content = coco([image(1, "a.jpg"), image(2, "b.jpg")], list(annotations), **more)
        write_json(tmp_path / "set" / name, content)
        return tmp_path / "set"

    return write


def masks(plain) -> dict[str, list]:
    """The classes of each mask by the name of its image."""
    return {
        pair.image.name: plain.table.decode(read_mask(pair.mask)).tolist() for pair in plain.pairs
    }


# Masks


def test_the_example_by_hand(write_set, out):
    """A cat, a small dog over it, a crowd under both, another cat as compressed code."""
    source = write_set(
        box(1, 1, 7, 1, 1, 2, 1),
        box(2, 1, 3, 0, 0, 4, 3),
        box(3, 1, 7, 3, 0, 3, 2, iscrowd=1),
        {"id": 4, "image_id": 1, "category_id": 3, "iscrowd": 0,
         "segmentation": {"size": [4, 6], "counts": [21, 1, 2]}},
    )  # fmt: skip
    plain = unpack(source, out)
    assert plain.table.names == ["background", "cat", "dog"]
    assert plain.table.ignore == (255,)
    assert masks(plain) == {
        "a.jpg": [
            [1, 1, 1, 1, 255, 255],
            [1, 2, 2, 1, 255, 1],
            [1, 1, 1, 1, 0, 0],
            [0, 0, 0, 0, 0, 0],
        ],
        "b.jpg": [[0] * 6] * 4,
    }
    assert plain.root == source
    assert {pair.split for pair in plain.pairs} == {""}
    assert all(read_mask(pair.mask).kind == "palette" for pair in plain.pairs)


def test_of_two_objects_of_one_size_the_later_is_on_top(write_set, out):
    source = write_set(box(1, 1, 7, 0, 0, 2, 2), box(2, 1, 3, 1, 0, 2, 2))
    assert masks(unpack(source, out))["a.jpg"][0] == [2, 1, 1, 0, 0, 0]


def test_a_category_called_background_is_the_background(write_set, out):
    categories = [{"id": 0, "name": "Background"}, *CATEGORIES]
    source = write_set(box(1, 1, 3, 0, 0, 6, 4), box(2, 1, 0, 0, 0, 1, 4), categories=categories)
    plain = unpack(source, out)
    assert plain.table.names == ["background", "cat", "dog"]
    assert masks(plain)["a.jpg"][0] == [0, 1, 1, 1, 1, 1]


def test_a_category_that_only_stands_above_others_is_left_out(write_set, out):
    above = [
        {"id": 0, "name": "cell", "supercategory": "none"},
        {"id": 1, "name": "cell", "supercategory": "cell"},
        {"id": 2, "name": "dead", "supercategory": "cell"},
    ]
    source = write_set(box(1, 1, 1, 0, 0, 1, 1), categories=above)
    assert unpack(source, out).table.names == ["background", "cell", "dead"]


def test_a_category_above_others_that_is_used_stays(write_set, out):
    above = [
        {"id": 1, "name": "animal", "supercategory": ""},
        {"id": 2, "name": "cat", "supercategory": "animal"},
    ]
    source = write_set(box(1, 1, 1, 0, 0, 1, 1), categories=above)
    assert unpack(source, out).table.names == ["background", "animal", "cat"]


def test_an_image_is_painted_as_its_exif_flag_turns_it(tmp_path, photo, write_json, out):
    photo(tmp_path / "set/images/a.jpg", 4, 6, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03"
          b"\0\0\0\x01\0\x06\0\0\0\0\0\0")  # fmt: skip
    content = coco([image(1, "a.jpg", 6, 4)], [box(1, 1, 3, 0, 0, 4, 1)])
    write_json(tmp_path / "set/annotations/x.json", content)
    assert np.array(masks(unpack(tmp_path / "set", out))["a.jpg"]).shape == (6, 4)


# Where images, files and splits are


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("images/train2017/a.jpg", "a.jpg"),
        ("train2017/a.jpg", "a.jpg"),
        ("train/a.jpg", "a.jpg"),
        ("images/train/a.jpg", "a.jpg"),
        ("images/a.jpg", "a.jpg"),
        ("a.jpg", "a.jpg"),
        ("images/sub/a.jpg", "sub/a.jpg"),
        ("images/a.jpg", "images/a.jpg"),
        ("annotations/a.jpg", "a.jpg"),
        ("images/a.jpg", "/home/someone/a.jpg"),
        ("images/a.jpg", r"D:\photos\a.jpg"),
        ("images/a.jpg", "../../elsewhere/a.jpg"),
    ],
)
def test_an_image_is_found_in_any_of_the_usual_places(
    tmp_path, photo, write_json, out, place, name
):
    photo(tmp_path / "set" / place)
    content = coco([image(1, name)], [box(1, 1, 3, 0, 0, 1, 1)])
    write_json(tmp_path / "set/annotations/instances_train2017.json", content)
    (pair,) = unpack(tmp_path / "set", out).pairs
    assert pair.image == tmp_path / "set" / place
    assert pair.split == "train"


def test_images_of_one_name_in_two_splits_are_kept_apart(tmp_path, photo, write_json, out):
    for split, category in (("train", 3), ("valid", 7)):
        photo(tmp_path / f"set/{split}/a.jpg")
        content = coco([image(1, "a.jpg")], [box(1, 1, category, 0, 0, 6, 4)])
        write_json(tmp_path / f"set/{split}/_annotations.coco.json", content)
    plain = unpack(tmp_path / "set", out)
    found = {
        pair.split: (pair.mask.name, read_mask(pair.mask).values.max()) for pair in plain.pairs
    }
    assert found == {"train": ("a.png", 1), "val": ("a-2.png", 2)}


def test_a_file_alone_is_a_source_with_the_images_beside_it(tmp_path, photo, write_json, out):
    photo(tmp_path / "a.jpg")
    path = write_json(tmp_path / "labels.json", coco([image(1, "a.jpg")], []))
    assert looks_like(path)
    plain = unpack(path, out)
    assert (plain.root, plain.pairs[0].image) == (tmp_path, tmp_path / "a.jpg")


def test_a_file_in_annotations_has_its_root_above(write_set, out):
    source = write_set(box(1, 1, 3, 0, 0, 1, 1)) / "annotations/instances.json"
    assert unpack(source, out).root == source.parents[1]


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("set/annotations/instances_train2017.json", "train"),
        ("set/annotations/instances_default.json", ""),
        ("set/annotations/instances_Validation.json", "val"),
        ("set/annotations/image_info_test-dev2017.json", "test"),
        ("set/test/_annotations.coco.json", "test"),
        ("set/test.json", "test"),
        ("set/train_and_test.json", ""),
        ("set/labels.json", ""),
    ],
)
def test_the_split_is_in_the_name_of_the_file_or_its_folder(path, split):
    assert split_of(Path(path), Path("set")) == split


def test_the_name_of_the_whole_folder_says_no_split():
    assert split_of(Path("test/labels.json"), Path("test")) == ""


def test_other_json_files_are_passed_over(tmp_path, write_json):
    folder = tmp_path / "set/annotations"
    write_json(folder / "captions_val.json", {"images": [], "annotations": [], "info": {}})
    write_json(folder / "panoptic_val.json", coco([], [{"segments_info": []}]))
    write_json(folder / "tasks.json", [coco([], [])])
    write_json(folder / "._instances.json", coco([], []))
    (folder / "empty.json").touch()
    assert sources(tmp_path / "set") == []
    people = write_json(folder / "person_keypoints_val.json", coco([], []))
    assert sources(tmp_path / "set") == [people]
    objects = write_json(folder / "instances_val.json", coco([], []))
    assert sources(tmp_path / "set") == [objects]
    assert not looks_like(tmp_path / "gone")


# What two files say


def test_two_files_of_one_split_are_merged(write_set, write_json, out):
    source = write_set(box(1, 1, 3, 0, 0, 2, 1), name="annotations/instances_val.json")
    more = coco([image(9, "a.jpg")], [box(1, 9, 8, 3, 0, 2, 1)], [{"id": 8, "name": "sky"}])
    write_json(source / "annotations/stuff_val.json", more)
    plain = unpack(source, out)
    assert plain.table.names == ["background", "cat", "dog", "sky"]
    assert masks(plain)["a.jpg"][0] == [1, 1, 0, 3, 3, 0]


def test_an_image_in_two_splits_is_refused(write_set, write_json, out):
    source = write_set(name="annotations/train.json")
    write_json(source / "annotations/test.json", coco([image(1, "b.jpg")], []))
    with pytest.raises(
        DataError,
        match=r"b\.jpg is in test\.json \(test\) and in train\.json \(train\); keep it",
    ):
        unpack(source, out)


def test_a_category_with_two_names_is_refused(write_set, write_json, out):
    source = write_set()
    write_json(source / "annotations/z.json", coco([], [], [{"id": 3, "name": "cow"}]))
    with pytest.raises(
        DataError, match=r"z\.json calls category 3 cow, another file calls it cat; give all files"
    ):
        unpack(source, out)


# Mistakes


def test_missing_images_are_counted_and_named(tmp_path, write_json, out):
    names = [image(n, f"{n}.jpg") for n in range(5)]
    write_json(tmp_path / "set/annotations/x.json", coco(names, []))
    with pytest.raises(
        DataError,
        match=r"x\.json lists 5 images that are not there: 0\.jpg, 1\.jpg, 2\.jpg and 2 more; put "
        r"them into .*set/images, or take them out of the file",
    ):
        unpack(tmp_path / "set", out)


@pytest.mark.parametrize("name", ["", "..", "a\0.jpg", "x" * 300])
def test_names_that_no_image_can_have_are_missing(tmp_path, write_json, out, name):
    write_json(tmp_path / "set/annotations/x.json", coco([image(1, name)], []))
    with pytest.raises(DataError, match="lists 1 images that are not there"):
        unpack(tmp_path / "set", out)


def drawn(segmentation) -> dict:
    return {"id": 5, "image_id": 1, "category_id": 3, "segmentation": segmentation}


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (
            box(5, 99, 3, 0, 0, 1, 1),
            "5 is on an image 99 that the file does not list; delete it or",
        ),
        (box(5, "1", 3, 0, 0, 1, 1), "5 is on an image '1' that the file"),
        (box(5, [1], 3, 0, 0, 1, 1), r"5 is on an image \[1\] that the file"),
        ({"category_id": 3}, "number 0 is on an image None"),
        (box(5, 1, 4, 0, 0, 1, 1), r"5 is of a category 4 that the file does not list \(3, 7\)"),
        (box(5, 1, [3], 0, 0, 1, 1), r"5 is of a category \[3\] that"),
        (drawn(None), "5 has no segmentation, only a box at most"),
        (drawn([[1, 2, 3, 4]]), "5 has a polygon that is no list of x, y, x, y"),
        (
            drawn({"size": [6, 4], "counts": "0"}),
            r"5 is a mask of the size \[6, 4\], but its image",
        ),
        (
            drawn({"size": [4, 6], "counts": [3]}),
            "5 has a run-length code that does not make 4 × 6",
        ),
    ],
)
def test_a_malformed_annotation_is_named_with_its_file(write_set, out, annotation, words):
    with pytest.raises(DataError, match=rf"instances\.json: annotation {words}"):
        unpack(write_set(annotation), out)


def test_an_image_of_another_size_than_the_file_says_is_named(tmp_path, photo, write_json, out):
    photo(tmp_path / "set/images/a.jpg")
    write_json(tmp_path / "set/annotations/x.json", coco([image(1, "a.jpg", 6, 4)], []))
    with pytest.raises(
        DataError,
        match=r"x\.json says that a\.jpg is 4×6 pixels, but the file is 6×4; find the right images",
    ):
        unpack(tmp_path / "set", out)


def test_a_file_that_says_no_size_is_taken_at_the_size_of_the_image(
    tmp_path, photo, write_json, out
):
    photo(tmp_path / "set/images/a.jpg")
    write_json(tmp_path / "set/annotations/x.json", coco([{"id": "u1", "file_name": "a.jpg"}], []))
    assert masks(unpack(tmp_path / "set", out)) == {"a.jpg": [[0] * 6] * 4}


def named(*names: str) -> dict:
    return coco([], [], [{"id": number, "name": name} for number, name in enumerate(names)])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (coco([], []), "set lists no image; export it again with images"),
        (coco([5], []), r"x\.json: images is no list of JSON objects; export it again"),
        (coco({}, []), r"x\.json: images is no list of JSON objects; export it again"),
        (coco([{"id": 1}], []), r"x\.json: the image {'id': 1} needs an id and a file_name"),
        (coco([image(None, "a.jpg")], []), "needs an id and a file_name"),
        (coco([image(1, "a.jpg"), image(1, "b.jpg")], []), r"x\.json lists two images of the id 1"),
        (coco([], [], [{"id": 1}]), r"x\.json: the category {'id': 1} needs a number as id and a"),
        (coco([], [], [{"id": "1", "name": "a"}]), "needs a number as id and a name"),
        (named("a", "a", "b"), "set has 2 categories called a; give each its own name"),
        (named(), "set has 0 classes beside the background; have 1 to 253: label something, or m"),
        (named("background"), "set has 0 classes beside the background"),
        (named(*map(str, range(254))), "set has 254 classes beside the background; have 1 to 253"),
    ],
)
def test_a_malformed_file_is_named(tmp_path, photo, write_json, out, content, words):
    for name in ("a", "b"):
        photo(tmp_path / f"set/images/{name}.jpg")
    write_json(tmp_path / "set/annotations/x.json", content)
    with pytest.raises(DataError, match=words):
        unpack(tmp_path / "set", out)


def test_253_classes_are_not_too_many(tmp_path, photo, write_json, out):
    photo(tmp_path / "set/images/a.jpg")
    names = [{"id": n, "name": f"c{n}"} for n in range(253)]
    content = coco([image(1, "a.jpg")], [box(1, 1, 252, 0, 0, 1, 1)], names)
    write_json(tmp_path / "set/annotations/x.json", content)
    plain = unpack(tmp_path / "set", out)
    assert masks(plain)["a.jpg"][0][0] == 253
    assert len(plain.table) == 254


def test_a_broken_image_is_named(write_set, out):
    source = write_set()
    (source / "images/b.jpg").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"b\.jpg is not an image that can be read"):
        unpack(source, out)
