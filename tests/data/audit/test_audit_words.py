"""What ``check`` says on a terminal: on standard error, a line a thing, printable."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maskwright.config import SplitConfig
from maskwright.data.audit import Audit, check
from maskwright.data.audit.words import (
    SHOWN,
    introduction,
    next_command,
    place,
    print_audit,
    verdict,
)
from maskwright.data.findings import Flaw, findings_of
from maskwright.data.images import Bands
from maskwright.data.labels import ClassTable, Label


@pytest.fixture
def folder(tmp_path, write_pairs) -> Path:
    return write_pairs(tmp_path / "data", 12)


def with_flaws(found: Audit, *flaws: Flaw) -> Audit:
    return replace(found, findings=findings_of(flaws))


def test_the_introduction_says_what_the_set_is(folder):
    found = check(folder)
    first, second = introduction(found)
    assert first.startswith(f"{folder}: 12 images with masks, layout pairs; split as it would be d")
    counts = [sum(p.split == s for p in found.pairs) for s in ("train", "val", "test")]
    assert first.endswith("{} train, {} val, {} test".format(*counts))
    assert second == "masks: grey values 0, 1"


def test_a_split_of_the_data_is_called_so(folder):
    rows = [f"images/{n}.png,masks/{n}.png,{'val' if n > 8 else 'train'}" for n in range(12)]
    (folder / "m.csv").write_text("\n".join(["image,mask,split", *rows]))
    first = introduction(check(folder / "m.csv"))[0]
    assert first.endswith("layout manifest; split of the data: 9 train, 3 val")


@pytest.mark.parametrize(
    ("bands", "line"),
    [
        (Bands(1), "images: 1 band"),
        (Bands(5), "images: 5 bands"),
        (Bands(2, (0.0, 1.5), (4095.0, 2.0)),
         "images: 2 bands, stretched to 0–255 from 0–4095, 1.5–2"),
    ],
)  # fmt: skip
def test_bands_other_than_rgb_are_told(folder, bands, line):
    assert introduction(replace(check(folder), bands=bands))[-1] == line


def test_everything_goes_to_standard_error(folder, capsys):
    print_audit(check(folder))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith("nothing stops training; usable: 12 pairs")


def test_classes_are_told_with_their_share_and_masks(folder, capsys):
    print_audit(check(folder))
    lines = capsys.readouterr().err.splitlines()
    row = next(line for line in lines if line.strip().startswith("value_1"))
    assert row.split() == ["value_1", "1", "50.00", "%", "12"]


def test_objects_have_all_other_values(folder, capsys):
    labels = (Label("ground", "#000000", (0,)), Label("cell", "#ffffff", ()))
    print_audit(check(folder, table=ClassTable("instances", labels)))
    assert "cell" in (err := capsys.readouterr().err)
    assert "all others" in err


def test_names_of_classes_are_no_markup(folder, capsys):
    text = '[[classes]]\nname = "[/red]"\n[[classes]]\nname = "[bold]x"\n'
    (folder / "dataset.toml").write_text(text)
    print_audit(check(folder))
    err = capsys.readouterr().err
    assert "[/red]" in err
    assert "[bold]x" in err


def test_a_finding_says_how_bad_what_where_and_what_to_do(folder, capsys):
    for n in range(5):
        (folder / "images" / f"{n}.png").write_bytes(b"")
    print_audit(check(folder))
    lines = capsys.readouterr().err.splitlines()
    start = lines.index("stops training empty files (0 bytes): 5")
    assert lines[start + 1] == "    images/0.png: empty (0 bytes)"
    assert lines[start + 1 + SHOWN] == "    … and 2 more"
    assert lines[start + 2 + SHOWN] == (
        "    → fetch them again, or take them out (--repair: left out)"
    )


def test_the_number_of_groups_and_of_usable_pairs_is_told(folder, capsys):
    (folder / "masks" / "3.png").write_bytes(b"")
    print_audit(check(folder, split=SplitConfig(group=r"images/[0-5]?")))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"{folder}: 12 images with masks, layout pairs, 11 usable; split as")
    assert "groups: 6, the largest images/ of 4 images" in lines


def test_a_set_without_a_pair_is_told_without_a_table(folder, capsys):
    found = check(folder)
    print_audit(replace(found, pairs=(), classes=(), table=None, evidence="", findings=()))
    assert "value_0" not in capsys.readouterr().err


# Names of files


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/set/images/a.png", "images/a.png"),
        ("/else/a.png", "/else/a.png"),
        ("rare", "rare"),
        ("/set/a\nb.png", r"a\nb.png"),
    ],
)
def test_a_file_is_told_as_seen_from_the_root(path, shown):
    assert place(Flaw("alpha", Path(path), ""), Path("/set")) == shown


def test_files_below_a_relative_root_are_told_as_seen_from_it():
    assert place(Flaw("alpha", Path("set/images/a.png"), ""), Path("set")) == "images/a.png"


@pytest.mark.parametrize("root", ["/set", "set"])
def test_the_root_itself_is_the_whole_set(root):
    assert place(Flaw("few-images", Path(root), ""), Path(root)) == "the whole set"


def test_details_with_control_characters_stay_on_one_line(folder, capsys):
    odd = Flaw("mask-shape", folder / "a.png", "its image a\x1b[2J\nb.png")
    print_audit(with_flaws(check(folder), odd))
    err = capsys.readouterr().err
    assert r"a.png: its image a\x1b[2J\nb.png" in err
    assert "\x1b[2J" not in err


# What now


def test_the_verdict_counts_what_stops_and_what_lowers(folder):
    found = check(folder)
    bad, low = Flaw("empty-file", folder, ""), Flaw("cmyk", folder, "")
    assert verdict(with_flaws(found)).startswith("nothing stops training; usable: 12 pairs")
    assert verdict(with_flaws(found, low)).endswith("; 1 thing may lower quality")
    assert verdict(with_flaws(found, bad)).startswith("training must stop for 1 finding above")


def test_the_next_command_is_what_helps(folder, save):
    found = check(folder)
    assert next_command(found) == f"maskwright train {folder}"
    stopped = with_flaws(found, Flaw("empty-file", folder, ""))
    assert next_command(stopped) == f"maskwright check {folder} --repair data-clean"
    unknown = with_flaws(replace(found, table=None), Flaw("one-value", folder, ""))
    assert next_command(unknown) == f"maskwright check {folder} --init"
    few = with_flaws(found, Flaw("too-few", folder, ""))
    assert next_command(few) == ""


def test_names_in_the_next_command_are_quoted(tmp_path, write_pairs):
    found = check(write_pairs(tmp_path / "my data", 12))
    assert next_command(found) == f"maskwright train '{tmp_path}/my data'"
    bad = with_flaws(found, Flaw("empty-file", tmp_path, ""))
    assert next_command(bad).endswith("/my data' --repair 'my data-clean'")


def test_a_photograph_for_every_mask_leaves_the_classes_to_be_listed(folder, save):
    for n in range(12):
        noise = np.random.default_rng(n).integers(0, 256, (40, 40)).astype(np.uint8)
        save(folder / "images" / f"{n}.png", np.stack([noise[::-1]] * 3, axis=-1))
        save(folder / "masks" / f"{n}.png", noise)
    found = check(folder)
    assert [finding.kind for finding in found.stops] == ["mask-copy"]
    assert next_command(found) == f"maskwright check {folder} --init"
