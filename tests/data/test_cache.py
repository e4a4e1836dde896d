"""The decoded cache: what it holds, when it is made anew, and that it never stands in the way."""

import errno
import os
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maskwright.config import ViewConfig
from maskwright.data import cache as cache_module
from maskwright.data.bands import Bands
from maskwright.data.cache import (
    Cache,
    Files,
    clean,
    fingerprint,
    open_cache,
    open_source,
    stored_size,
)
from maskwright.data.labels import Label
from maskwright.data.pairing import Pair
from maskwright.errors import DataError

VIEW = ViewConfig(size=16)
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """A cache folder of the test's own."""
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def pairs(tmp_path, save) -> list[Pair]:
    """Four images of noise, one smaller than a view, and masks of 0, 1 and 255."""
    rng = np.random.default_rng(0)
    found = []
    for number, (height, width) in enumerate([(40, 60), (60, 40), (9, 12), (33, 120)]):
        image = rng.integers(256, size=(height, width, 3)).astype(np.uint8)
        mask = rng.choice(np.array([0, 1, 255], np.uint8), size=(height, width))
        paths = [tmp_path / "data" / kind / f"{number}.png" for kind in ("images", "masks")]
        found.append(Pair(save(paths[0], image), save(paths[1], mask)))
    return found


def same(one, other) -> bool:
    return (
        np.array_equal(one.image, other.image)
        and np.array_equal(one.mask, other.mask)
        and (one.height, one.width) == (other.height, other.width)
    )


def test_it_holds_images_and_masks_at_the_size_of_the_files_where_they_are_small(pairs, table):
    cache, files = open_cache(pairs, table, ViewConfig(128), 0.25), Files(pairs, table)
    assert (len(cache), cache.channels) == (len(files), files.channels) == (4, 3)
    for index in (2, 0, 3, 1):
        assert same(cache.read(index), files.read(index))


def test_larger_ones_are_stored_smaller_and_their_own_size_is_known(pairs, table):
    cache = open_cache(pairs, table, VIEW, 0.25)
    sizes = [cache.read(index).mask.shape for index in range(4)]
    assert sizes == [(13, 20), (20, 13), (9, 12), (6, 20)]
    assert [cache.read(index).image.shape for index in range(4)] == [(*s, 3) for s in sizes]
    assert [(cache.read(i).height, cache.read(i).width) for i in range(4)] == [
        (40, 60), (60, 40), (9, 12), (33, 120)
    ]  # fmt: skip
    assert set(np.unique(cache.read(0).mask)) == {0, 1, 255}


@pytest.mark.parametrize(
    ("height", "width", "fit", "zoom", "stored"),
    [
        (400, 800, "pad", 0, (32, 64)),
        (400, 800, "pad", 0.5, (48, 96)),
        (400, 800, "squash", 0, (64, 64)),
        (40, 800, "squash", 0.5, (40, 96)),
        (40, 50, "pad", 0, (40, 50)),
        (1, 9000, "pad", 0, (1, 64)),
    ],
)
def test_nothing_is_stored_larger_than_it_is_or_than_training_can_use(
    height, width, fit, zoom, stored
):
    assert stored_size(height, width, ViewConfig(64, fit), zoom) == stored


def test_what_is_read_is_the_file_itself_and_cannot_be_changed(pairs, table):
    cache = open_cache(pairs, table, VIEW, 0.25)
    stored = cache.read(1)
    for array in (stored.image, stored.mask):
        assert np.shares_memory(array, cache._pixels)
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_it_is_made_once_and_said_so_once(pairs, table, capsys, monkeypatch):
    first = open_cache(pairs, table, VIEW, 0.25)
    assert "4 images decoded, for later runs too: 1 MB in " in capsys.readouterr().err
    monkeypatch.setattr(Files, "read", None)
    again = open_cache(pairs, table, VIEW, 0.25)
    assert again.path == first.path
    assert all(same(first.read(index), again.read(index)) for index in range(4))
    assert capsys.readouterr().err == ""


def test_it_has_one_folder_with_two_files(pairs, table, home):
    path = open_cache(pairs, table, VIEW, 0.25).path
    assert list((home / "pixels").iterdir()) == [path]
    assert sorted(file.name for file in path.iterdir()) == ["index.npy", "pixels.bin"]


def test_the_key_is_what_is_in_the_files_and_not_where_they_lie(pairs, table, tmp_path):
    key = fingerprint(Files(pairs, table), VIEW, 0.25)
    moved = shutil.copytree(tmp_path / "data", tmp_path / "moved")
    others = [
        Pair(moved / "images" / p.image.name, moved / "masks" / p.mask.name, "train") for p in pairs
    ]
    assert fingerprint(Files(others, table), VIEW, 0.25) == key
    renamed = replace(table, labels=tuple(replace(k, name=k.name * 2) for k in table.labels))
    assert fingerprint(Files(pairs, renamed), VIEW, 0.25) == key
    assert fingerprint(Files(pairs, table), VIEW, 0) == fingerprint(Files(pairs, table), VIEW, 0.0)


def test_whatever_changes_what_is_stored_is_another_key(pairs, table, save):
    def key(pairs=pairs, table=table, view=VIEW, zoom=0.25, bands=Bands()) -> str:  # noqa: B008
        return fingerprint(Files(pairs, table, bands), view, zoom)

    keys = [
        key(),
        key(pairs=pairs[::-1]),
        key(pairs=pairs[:3]),
        key(pairs=[replace(pairs[0], mask=pairs[0].image), *pairs[1:]]),
        key(table=replace(table, ignore=(254,))),
        key(table=replace(table, encoding="binary")),
        key(table=replace(table, labels=(table.labels[0], Label("thing", "#ff8000", (2,))))),
        key(view=replace(VIEW, size=17)),
        key(view=replace(VIEW, fit="squash")),
        key(zoom=0.5),
        key(bands=Bands(1)),
        key(bands=Bands(3, (0, 0, 0), (9, 9, 9))),
    ]
    save(pairs[2].mask, np.zeros((9, 12), np.uint8))
    keys.append(key())
    save(pairs[3].image, np.zeros((33, 120, 3), np.uint8))
    keys.append(key())
    assert len(set(keys)) == len(keys)


def test_a_changed_file_is_decoded_anew(pairs, table, save):
    open_cache(pairs, table, VIEW, 0.25)
    save(pairs[2].image, np.full((9, 12, 3), 77, np.uint8))
    assert (open_cache(pairs, table, VIEW, 0.25).read(2).image == 77).all()


def test_bands_are_read_as_they_are_asked_for(pairs, table, save):
    for pair in pairs:
        grey = Files([pair], table).read(0).image[..., 0]
        save(pair.image, grey)
    cache = open_cache(pairs, table, VIEW, 0.25, Bands(1))
    assert cache.channels == 1
    assert cache.read(0).image.shape == (13, 20, 1)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def pickled(path: Path) -> None:
    np.save(path, np.array([{}], object), allow_pickle=True)


def enlarge(path: Path) -> None:
    sizes = np.load(path)
    sizes[0, 0] += 1
    np.save(path, sizes)


def overflow(path: Path) -> None:
    sizes = np.load(path)
    sizes[0, :3] = 2**40
    np.save(path, sizes)


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("pixels.bin", cut),
        ("pixels.bin", lambda path: path.write_bytes(b"")),
        ("pixels.bin", lambda path: path.write_bytes(path.read_bytes() + b"x")),
        ("pixels.bin", Path.unlink),
        ("index.npy", cut),
        ("index.npy", lambda path: path.write_bytes(b"")),
        ("index.npy", lambda path: path.write_bytes(b"PK\x03\x04 no zip")),
        ("index.npy", Path.unlink),
        ("index.npy", pickled),
        ("index.npy", enlarge),
        ("index.npy", overflow),
        ("index.npy", lambda path: np.save(path, np.load(path)[:3])),
        ("index.npy", lambda path: np.save(path, -np.load(path))),
        ("index.npy", lambda path: np.save(path, np.load(path).astype(float))),
    ],
)
def test_a_broken_cache_is_made_anew(pairs, table, name, harm):
    path = open_cache(pairs, table, VIEW, 0.25).path
    whole = {file: file.read_bytes() for file in path.iterdir()}
    harm(path / name)
    with pytest.raises((OSError, ValueError)):
        Cache(path, 4)
    open_cache(pairs, table, VIEW, 0.25)
    assert {file: file.read_bytes() for file in path.iterdir()} == whole


def test_a_cache_that_is_not_whole_says_so(pairs, table):
    path = open_cache(pairs, table, VIEW, 0.25).path
    with pytest.raises(ValueError, match=r"index.npy is no index of 3 pairs; remove it, and it is"):
        Cache(path, 3)
    cut(path / "pixels.bin")
    with pytest.raises(ValueError, match=f"{path.name} is not whole; remove it, and it is made"):
        Cache(path, 4)


def test_an_interrupt_leaves_nothing(pairs, table, home, monkeypatch):
    plain, seen = Files.read, []

    def read(self: Files, index: int):
        seen.append(index)
        if index == 2:
            raise KeyboardInterrupt
        return plain(self, index)

    monkeypatch.setattr(Files, "read", read)
    with pytest.raises(KeyboardInterrupt):
        open_source(pairs, table, VIEW, 0.25)
    assert seen
    assert list((home / "pixels").iterdir()) == []


def test_two_that_build_the_same_do_not_harm_each_other(pairs, table, home, monkeypatch):
    plain = cache_module._write

    def write(file, decode, count):
        monkeypatch.setattr(cache_module, "_write", plain)
        other = open_cache(pairs, table, VIEW, 0.25)  # it is done before this one
        others.append((other, (other.path / "pixels.bin").stat().st_ino))
        return plain(file, decode, count)

    others: list[tuple[Cache, int]] = []
    monkeypatch.setattr(cache_module, "_write", write)
    mine = open_cache(pairs, table, VIEW, 0.25)
    other, number = others[0]
    assert mine.path == other.path
    assert (mine.path / "pixels.bin").stat().st_ino == number
    assert all(same(mine.read(index), other.read(index)) for index in range(4))
    assert list((home / "pixels").iterdir()) == [mine.path]


def test_one_that_is_read_survives_being_cleaned_away(pairs, table):
    cache = open_cache(pairs, table, VIEW, 0.25)
    clean()
    assert cache.read(3).mask.shape == (6, 20)


@pytest.mark.parametrize("free", [0, cache_module.SPARE - 1])
def test_a_full_disk_leaves_the_files_and_a_word(pairs, table, home, capsys, monkeypatch, free):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 10**12, free))
    with pytest.raises(OSError, match=r"MB free, 1,000 MB wanted; make room") as caught:
        open_cache(pairs, table, VIEW, 0.25)
    assert caught.value.errno == errno.ENOSPC
    source = open_source(pairs, table, VIEW, 0.25, Bands(3))
    assert source == Files(pairs, table)
    words = f"no cache in {home} ({free / 1e6:,.0f} MB free, 1,000 MB wanted; make room), so every "
    assert words + "epoch decodes all images; set MASKWRIGHT_CACHE" in capsys.readouterr().err
    assert list((home / "pixels").iterdir()) == []


def test_the_room_that_the_rest_needs_is_told_from_the_first(pairs, table, monkeypatch):
    monkeypatch.setattr(cache_module, "SPARE", 0)
    monkeypatch.setattr(cache_module, "ENOUGH", 2)
    sizes = (13 * 20 * 4, 20 * 13 * 4, 9 * 12 * 4)
    needed = sizes[0] + sizes[1]  # twice as many are to come, of the same size
    for free in (needed, needed - 1):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free: Usage(0, 0, free))
        kept = isinstance(open_source(pairs, table, VIEW, 0.25), Cache)
        assert kept == (free == needed)
        clean()


def test_a_folder_that_cannot_be_written_leaves_the_files_and_a_word(pairs, table, home, capsys):
    home.write_text("a file is in the way")
    assert open_source(pairs, table, VIEW, 0.25) == Files(pairs, table)
    assert "MASKWRIGHT_CACHE" in capsys.readouterr().err
    assert home.read_text() == "a file is in the way"


@pytest.mark.parametrize("kind", ["image", "mask"])
def test_a_file_that_is_gone_is_named(pairs, table, kind):
    path: Path = getattr(pairs[1], kind)
    path.unlink()
    words = rf"1.png cannot be read \({os.strerror(errno.ENOENT)}\); mend it or take it out"
    with pytest.raises(DataError, match=words):
        open_source(pairs, table, VIEW, 0.25)


def test_a_file_that_cannot_be_decoded_is_named_and_nothing_is_left(pairs, table, home):
    pairs[1].image.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"1\.png is not an image"):
        open_source(pairs, table, VIEW, 0.25)
    assert list((home / "pixels").iterdir()) == []


def test_cleaning_counts_what_it_removes(pairs, table, home):
    assert clean() == (0, 0)
    paths = [open_cache(pairs, table, VIEW, zoom).path for zoom in (0, 0.25)]
    size = sum(file.stat().st_size for path in paths for file in path.iterdir())
    (home / "unpacked" / "cats-0123456789abcdef" / "masks").mkdir(parents=True)
    (home / "unpacked" / "cats-0123456789abcdef" / "masks" / "1.png").write_bytes(b"12345")
    for begun in (f"pixels/.{paths[0].name}.7-a.part", "unpacked/.cats-0123456789abcdef.7-a.part"):
        (home / begun).mkdir()
        (home / begun / "file").write_bytes(b"123")
    assert clean() == (3, size + 5 + 3 + 3)
    assert [list(folder.iterdir()) for folder in sorted(home.iterdir())] == [[], []]


def test_cleaning_follows_no_link_and_leaves_what_is_not_ours(home, tmp_path):
    outside = tmp_path / "outside"
    (outside / ("0" * 32)).mkdir(parents=True)
    (outside / "kept.txt").write_text("kept")
    pixels = home / "pixels"
    (pixels / ("a" * 32)).mkdir(parents=True)
    (pixels / ("a" * 32) / "link").symlink_to(outside, target_is_directory=True)
    (pixels / ("b" * 32)).symlink_to(outside, target_is_directory=True)
    (pixels / "holiday").mkdir()
    (pixels / ("c" * 32)).write_text("a file")
    (home / "unpacked").symlink_to(outside, target_is_directory=True)
    assert clean()[0] == 1
    assert sorted(path.name for path in pixels.iterdir()) == ["b" * 32, "c" * 32, "holiday"]
    assert (outside / "kept.txt").read_text() == "kept"
    assert (outside / ("0" * 32)).is_dir()
