"""After a repair the check is clean, no source file has changed, repair.csv says what was done."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from defects import COUNT, DEFECTS, image, mask
from PIL import Image

from maskwright.config import SplitConfig
from maskwright.data.audit import check
from maskwright.data.audit.repair import repair
from maskwright.data.findings import LOWERS, STOPS
from maskwright.errors import DataError, UsageError

# What a repair cannot or need not mend: what is wrong with the set as a whole, or only noted.
STAYS = {"rare-class", "absent-class", "class-not-in-split", "few-images", "thin-split",
         "same-mask", "group-leak", "ground-leak", "depth"}  # fmt: skip
UNREPAIRABLE = {"one-value", "no-classes"}


def contents(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def done(out: Path) -> dict[str, dict[str, str]]:
    with (out / "repair.csv").open(newline="", encoding="utf-8") as file:
        return {row["source"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    "name", [name for name, (kind, _) in DEFECTS.items() if kind not in UNREPAIRABLE]
)
def test_after_repair_the_check_is_clean(root, tmp_path, name):
    _, damage = DEFECTS[name]
    damage(root)
    before = contents(root)
    made = repair(check(root), tmp_path / "out")
    again = check(tmp_path / "out")
    serious = {f.kind for f in again.findings if f.severity in (STOPS, LOWERS)}
    assert serious <= STAYS
    assert contents(root) == before
    assert len(again.pairs) == len(made.pairs)
    assert len(made.pairs) >= (9 if name == "very_few_images" else COUNT - 1)


@pytest.mark.parametrize("kind", sorted(UNREPAIRABLE))
def test_a_set_without_a_class_table_is_not_repaired(root, tmp_path, kind):
    damage = next(damage for found, damage in DEFECTS.values() if found == kind)
    damage(root)
    with pytest.raises(DataError, match=r"cannot be repaired: its masks do not show what the cl"):
        repair(check(root), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_existing_folder_is_refused(root, tmp_path):
    with pytest.raises(UsageError, match=r"--repair .*set already exists; name a new folder"):
        repair(check(root), root)


def test_a_set_of_which_nothing_is_left_is_an_error(tmp_path, root):
    for n in range(COUNT):
        image(root, n).write_bytes(b"")
    with pytest.raises(DataError, match="nothing is left after repair; left out: empty files"):
        repair(check(root), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out.part").exists()


def test_the_masks_of_a_clean_set_mean_the_same_after_repair(root, tmp_path):
    found = check(root)
    made = repair(found, tmp_path / "out")
    again = check(tmp_path / "out")
    assert again.table.names == found.table.names
    for old, new in zip(found.pairs, again.pairs, strict=True):
        truth = np.asarray(Image.open(old.mask))
        np.testing.assert_array_equal(np.asarray(Image.open(new.mask)), truth)
        assert new.image.read_bytes() == old.image.read_bytes()
    assert made.in_words().startswith(f"{COUNT} pairs in ")


def test_repair_csv_says_what_was_done(root, tmp_path):
    DEFECTS["a_mask_of_half_the_size"][1](root)
    flipped = DEFECTS["a_mask_mirrored_left_to_right"][1](root)
    out = tmp_path / "out"
    made = repair(check(root), out)
    rows = done(out)
    resized = rows[f"masks/{mask(root).name}"]
    assert "resized from" in resized["what"]
    assert resized["into"] == f"masks/{mask(root).name}"
    assert rows[f"masks/{flipped.name}"]["what"].startswith("left out: masks that fit their images")
    assert rows[f"masks/{flipped.name}"]["into"] == ""
    (its,) = (
        row for name, row in rows.items() if Path(name).stem == flipped.stem and "images" in name
    )
    assert its["what"].startswith(f"left out with masks/{flipped.name}: masks that fit")
    assert rows[f"images/{image(root, 0).name}"]["what"] == "copied"
    assert len(rows) == 2 * COUNT
    assert f"{COUNT - 1} pairs in {out}, 2 files left out" in made.in_words()


def test_a_resized_mask_is_the_nearest_neighbour(root, tmp_path):
    path = mask(root)
    truth = np.asarray(Image.open(path))
    truth = truth[: truth.shape[0] // 2 * 2, : truth.shape[1] // 2 * 2]
    DEFECTS["a_mask_of_half_the_size"][1](root)
    half = np.asarray(Image.open(path))
    repair(check(root), tmp_path / "out")
    mended = np.asarray(Image.open(tmp_path / "out" / "masks" / path.name))
    np.testing.assert_array_equal(mended, half.repeat(2, axis=0).repeat(2, axis=1))
    assert (mended == truth).mean() > 0.9


def test_a_mask_saved_as_colours_gets_its_classes_back(root, tmp_path):
    truth = np.asarray(Image.open(mask(root)))
    DEFECTS["a_mask_saved_as_its_colours"][1](root)
    repair(check(root), tmp_path / "out")
    mended = np.asarray(Image.open(tmp_path / "out" / "masks" / mask(root).name))
    np.testing.assert_array_equal(mended, truth)


def test_a_jpeg_mask_is_snapped_to_what_it_was(root, tmp_path):
    path = DEFECTS["a_jpeg_mask_among_others"][1](root)
    repair(check(root), tmp_path / "out")
    mended = np.asarray(Image.open(tmp_path / "out" / "masks" / path.name))
    damaged = np.asarray(Image.open(path))
    assert set(np.unique(mended)) <= {0, 254, 255}  # 254: ignored
    assert ((mended == 255) == (damaged > 127))[mended != 254].all()
    assert (mended == 254).mean() < 0.02


def test_masks_of_0_and_1_among_those_of_0_and_255_are_read_as_these(tmp_path, save):
    folder = tmp_path / "data"
    for n in range(9):
        box = np.zeros((20, 20), np.uint8)
        box[4:12, n : n + 8] = 1 if n == 3 else 255
        save(folder / f"images/{n}.png", np.dstack([box] * 3) + n)
        save(folder / f"masks/{n}.png", box)
    found = check(folder)
    assert [finding.kind for finding in found.stops] == ["mask-scale"]
    made = repair(found, tmp_path / "clean")
    assert len(made.pairs) == 9
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "clean/masks/3.png"))[4:12].max(axis=0),
        [0] * 3 + [255] * 8 + [0] * 9,
    )
    again = check(tmp_path / "clean")
    assert not again.stops
    assert again.table.ignore == ()
    assert [label.values for label in again.table.labels] == [(0,), (255,)]


def test_a_mask_drawn_on_the_unturned_image_is_turned_with_it(root, tmp_path):
    truth = np.asarray(Image.open(mask(root)))
    upright = np.asarray(Image.open(image(root)))
    DEFECTS["a_mask_drawn_on_the_unturned_image"][1](root)
    repair(check(root), tmp_path / "out")
    mended = np.asarray(Image.open(tmp_path / "out" / "masks" / mask(root).name))
    np.testing.assert_array_equal(mended, truth)
    turned = np.asarray(Image.open(tmp_path / "out" / "images" / f"{image(root).stem}.png"))
    assert np.abs(turned.astype(int) - upright).mean() < 4


def test_of_files_of_one_name_the_one_that_is_wrong_is_told(tmp_path, save):
    rng = np.random.default_rng(0)
    for n in range(6):
        save(
            tmp_path / "set" / "images" / f"{n}.png",
            rng.integers(256, size=(40, 40, 3), dtype=np.uint8),
        )
        save(
            tmp_path / "set" / "masks" / f"{n}.png", rng.integers(2, size=(40, 40), dtype=np.uint8)
        )
    (tmp_path / "set" / "masks" / "2.png").write_bytes(b"")
    (tmp_path / "set" / "images" / "4.png").write_bytes(b"")
    repair(check(tmp_path / "set"), tmp_path / "out")
    told = {name: row["what"] for name, row in done(tmp_path / "out").items()}
    assert told["masks/2.png"].startswith("left out: empty files")
    assert told["images/2.png"].startswith("left out with masks/2.png: empty files")
    assert told["images/4.png"].startswith("left out: empty files")
    assert told["masks/4.png"].startswith("left out with images/4.png: empty files")


def test_groups_that_were_asked_for_are_kept_in_the_copy(tmp_path, save):
    rng = np.random.default_rng(0)
    for n in range(12):
        name = f"plate{n % 4}_{n}.png"
        save(
            tmp_path / "set" / "images" / name, rng.integers(256, size=(40, 40, 3), dtype=np.uint8)
        )
        save(tmp_path / "set" / "masks" / name, rng.integers(2, size=(40, 40), dtype=np.uint8))
    repair(check(tmp_path / "set", split=SplitConfig(group=r"(plate\d)_")), tmp_path / "out")
    again = check(tmp_path / "out")
    assert {pair.group for pair in again.pairs} == {f"plate{n}" for n in range(4)}
    assert len({(pair.group, pair.split) for pair in again.pairs}) == 4
    without = repair(check(tmp_path / "set"), tmp_path / "plain")
    assert {pair.group for pair in without.pairs} == {""}


def test_of_a_leak_the_image_in_train_goes(root, tmp_path):
    DEFECTS["an_image_in_two_splits"][1](root)
    repair(check(root), tmp_path / "out")
    rows = done(tmp_path / "out")
    assert rows[f"images/train/{image(root).name}"]["what"].startswith(
        "left out: nearly the same as z_"
    )
    assert (tmp_path / "out" / "images" / "test" / f"z_{image(root).name}").is_file()


def test_object_numbers_are_kept(tmp_path, save):
    for n in range(10):
        values = np.zeros((60, 60), np.uint16)
        for k in range(9 + n):
            values[6 * (k // 6) + 1 : 6 * (k // 6) + 5, 10 * (k % 6) + 1 : 10 * (k % 6) + 8] = k + 1
        noise = np.random.default_rng(n).integers(0, 50, (60, 60, 3))
        save(tmp_path / "set" / "images" / f"{n}.png",
             ((values[..., None] > 0) * 150 + noise).astype(np.uint8))  # fmt: skip
        save(tmp_path / "set" / "masks" / f"{n}.png", values)
    found = check(tmp_path / "set")
    assert found.table.encoding == "instances"
    repair(found, tmp_path / "out")
    again = check(tmp_path / "out")
    assert again.table.encoding == "instances"
    stored = np.asarray(Image.open(tmp_path / "out" / "masks" / "9.png"))
    assert stored.max() == 18


def test_a_repair_into_the_data_itself_is_refused(folder):
    with pytest.raises(UsageError, match=r"lies in .*data itself; name a folder beside it"):
        repair(check(folder), folder / "clean")
    assert not (folder / "clean").exists()


@pytest.mark.parametrize(
    ("values", "kept"),
    [((0, 255), (0, 255)), ((1, 2), (1, 2)), ((0, 1000), (0, 1)), ((7, 90), (7, 90))],
)
def test_classes_keep_their_values_where_these_fit_a_byte(tmp_path, save, values, kept):
    """Those that are called after their value are called after the new one."""
    folder = tmp_path / "data"
    for n in range(6):
        box = np.full((20, 20), values[0], np.uint8 if values[1] < 256 else np.uint16)
        box[4:12, n : n + 8] = values[1]
        image = np.full((20, 20, 3), 10 * n, np.uint8)
        image[4:12, n : n + 8] = 200
        save(folder / f"images/{n}.png", image)
        save(folder / f"masks/{n}.png", box)
    assert repair(check(folder), tmp_path / "clean").pairs
    again = check(tmp_path / "clean").table
    assert again.names == [f"value_{value}" for value in kept]
    assert [label.values for label in again.labels] == [(value,) for value in kept]
    (folder / "dataset.toml").write_text(
        f'[[classes]]\nname = "ground"\nvalues = [{values[0]}]\n'
        f'[[classes]]\nname = "cell"\nvalues = [{values[1]}]\n'
    )
    repair(check(folder), tmp_path / "named")
    assert check(tmp_path / "named").table.names == ["ground", "cell"]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_no_name_in_a_list_leads_out_of_the_new_folder(root, tmp_path, mode):
    for path in list((root / "images").iterdir()):
        Image.open(path).convert(mode).save(path.with_suffix(".png"))
        if path.suffix != ".png":
            path.unlink()
    (root / "lists").mkdir()
    names = sorted(path.name for path in (root / "images").iterdir())
    rows = [f"../images/{name},../masks/{Path(name).stem}.png" for name in names]
    listed = root / "lists" / "all.csv"
    listed.write_text("\n".join(["image,mask", *rows]) + "\n")
    before = contents(tmp_path)
    table = check(root).table
    made = repair(check(listed, table=table), tmp_path / "deep" / "out")
    assert len(made.pairs) == len(names)
    after = contents(tmp_path)
    assert {name: after[name] for name in before} == before
    assert all(name.startswith("deep/out/") for name in set(after) - set(before))
    for pair in made.pairs:
        assert (pair.image.parent.name, pair.mask.parent.name) == ("images", "masks")
        assert Image.open(pair.image).mode == "RGB"
