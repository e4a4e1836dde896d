"""The page of check: it must say and show everything, whatever is wrong with the files."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_report import Page

from maskwright.console import printable
from maskwright.data.audit import check
from maskwright.data.findings import KINDS, LOWERS, STOPS, Flaw, findings_of
from maskwright.data.images import Bands, RawMask
from maskwright.data.labels import ClassTable, Label
from maskwright.errors import UsageError, WriteError
from maskwright.report.checked import answer, render_check, write_check_page
from maskwright.report.drawn import NO_CLASS, colored, laid_over, sized
from maskwright.report.exhibits import exhibits, mended, pictures_of
from maskwright.report.meanings import MEANINGS

HOSTILE = "<b>'6\" & two\nlines"
TABLE = """\
[[classes]]
name = "ground"
values = [0]
[[classes]]
name = "<i>thing</i>"
values = [1]
"""


@pytest.fixture
def write_set(save):
    """Write ``count`` different pairs of 48×40 pixels, each a bright box on a dark ground."""

    def write(root, count=30, split=""):
        rng = np.random.default_rng(len(split))
        for number in range(count):
            mask = np.zeros((40, 48), np.uint8)
            y, x, height, width = rng.integers(4, 18, 4)
            mask[y : y + height, x : x + width] = 1
            image = rng.integers(0, 90, (40, 48, 3), np.uint8)
            image += (150 * mask)[..., None]
            image = np.kron(image[::4, ::4], np.ones((4, 4, 1), np.uint8)) // 2 + image // 2
            save(root / split / "images" / f"{split}{number:02}.png", image)
            save(root / split / "masks" / f"{split}{number:02}.png", mask)
        (root / "dataset.toml").write_text(TABLE)
        return root

    return write


@pytest.fixture
def clean(tmp_path, write_set):
    return check(write_set(tmp_path / "my set"))


@pytest.fixture
def broken(tmp_path, write_set, save):
    """A set in which many things are wrong."""
    root = tmp_path / "data"
    write_set(root, split="train")
    write_set(root, 6, split="val")
    write_set(root, 6, split="test")
    images, masks = root / "train" / "images", root / "train" / "masks"
    whole = (images / "train00.png").read_bytes()
    (images / "train00.png").write_bytes(whole[: len(whole) // 2])
    (masks / "train01.png").write_bytes(b"")
    save(masks / "train02.png", np.eye(20, 24, dtype=np.uint8))
    save(masks / "train03.png", np.eye(40, 30, dtype=np.uint8))
    save(masks / "train04.png", np.pad(np.full((9, 9), 7, np.uint8), ((4, 27), (4, 35))))
    for folder in ("images", "masks"):
        path = root / "train" / folder / "train05.png"
        shutil.copy(path, root / "test" / folder / "again.png")
        path.rename(path.with_stem(HOSTILE))
    for number in range(60):
        save(masks / f"lonely{number}.png", np.eye(40, 48, dtype=np.uint8))
    return check(root)


def page_of(found, path=Path("check.html")):
    return Page(render_check(found, path))


def test_a_clean_set_can_be_trained_on(clean):
    page = page_of(clean)
    command = f"maskwright train '{clean.data.as_posix()}'"
    assert "Training can begin: 30 images, 2 classes, nothing stops it" in page.text
    order = ["Training can begin", command, "Pairs of image and mask", "How the masks say",
             "Some images with their masks", "What was found", "To write it again"]  # fmt: skip
    assert [page.text.index(words) for words in order] == sorted(map(page.text.index, order))
    assert "Size in pixels 48×40" in page.text
    assert "Kind of images RGB, 8 bits" in page.text
    assert "The data have no split; this is the one that training would draw." in page.text
    assert len([image for image in page.all("img") if "image with its mask" in image["alt"]]) >= 6


def test_nothing_found_is_said(clean):
    text = page_of(replace(clean, findings=())).text
    assert "Every file was read, and nothing was found that is wrong or odd." in text
    assert "nothing stops it." in text


def test_the_class_table_tells_values_shares_and_masks(clean):
    share = 100 * clean.pixels["train"][1] / clean.pixels["train"].sum()
    assert 1 < share < 50
    assert re.search(r"ground 0 \d\d\.\d % 30 <i>thing</i> 1 \d+\.\d % 30", page_of(clean).text)


def test_a_broken_set_must_stop_and_names_the_repair(broken):
    page = page_of(broken)
    assert re.search(r"Training must stop: .+ \(\d+\), and \d other kinds of findings\.", page.text)
    assert "maskwright check" in page.text
    assert "--repair data-clean" in page.text
    kinds = [element["id"] for element in page.all("article")]
    assert kinds == [finding.kind for finding in broken.findings]
    assert {"truncated", "empty-file", "mask-size", "mask-shape", "outside-table",
            "leak", "mask-without-image", "odd-name"} <= set(kinds)  # fmt: skip
    for finding in broken.findings:
        assert finding.remedy in page.text
        assert MEANINGS.get(finding.kind, "") in page.text


def test_severity_stands_in_words_beside_each_finding(broken):
    text = page_of(broken).text
    for finding in broken.findings:
        title = finding.title[0].upper() + finding.title[1:]
        assert text.count(f"{finding.severity} {title} ({finding.count})") == 1
        assert f"{finding.severity} {title} {finding.count}" in text


def test_examples_are_pictures_and_the_others_are_named(broken):
    page = page_of(broken)
    assert "train/masks/lonely0.png no image of that name" in page.text
    assert "50 more of 56" in page.text
    assert "… and 6 more; check --json names them all." in page.text
    alts = [image["alt"] for image in page.all("img")]
    assert "train/masks/train02.png: mask resized" in alts
    assert {"train/masks/train03.png: image", "train/masks/train03.png: mask"} <= set(alts)
    assert "train/masks/train01.png: its image" in alts
    assert sum(alt.startswith("test/images/again.png: ") for alt in alts) == 2


def test_names_from_files_are_escaped_and_stay_on_one_line(broken):
    html = render_check(broken, Path("check.html"))
    assert "<b>" not in html
    assert "<i>" not in html
    assert "two\nlines" not in html
    assert printable(f"train/images/{HOSTILE}.png") in Page(html).text


def test_the_page_loads_nothing_and_runs_nothing(broken):
    html = render_check(broken, Path("check.html"))
    page = Page(html)
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert [link["href"] for link in page.all("link")] == ["data:,"]
    assert not page.all("script")
    assert "url(" not in html
    assert not re.search(r"https?:", html)


def test_the_page_is_accessible_and_its_links_lead_somewhere(broken):
    page = page_of(broken)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert max(np.diff(levels)) == 1
    assert all(image["alt"] and image["width"] for image in page.all("img"))
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert {link["href"][1:] for link in page.all("a")} <= ids


def test_files_that_went_after_the_audit_leave_text_only(broken):
    shutil.rmtree(broken.listing.root)
    page = page_of(broken)
    assert not page.all("img")
    assert "train/masks/train02.png 24×20 pixels" in page.text


def test_without_room_there_is_text_only(broken):
    shown = exhibits(broken, room=0)
    assert set(shown) == {finding.kind for finding in broken.findings}
    assert not any(example.parts for ones in shown.values() for example in ones)
    scarce = exhibits(broken, room=1)
    pictured = [one for ones in scarce.values() for one in ones if one.parts]
    assert pictured == scarce[broken.findings[0].kind][:1]


def test_the_page_stays_small_however_much_is_wrong(clean, tmp_path, save):
    pair = clean.pairs[0]
    save(pair.image, np.random.default_rng(0).integers(0, 256, (320, 320, 3), np.uint8))
    flaws = [Flaw(kind, pair.mask, "noise", pair.image) for kind in KINDS for _ in range(60)]
    path = write_check_page(replace(clean, findings=findings_of(flaws)), tmp_path / "big.html")
    assert 2_000_000 < path.stat().st_size < 3_000_000


def test_masks_that_show_no_classes_are_shown_as_they_are(tmp_path, save):
    rng = np.random.default_rng(0)
    for number in range(10):
        noise = rng.integers(0, 256, (40, 48, 3), np.uint8)
        save(tmp_path / "data" / "images" / f"{number}.png", noise)
        save(tmp_path / "data" / "masks" / f"{number}.png", noise[..., 0])
    page = page_of(check(tmp_path / "data"))
    assert "The masks do not show what the classes are." in page.text
    assert "Say what the classes are; this begins a list of them:" in page.text
    assert "--init" in page.text
    assert any(image["alt"].endswith(": mask") for image in page.all("img"))


def test_what_no_repair_can_mend_is_left_to_people(clean):
    few = findings_of([Flaw("too-few", clean.listing.root, "2 images")])
    text = page_of(replace(clean, findings=few)).text
    assert "Mend by hand what is told below, then look again:" in text
    assert "the whole set 2 images" in text
    both = findings_of([*few[0].flaws, Flaw("empty-file", clean.pairs[0].mask, "0 bytes")])
    assert "the rest is to be mended by hand" in page_of(replace(clean, findings=both)).text


def test_a_set_without_pairs_must_stop(tmp_path, save):
    save(tmp_path / "set" / "masks" / "a.png", np.zeros((20, 20), np.uint8))
    (tmp_path / "set" / "images").mkdir()
    empty = check(tmp_path / "set")
    assert answer(empty).startswith("Training must stop: no pair that can be used (1).")
    assert f"maskwright check {tmp_path / 'set'}" in page_of(empty).text


def test_splits_say_whether_they_are_given_or_drawn(broken):
    assert "The split is that of the data." in page_of(broken).text
    rest = tuple(replace(p, split="train") if p.split == "val" else p for p in broken.listing.pairs)
    mixed = replace(broken, listing=replace(broken.listing, pairs=rest))
    words = "that of the data, but the validation images are as training would draw them."
    assert words in page_of(mixed).text


def test_stretched_values_are_told(clean):
    one = replace(clean, bands=Bands(1, (5,), (4095,)))
    assert "Stored values from 5 to 4095 are stretched to 0–255." in page_of(one).text
    two = replace(clean, bands=Bands(2, (5, 6), (40, 50)))
    assert "stretched to 0–255, band by band: 5 to 40, 6 to 50." in page_of(two).text


def test_names_in_no_encoding_are_written_out(tmp_path, clean):
    odd = Flaw("no-image", clean.listing.root / os.fsdecode(b"caf\xe9.txt"), "passed over\u202e")
    path = write_check_page(replace(clean, findings=findings_of([odd])), tmp_path / "check.html")
    page = Page(path.read_text(encoding="utf-8"))
    assert "\\udce9.txt" in page.text or "café" in page.text
    assert "passed over\\u202e" in page.text


def test_the_file_is_written_whole(clean, tmp_path):
    path = tmp_path / "check.html"
    path.write_text("old")
    assert write_check_page(clean, path) == path
    assert path.read_text(encoding="utf-8").endswith("</html>\n")
    assert not list(tmp_path.glob("*.part*"))


def test_a_page_that_cannot_be_written_is_one_line(clean, tmp_path):
    with pytest.raises(UsageError, match=r"is a folder; name a file, such as .*check\.html"):
        write_check_page(clean, tmp_path)
    with pytest.raises(WriteError, match=r"no/x\.html cannot be written \(No such .*is not there:"):
        write_check_page(clean, tmp_path / "no" / "x.html")


def test_no_engine_is_imported(clean):
    script = (
        "import sys; from pathlib import Path; from maskwright.data.audit import check;"
        "from maskwright.report.checked import render_check;"
        "render_check(check(sys.argv[1]), Path('x')); print({'keras', 'jax'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(clean.data)], capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == "set()"


def test_every_kind_that_stops_or_lowers_has_a_meaning():
    assert set(MEANINGS) <= set(KINDS)
    told = {kind for kind, one in KINDS.items() if one.severity in (STOPS, LOWERS)}
    assert told <= set(MEANINGS)


def test_a_shifted_mask_is_shown_where_it_belongs():
    values = np.arange(1, 13, dtype=np.uint8).reshape(3, 4)
    values[0, 0] = 9
    off = Flaw("shifted", Path("a.png"), "is off by +1 pixels across and -1 down")
    title, moved = mended(off, values)
    assert title == "mask shifted back"
    assert moved[1:, :3].tolist() == values[:2, 1:].tolist()
    assert set(moved[0]) | set(moved[:, 3]) == {9}


def test_a_mask_is_turned_like_its_image():
    values = np.array([[1, 2]], np.uint8)
    title, turned = mended(Flaw("mask-orientation", Path("a.png"), ""), values, 6)
    assert (title, turned.tolist()) == ("mask turned like its image", [[1], [2]])


def test_a_flaw_that_says_nothing_of_the_place_changes_nothing():
    values = np.eye(3, dtype=np.uint8)
    for flaw in (None, Flaw("flipped", Path("a.png"), "fits when drunk"),
                 Flaw("shifted", Path("a.png"), "somewhere")):  # fmt: skip
        title, same = mended(flaw, values)
        assert title == ""
        assert same is values


def test_flipped_masks_are_shown_both_ways(clean):
    pair = clean.pairs[0]
    flaw = Flaw("flipped", pair.mask, "fits when turned by 90° clockwise", pair.image)
    shown = pictures_of(clean, flaw, {pair.mask: pair})
    assert list(shown) == ["image with its mask", "mask turned by 90° clockwise"]
    assert [picture.shape for picture in shown.values()] == [(240, 288, 3)] * 2


def test_a_copied_mask_is_shown_with_both_images(tmp_path, write_set):
    root = write_set(tmp_path / "data", 7)  # too few to tell that the mask is misplaced
    shutil.copy(root / "masks" / "03.png", root / "masks" / "06.png")
    found = check(root)
    finding = next(one for one in found.findings if one.kind == "same-mask")
    pairs = {pair.mask: pair for pair in found.listing.pairs}
    shown = list(pictures_of(found, finding.flaws[0], pairs))
    assert [name.partition(" ")[0] for name in shown] == ["images/06.png", "images/03.png"]


def test_two_files_of_one_name_are_shown_beside_each_other(tmp_path, write_set, save):
    root = write_set(tmp_path / "data")
    save(root / "images" / "04.bmp", np.full((40, 48, 3), 99, np.uint8))
    found = check(root)
    finding = next(one for one in found.findings if one.kind == "several-candidates")
    pairs = {pair.image: pair for pair in found.listing.pairs}
    assert sorted(pictures_of(found, finding.flaws[0], pairs)) == ["04.bmp", "04.png"]


def test_pixels_without_a_class_are_magenta(table):
    raw = RawMask(np.array([[0, 1], [1, 9]], np.uint8), "index")
    image = np.full((2, 2, 3), 100, np.uint8)
    shown = laid_over(image, raw, table)
    assert shown[1, 1].tolist() == colored(raw, table)[-1, -1].tolist() == list(NO_CLASS)
    assert shown[0, 1].tolist() != [100, 100, 100]
    assert (image == 100).all()


def test_a_mask_that_the_table_hardly_knows_is_not_laid_over(table):
    raw = RawMask(np.array([[0, 8], [7, 9]], np.uint8), "index")
    assert laid_over(np.zeros((2, 2, 3), np.uint8), raw, table) is None
    assert sorted({int(value) for value in colored(raw, table).ravel()}) == [0, 85, 170, 255]


def test_colours_of_a_colour_mask_are_kept(table):
    raw = RawMask(np.array([[0xFF0000, 0x00FF00]], np.int32), "rgb")
    assert colored(raw, table)[0, [0, -1]].tolist() == [[255, 0, 0], [0, 255, 0]]
    colors = ClassTable("rgb", (Label("a", "#000001", (0xFF0000,)), Label("b", "#000002", (1,))))
    assert colored(raw, colors)[0, [0, -1]].tolist() == [[0, 0, 1], list(NO_CLASS)]


@pytest.mark.parametrize(
    ("size", "shown"),
    [((4000, 2000), (320, 160)), ((1, 3000), (1, 320)), ((3, 2), (318, 212)), ((320, 9), (320, 9))],
)
def test_pictures_are_as_large_as_the_page_shows_them(size, shown):
    assert sized(np.zeros((*size, 3), np.uint8)).shape == (*shown, 3)
