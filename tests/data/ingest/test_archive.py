"""Archives, good ones and hostile ones."""

import io
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from maskwright.data.ingest import archive
from maskwright.data.ingest.archive import copy, looks_like, unpack
from maskwright.errors import DataError

CALM = {"images/a.jpg": b"image", "masks/a.png": b"mask", "read me.txt": b""}


def zipped(path: Path, members: dict[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name), content, packing)
    return path


def tarred(path: Path, *members: tuple[tarfile.TarInfo, bytes], **options: object) -> Path:
    mode = "w" if path.suffix == ".tar" else "w:gz"
    with tarfile.open(path, mode, **options) as tar:
        for info, content in members:
            info.size = info.size or len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def plain(members: dict[str, bytes]) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [(tarfile.TarInfo(name), content) for name, content in members.items()]


def held(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# Good ones


@pytest.mark.parametrize("name", ["a.zip", "A.ZIP", "a.tar", "a.tar.gz", "a.tgz"])
def test_what_was_packed_is_unpacked(tmp_path, out, name):
    path = tmp_path / name
    _ = zipped(path, CALM) if "zip" in name.lower() else tarred(path, *plain(CALM))
    assert looks_like(path)
    unpack(path, out)
    assert held(out) == CALM


def test_only_files_of_these_names_look_like_archives(tmp_path):
    (tmp_path / "folder.zip").mkdir()
    (tmp_path / "a.zip.txt").touch()
    assert not looks_like(tmp_path / "folder.zip")
    assert not looks_like(tmp_path / "a.zip.txt")
    assert not looks_like(tmp_path / "gone.zip")


def test_what_macos_adds_is_left_out(tmp_path, out):
    added = {"__MACOSX/._a.jpg": b"x", "images/.DS_Store": b"x", "images/._a.jpg": b"x"}
    unpack(zipped(tmp_path / "a.zip", CALM | added), out)
    assert held(out) == CALM


def test_odd_but_harmless_names_are_put_in_order(tmp_path, out):
    members = {"./images//b.jpg": b"b", "masks\\c..v2.png": b"c", "größe/日本.png": b"d", "x/": b""}
    unpack(zipped(tmp_path / "a.zip", members), out)
    assert held(out) == {"images/b.jpg": b"b", "masks/c..v2.png": b"c", "größe/日本.png": b"d"}
    assert not (out / "x").exists()


def test_a_large_file_is_copied_whole(tmp_path, out):
    content = bytes(range(256)) * 10_001
    unpack(zipped(tmp_path / "a.zip", {"a": content}), out)
    unpack(tarred(tmp_path / "a.tgz", *plain({"b": content})), out)
    assert held(out) == {"a": content, "b": content}


# Names that lead elsewhere


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/evil", "C:evil", r"C:\evil", r"..\evil", r"\evil"]
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_member_that_would_land_outside_is_refused(tmp_path, out, name, kind):
    members = CALM | {name: b"evil"}
    path = tmp_path / f"a.{kind}"
    _ = zipped(path, members) if kind == "zip" else tarred(path, *plain(members))
    with pytest.raises(
        DataError, match=rf"a\.{kind}: '.*evil' would land outside of its folder; do not trust"
    ):
        unpack(path, out)
    assert held(out) == {}
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", "a\x7f", "a\x85"])
def test_control_characters_in_names_are_refused(tmp_path, out, name):
    with pytest.raises(
        DataError, match=r"a\.zip: 'a.* has a control character in its name; rename it and"
    ):
        unpack(zipped(tmp_path / "a.zip", {name: b""}), out)


def test_a_name_that_goes_on_behind_a_nul_is_refused(tmp_path, out):
    path = zipped(tmp_path / "a.zip", {"good.pngX.exe": b"x"})
    path.write_bytes(path.read_bytes().replace(b"good.pngX", b"good.png\0"))
    with pytest.raises(DataError, match=r"'good\.png\\x00\.exe' has a control character"):
        unpack(path, out)


def test_a_name_that_is_no_text_is_refused(tmp_path, out):
    path = tarred(tmp_path / "a.tar", *plain({"gr\udce9.png": b""}), errors="surrogateescape")
    with pytest.raises(DataError, match="has a control character in its name"):
        unpack(path, out)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, b"6"])
def test_links_and_devices_in_a_tar_are_refused(tmp_path, out, kind):
    info = tarfile.TarInfo("masks")
    info.type, info.linkname = kind, "/etc"
    with pytest.raises(
        DataError, match=r"a\.tgz: 'masks' is a link or a device; pack the files themselves"
    ):
        unpack(tarred(tmp_path / "a.tgz", (info, b""), *plain({"masks/a": b""})), out)


def test_links_in_a_zip_are_refused(tmp_path, out):
    link = zipfile.ZipInfo("masks")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(link, "/etc")
    with pytest.raises(DataError, match=r"a\.zip: 'masks' is a link or a device"):
        unpack(tmp_path / "a.zip", out)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(tmp_path, out):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("a/b.png", b"1")
        file.writestr("a//b.png", b"2")
    with pytest.raises(DataError, match=r"a\.zip: 'a//b\.png' is there more than once; pack it a"):
        unpack(tmp_path / "a.zip", out)


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a")])
def test_a_member_that_is_file_and_folder_is_refused(tmp_path, out, names):
    with pytest.raises(DataError, match=r"a\.zip holds a more than once; pack it again"):
        unpack(zipped(tmp_path / "a.zip", dict.fromkeys(names, b"x")), out)


# Bombs


def test_too_many_members_are_refused(tmp_path, out, monkeypatch):
    monkeypatch.setattr(archive, "MOST_MEMBERS", 2)
    with pytest.raises(DataError, match=r"a\.zip has more than 2 members; unpack it yourself"):
        unpack(zipped(tmp_path / "a.zip", CALM), out)


@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_too_many_bytes_are_refused_before_one_is_written(tmp_path, out, monkeypatch, kind):
    monkeypatch.setattr(archive, "MOST_BYTES", 8)
    path = tmp_path / f"a.{kind}"
    _ = zipped(path, CALM) if kind == "zip" else tarred(path, *plain(CALM))
    with pytest.raises(
        DataError, match=r"'masks/a\.png' brings it to more than 8 bytes; unpack it yourself"
    ):
        unpack(path, out)
    assert held(out) == {}


@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_a_member_that_swells_up_is_refused(tmp_path, out, kind):
    members = {"zeros": bytes(12_000_000)}
    path = tmp_path / f"a.{kind}"
    _ = zipped(path, members) if kind == "zip" else tarred(path, *plain(members))
    with pytest.raises(
        DataError, match=r"'zeros' swells from 11,\d+ to 12,000,000 bytes; unpack it yourself if"
    ):
        unpack(path, out)


def test_small_members_may_swell_up(tmp_path, out):
    unpack(zipped(tmp_path / "a.zip", {"mask.bmp": bytes(9_000_000)}), out)
    assert (out / "mask.bmp").stat().st_size == 9_000_000


def test_a_header_that_lies_about_the_size_does_not_pass(tmp_path, out):
    path = zipped(tmp_path / "a.zip", {"a.png": bytes(1000)})
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", 1000), struct.pack("<I", 10)))
    with pytest.raises(
        DataError, match=r"a\.zip cannot be unpacked \(Bad CRC-32 .*\); fetch or pack it again"
    ):
        unpack(path, out)


def test_more_than_the_header_says_is_not_written():
    file = io.BytesIO()
    with pytest.raises(
        DataError, match="it holds more than the 9 bytes that its header says; drop it"
    ):
        copy(io.BytesIO(b"0123456789"), file, 9, "it")
    assert file.getvalue() == b""


def test_a_tar_whose_header_would_fill_the_memory_is_refused(tmp_path, out):
    info = tarfile.TarInfo("a")
    info.pax_headers = {"comment": "x" * 3_000_000}
    path = tarred(tmp_path / "a.tgz", (info, b""), format=tarfile.PAX_FORMAT)
    with pytest.raises(
        DataError, match=r"a\.tgz cannot be unpacked \(a header of 3,000,\d+ bytes\)"
    ):
        unpack(path, out)


def test_a_full_disk_is_seen_before_anything_is_written(tmp_path, out, monkeypatch):
    class Usage:
        free = 5

    monkeypatch.setattr(archive.shutil, "disk_usage", lambda _: Usage)
    with pytest.raises(
        DataError, match=r"a\.zip unpacks to 9 bytes, but .* has 5 left; free some, or name ano"
    ):
        unpack(zipped(tmp_path / "a.zip", CALM), out)
    assert held(out) == {}


# Broken ones


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tgz"])
@pytest.mark.parametrize("content", [b"", b"no archive at all" * 100, b"\x1f\x8bhalf"])
def test_what_is_no_archive_is_named(tmp_path, out, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name} cannot be unpacked \(.*\); fetch or pack it"):
        unpack(tmp_path / name, out)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tgz"])
def test_an_archive_that_breaks_off_is_named(tmp_path, out, name):
    path = tmp_path / name
    big = {"a": bytes(range(256)) * 1000, "b": bytes(range(256)) * 1000}
    _ = zipped(path, big) if name == "a.zip" else tarred(path, *plain(big))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"{name} cannot be unpacked"):
        unpack(path, out)


def test_an_archive_with_a_password_is_named(tmp_path, out):
    path = zipped(tmp_path / "a.zip", {"a.png": b"secret"})
    data = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(signature) + flags] |= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"cannot be unpacked \(.*encrypted, password required"):
        unpack(path, out)


@pytest.mark.parametrize("members", [{}, {"__MACOSX/a": b"x", "folder/": b""}])
def test_an_archive_without_a_file_is_named(tmp_path, out, members):
    with pytest.raises(DataError, match=r"a\.zip holds no file; pack images and masks into it"):
        unpack(zipped(tmp_path / "a.zip", members), out)


def test_a_member_without_a_name_is_a_broken_archive(tmp_path, out):
    path = zipped(tmp_path / "a.zip", {"x": b"image"})
    content = path.read_bytes()
    at = content.rindex(b"PK\x01\x02")  # the list of members: no name, and so no x either
    path.write_bytes(content[: at + 28] + b"\0\0" + content[at + 30 : at + 46] + content[at + 47 :])
    with pytest.raises(DataError, match=r"a\.zip cannot be unpacked"):
        unpack(path, out)


def test_a_member_at_a_place_that_there_is_not_is_a_broken_archive(tmp_path, out):
    path = zipped(tmp_path / "a.zip", CALM)
    content = path.read_bytes()
    begun = int.from_bytes(content[-6:-2], "little")  # of the list of members, as its end says
    path.write_bytes(content[:-6] + (begun + 200).to_bytes(4, "little") + content[-2:])
    with pytest.raises(DataError, match=r"a\.zip cannot be unpacked"):
        unpack(path, out)


def test_a_broken_stream_of_bzip2_is_a_broken_archive(tmp_path, out):
    path = zipped(tmp_path / "a.zip", {"x": bytes(range(256)) * 9}, zipfile.ZIP_BZIP2)
    content = bytearray(path.read_bytes())
    at = content.index(b"BZh")
    content[at + 4 : at + 10] = b"broken"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.zip cannot be unpacked"):
        unpack(path, out)
