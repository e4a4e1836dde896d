"""Each layout of a folder, and each way in which one can be wrong."""

from pathlib import Path

import pytest

from maskwright.data.folders import PETS_TABLE, camvid, manifest, pairs, pets
from maskwright.errors import DataError


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def found(listing) -> list[tuple[str, str, str]]:
    """(image, mask, split) of each pair, paths as seen from the root."""
    root = listing.root
    return [
        (p.image.relative_to(root).as_posix(), p.mask.relative_to(root).as_posix(), p.split)
        for p in listing.pairs
    ]


def flaws(listing) -> list[tuple[str, str]]:
    """(kind, file) of each flaw, paths as seen from the root."""
    return [(flaw.kind, flaw.path.relative_to(listing.root).as_posix()) for flaw in listing.flaws]


# pairs


@pytest.mark.parametrize("masks", ["masks", "labels", "annotations", "instances", "Masks"])
def test_images_and_masks_of_one_stem_are_pairs(tmp_path, masks):
    touch(tmp_path, "images/b.jpg", "images/a.PNG", f"{masks}/a.png", f"{masks}/b.tif")
    listing = pairs(tmp_path)
    assert (listing.layout, listing.table, listing.flaws) == ("pairs", None, ())
    assert found(listing) == [
        ("images/a.PNG", f"{masks}/a.png", ""),
        ("images/b.jpg", f"{masks}/b.tif", ""),
    ]


def test_of_several_folders_for_masks_the_first_is_taken(tmp_path):
    touch(tmp_path, "images/a.png", "instances/a.png", "labels/a.png")
    assert found(pairs(tmp_path)) == [("images/a.png", "labels/a.png", "")]


@pytest.mark.parametrize("val", ["val", "valid", "validation"])
def test_splits_may_lie_below_images_and_masks(tmp_path, val):
    for split, stem in (("train", "a"), (val, "b"), ("test", "c")):
        touch(tmp_path, f"images/{split}/{stem}.jpg", f"masks/{split}/{stem}.png")
    assert found(pairs(tmp_path)) == [
        ("images/train/a.jpg", "masks/train/a.png", "train"),
        (f"images/{val}/b.jpg", f"masks/{val}/b.png", "val"),
        ("images/test/c.jpg", "masks/test/c.png", "test"),
    ]


def test_splits_may_lie_above_images_and_masks(tmp_path):
    for split, stem in (("training", "a"), ("val", "b"), ("testing", "c")):
        touch(tmp_path, f"{split}/images/{stem}.jpg", f"{split}/labels/{stem}.png")
    assert found(pairs(tmp_path)) == [
        ("training/images/a.jpg", "training/labels/a.png", "train"),
        ("val/images/b.jpg", "val/labels/b.png", "val"),
        ("testing/images/c.jpg", "testing/labels/c.png", "test"),
    ]


def test_a_split_below_without_masks_is_an_error(tmp_path):
    touch(tmp_path, "images/train/a.jpg", "masks/train/a.png", "images/val/b.jpg")
    with pytest.raises(
        DataError, match=r"images/val has no folder of masks beside it: .*masks/val"
    ):
        pairs(tmp_path)


def test_the_flaws_of_names_come_with_the_pairs(tmp_path):
    touch(tmp_path, "images/a.jpg", "images/b.jpg", "images/notes.txt")
    touch(tmp_path, "masks/a_mask.png", "masks/c.png")
    assert flaws(pairs(tmp_path)) == [
        ("no-image", "images/notes.txt"),
        ("affix", "masks/a_mask.png"),
        ("mask-without-image", "masks/c.png"),
        ("image-without-mask", "images/b.jpg"),
    ]


# Oxford-IIIT Pet


@pytest.fixture
def pets_set(tmp_path) -> Path:
    """Four pets with the quirks of the real set, and lists that name three of them."""
    stems = ["Abyssinian_1", "Bengal_2", "beagle_3", "unlisted_4"]
    touch(tmp_path, *(f"images/{s}.jpg" for s in stems), "images/Abyssinian_1.mat")
    touch(tmp_path, *(f"annotations/trimaps/{s}.png" for s in stems))
    touch(tmp_path, "annotations/trimaps/._Abyssinian_1.png", "annotations/._trimaps")
    lists = tmp_path / "annotations"
    lists.joinpath("trainval.txt").write_text("# Image CLASS\nAbyssinian_1 1 1 1\n\nbeagle_3 5 2\n")
    lists.joinpath("test.txt").write_text("Bengal_2 2 1 1\n")
    return tmp_path


def test_pets_follow_the_official_lists(pets_set):
    listing = pets(pets_set)
    assert listing.layout == "pets"
    assert listing.table == PETS_TABLE
    assert [(image, split) for image, _, split in found(listing)] == [
        ("images/Abyssinian_1.jpg", "train"),
        ("images/beagle_3.jpg", "train"),
        ("images/Bengal_2.jpg", "test"),
    ]
    assert found(listing)[0][1] == "annotations/trimaps/Abyssinian_1.png"


def test_pets_that_no_list_names_and_files_that_are_no_images_are_noted(pets_set):
    assert flaws(pets(pets_set)) == [
        ("no-image", "images/Abyssinian_1.mat"),
        ("unlisted", "images/unlisted_4.jpg"),
    ]


def test_pets_without_lists_are_paired_by_stem(pets_set):
    for name in ("trainval.txt", "test.txt"):
        (pets_set / "annotations" / name).unlink()
    assert {split for _, _, split in found(pets(pets_set))} == {""}
    assert len(pets(pets_set).pairs) == 4


def test_listed_pets_that_are_not_there_are_named_and_no_pair(pets_set):
    (pets_set / "images" / "beagle_3.jpg").unlink()
    (pets_set / "annotations" / "trimaps" / "Abyssinian_1.png").unlink()
    listing = pets(pets_set)
    assert [image for image, _, _ in found(listing)] == ["images/Bengal_2.jpg"]
    missing = [flaw for flaw in listing.flaws if flaw.kind == "listed-missing"]
    assert [flaw.path.name for flaw in missing] == ["Abyssinian_1.png", "beagle_3.jpg"]
    assert {flaw.detail for flaw in missing} == {"named in trainval.txt"}
    assert missing[0].image == pets_set / "images" / "Abyssinian_1.jpg"


def test_a_listed_pet_without_its_trimap_is_not_called_unlisted(pets_set):
    (pets_set / "annotations" / "trimaps" / "Abyssinian_1.png").unlink()
    assert ("unlisted", "images/Abyssinian_1.jpg") not in flaws(pets(pets_set))


def test_a_list_in_another_encoding_is_named(pets_set):
    (pets_set / "annotations" / "test.txt").write_bytes(b"caf\xe9 1 1 1\n")
    with pytest.raises(DataError, match=r"test\.txt is not a list in UTF-8: .*; save it so"):
        pets(pets_set)


def test_trimaps_without_images_are_an_error(tmp_path):
    touch(tmp_path, "annotations/trimaps/a.png")
    with pytest.raises(
        DataError, match=r"trimaps has no folder of images with it: .*images is mis"
    ):
        pets(tmp_path)


# CamVid


def test_camvid_has_a_folder_of_masks_for_each_split(tmp_path):
    for split in ("train", "val", "test"):
        touch(tmp_path, f"{split}/x.png", f"{split}annot/x.png")
    listing = camvid(tmp_path)
    assert listing.layout == "camvid"
    assert found(listing) == [
        (f"{split}/x.png", f"{split}annot/x.png", split) for split in ("train", "val", "test")
    ]


def test_camvid_may_lack_a_split_but_not_its_masks(tmp_path):
    touch(tmp_path, "train/x.png", "trainannot/x.png")
    assert len(camvid(tmp_path).pairs) == 1
    touch(tmp_path, "test/y.png")
    with pytest.raises(
        DataError, match=r"test has no folder of masks beside it: .*testannot is mis"
    ):
        camvid(tmp_path)


@pytest.mark.parametrize("look", [pets, camvid, pairs])
def test_a_folder_that_is_laid_out_otherwise_is_not_theirs(tmp_path, look):
    assert look(touch(tmp_path, "photos/a.jpg", "train/a.png")) is None


# A CSV manifest


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_manifest_names_pairs_relative_to_its_folder(tmp_path):
    path = write(tmp_path / "m.csv", "\ufeffmask,image,group,split\r\nb.png,a.jpg,g1,val\r\n")
    (pair,) = manifest(path).pairs
    assert (pair.image, pair.mask) == (tmp_path / "a.jpg", tmp_path / "b.png")
    assert (pair.split, pair.group) == ("val", "g1")


def test_a_manifest_may_have_another_root_and_absolute_paths(tmp_path):
    path = write(tmp_path / "m.csv", "image,mask\na.jpg,/masks/a.png\n")
    (pair,) = manifest(path, Path("/data")).pairs
    assert (pair.image, pair.mask, pair.split) == (Path("/data/a.jpg"), Path("/masks/a.png"), "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"m\.csv has no column image; its first line must be image,mask"),
        ("image,label\n", r"has no column mask; its first line"),
        ("image,mask,splti\n", r"m\.csv has the column splti: did you mean split\?"),
        ("image,mask\na,b\n\nc,\n", "line 4 lacks an image or a mask; fill in both or delete it"),
        ("image,mask\nc\n", "line 2 lacks an image or a mask"),
        ("image,mask,split\na,b,tset\n", r"line 2 has the split tset: did you mean test\?"),
        (b"image,mask\n\xe9,b\n", r"m\.csv is not a CSV file in UTF-8: 'utf-8' codec"),
        ("image,mask\n" + "a" * 200_000 + ",b\n", r"is not a CSV file in UTF-8: field larger"),
    ],
)
def test_a_mistake_in_a_manifest_is_named_with_its_line(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        manifest(write(tmp_path / "m.csv", text))


def test_a_manifest_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"m\.csv cannot be read: No such file or directory; check"):
        manifest(tmp_path / "m.csv")


def test_a_manifest_that_names_a_file_at_the_root_does_not_look_through_the_disk(
    tmp_path, write_pairs
):
    folder = write_pairs(tmp_path / "data", 2)
    (folder / "images" / "deep" / "deeper").mkdir(parents=True)
    for place in ("more.png", "deep/deeper/other.png"):
        (folder / "images" / place).write_bytes((folder / "images" / "0.png").read_bytes())
    listed = tmp_path / "list.csv"
    listed.write_text("image,mask\ndata/images/0.png,data/masks/0.png\n/x.png,/y.png\n")
    named = [flaw.path for flaw in manifest(listed).flaws]
    assert [path.name for path in named if folder in path.parents] == [
        "1.png",
        "more.png",
    ]
