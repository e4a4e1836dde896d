"""The download against real servers on this machine, each with one fault."""

import errno
import gzip
import hashlib
import io
import socket
import tarfile
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from maskwright.data import download
from maskwright.data.download import PETS_ARCHIVES, PETS_URL, Archive, fetch_pets
from maskwright.errors import DownloadError, UsageError

NOISE = hashlib.shake_128(b"pets").digest(50_000)  # does not compress, so byte counts are known


def packed(members: dict[str, bytes]) -> bytes:
    """A tar.gz with these members."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


IMAGES = packed({"images/cat.jpg": NOISE, "images/dog.jpg": b"dog"})
NOTES = packed({"annotations/trimaps/cat.png": b"trimap"})


def archive(name: str, content: bytes, size: int | None = None) -> Archive:
    return Archive(name, hashlib.md5(content).hexdigest(), size)


ARCHIVES = (archive("images.tar.gz", IMAGES, len(IMAGES)), archive("annotations.tar.gz", NOTES))
JUST_IMAGES, JUST_NOTES = ARCHIVES[:1], ARCHIVES[1:]


class Handler(BaseHTTPRequestHandler):
    server: "Site"

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        if self.server.answers:
            code = self.server.answers.pop(0)
            if code == 302:
                self.send_response(302)
                self.send_header("Location", "/moved" + self.path)
                self.send_header("Content-Length", "0")
                return self.end_headers()
            if code != 200:
                return self.send_error(code)
        body = self.server.files[self.path.rpartition("/")[2]]
        start = int(wanted[6:-1]) if wanted and self.server.ranges else 0
        if start and start >= len(body):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_body(body[start:], self.server.breaks.pop(0) if self.server.breaks else None)

    def send_body(self, body: bytes, only: int | None):
        if self.server.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n" % len(body) + body[:only])
            if only is None:
                self.wfile.write(b"\r\n0\r\n\r\n")
        else:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:only])
        self.close_connection = True

    def log_message(self, *args):
        pass


class Site(ThreadingHTTPServer):
    """A server of files with faults: ``breaks`` and ``answers`` hold one entry a request."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {"images.tar.gz": IMAGES, "annotations.tar.gz": NOTES}
        self.ranges, self.chunked = True, False
        self.breaks: list[int] = []
        self.answers: list[int] = []
        self.asked: list[tuple[str, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/pets/"


@pytest.fixture
def site():
    with Site() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _quick_and_local(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "WAITS", (0.0, 0.0, 0.0))
    monkeypatch.setattr(download, "TIMEOUT", 5.0)


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


WHOLE = ["annotations/trimaps/cat.png", "images/cat.jpg", "images/dog.jpg"]


# What works


def test_the_pets_are_the_published_files():
    assert PETS_URL == "https://www.robots.ox.ac.uk/~vgg/data/pets/data/"
    assert [(a.name, a.folder, a.size) for a in PETS_ARCHIVES] == [
        ("images.tar.gz", "images", 791918971),
        ("annotations.tar.gz", "annotations", None),
    ]


def test_fetches_unpacks_and_removes_the_archives(site, tmp_path):
    fetch_pets(tmp_path / "new" / "pets", site.url, ARCHIVES)
    assert everything(tmp_path / "new" / "pets") == WHOLE
    assert (tmp_path / "new" / "pets" / "images" / "cat.jpg").read_bytes() == NOISE
    assert site.asked == [("/pets/images.tar.gz", None), ("/pets/annotations.tar.gz", None)]


def test_a_run_after_success_asks_for_nothing_and_says_so(site, tmp_path, capsys):
    fetch_pets(tmp_path, site.url, ARCHIVES)
    assert "images and annotations are ready" in capsys.readouterr().err
    site.asked.clear()
    fetch_pets(tmp_path, site.url, ARCHIVES)
    assert site.asked == []
    assert "images and annotations are already there; nothing to fetch" in capsys.readouterr().err


def test_base_url_may_lack_its_last_slash(site, tmp_path):
    fetch_pets(tmp_path, site.url.rstrip("/"), ARCHIVES)
    assert everything(tmp_path) == WHOLE


def test_follows_a_redirect_and_keeps_the_range(site, tmp_path):
    (tmp_path / "images.tar.gz.part").write_bytes(IMAGES[:100])
    site.answers = [302]
    fetch_pets(tmp_path, site.url, JUST_IMAGES)
    assert site.asked[-1] == ("/moved/pets/images.tar.gz", "bytes=100-")


def test_only_what_is_missing_is_fetched(site, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "mine.jpg").write_bytes(b"mine")
    (tmp_path / "annotations").mkdir()  # empty: as good as missing
    fetch_pets(tmp_path, site.url, ARCHIVES)
    assert everything(tmp_path) == ["annotations/trimaps/cat.png", "images/mine.jpg"]
    assert site.asked == [("/pets/annotations.tar.gz", None)]


def test_a_checked_archive_is_not_fetched_again(site, tmp_path):
    (tmp_path / "images.tar.gz").write_bytes(IMAGES)
    fetch_pets(tmp_path, site.url, ARCHIVES)
    assert everything(tmp_path) == WHOLE
    assert site.asked == [("/pets/annotations.tar.gz", None)]


# Going on


def test_goes_on_where_an_earlier_run_ended(site, tmp_path):
    (tmp_path / "images.tar.gz.part").write_bytes(IMAGES[:20_000])
    fetch_pets(tmp_path, site.url, ARCHIVES)
    assert everything(tmp_path) == WHOLE
    assert site.asked[0] == ("/pets/images.tar.gz", "bytes=20000-")


def test_goes_on_by_itself_when_the_connection_breaks(site, tmp_path, capsys):
    site.breaks = [10_000, 5_000]
    fetch_pets(tmp_path, site.url, JUST_IMAGES)
    assert [wanted for _, wanted in site.asked] == [None, "bytes=10000-", "bytes=15000-"]
    assert "the connection broke off after 10000 of" in capsys.readouterr().err


def test_goes_on_when_a_chunked_body_breaks(site, tmp_path, monkeypatch):
    monkeypatch.setattr(Handler, "protocol_version", "HTTP/1.1")
    site.chunked, site.breaks = True, [10_000]
    fetch_pets(tmp_path, site.url, JUST_IMAGES)
    assert [wanted for _, wanted in site.asked] == [None, "bytes=10000-"]


def test_tries_that_advance_do_not_count(site, tmp_path):
    site.breaks = [1_000] * 12
    fetch_pets(tmp_path, site.url, JUST_IMAGES)
    assert len(site.asked) == 13


def test_a_server_error_between_tries_is_waited_out(site, tmp_path):
    site.breaks, site.answers = [10_000], [200, 503]
    fetch_pets(tmp_path, site.url, JUST_IMAGES)
    assert [wanted for _, wanted in site.asked] == [None, "bytes=10000-", "bytes=10000-"]


def test_starts_over_when_the_server_knows_no_ranges(site, tmp_path):
    (tmp_path / "images.tar.gz.part").write_bytes(b"x" * (len(IMAGES) + 5))
    site.ranges = False
    fetch_pets(tmp_path, site.url, JUST_IMAGES)
    assert everything(tmp_path) == ["images/cat.jpg", "images/dog.jpg"]


def test_starts_over_when_the_part_is_longer_than_the_file(site, tmp_path):
    (tmp_path / "images.tar.gz.part").write_bytes(IMAGES + b"more")
    fetch_pets(tmp_path, site.url, JUST_IMAGES)
    assert [wanted for _, wanted in site.asked] == [f"bytes={len(IMAGES) + 4}-", None]
    assert everything(tmp_path) == ["images/cat.jpg", "images/dog.jpg"]


def test_a_part_that_is_already_whole_is_taken(site, tmp_path):
    (tmp_path / "annotations.tar.gz.part").write_bytes(NOTES)
    fetch_pets(tmp_path, site.url, JUST_NOTES)
    assert site.asked == [("/pets/annotations.tar.gz", f"bytes={len(NOTES)}-")]
    assert everything(tmp_path) == ["annotations/trimaps/cat.png"]


# What goes wrong: one line each, and nothing half-done in place


def fails(words: str, folder: Path, url: str, archives=JUST_IMAGES) -> None:
    with pytest.raises(DownloadError, match=words) as caught:
        fetch_pets(folder, url, archives)
    assert "\n" not in str(caught.value)
    assert not (folder / "images").exists()
    assert not (folder / ".images.part").exists()


def test_a_connection_that_keeps_breaking_names_the_byte(site, tmp_path):
    site.breaks = [10_000, 0, 0, 0]
    fails(
        r"/pets/images.tar.gz: the connection broke off after 10000 of \d+ bytes; check the "
        r"network or wait a little, then run the same command again: it goes on from byte 10000\.",
        tmp_path,
        site.url,
    )
    assert len(site.asked) == 4


def test_breaking_at_the_same_place_without_ranges_ends(site, tmp_path):
    site.ranges, site.breaks = False, [10_000] * 9
    fails("broke off after 10000 of", tmp_path, site.url)
    assert len(site.asked) == 4


def test_a_wrong_byte_names_both_checksums(site, tmp_path):
    wrong = IMAGES[:-1] + bytes([IMAGES[-1] ^ 1])
    site.files["images.tar.gz"] = wrong
    expected, found = (hashlib.md5(content).hexdigest() for content in (IMAGES, wrong))
    fails(
        rf"images\.tar\.gz\.part: the MD5 checksum should be {expected}, found {found}; "
        "the file was deleted, run the same command again",
        tmp_path,
        site.url,
    )
    assert everything(tmp_path) == []


@pytest.mark.parametrize("code", [403, 404])
def test_a_refusal_says_what_to_do(site, tmp_path, code):
    site.answers = [code]
    words = rf"/pets/images.tar.gz: the server answered {code} \w+.*; run the same command again, "
    fails(words + "or put the file into .* yourself", tmp_path, site.url)
    assert len(site.asked) == 1


def test_a_server_error_is_reported_at_once(site, tmp_path):
    site.answers = [500]
    fails("the server answered 500 Internal Server Error; check the network", tmp_path, site.url)
    assert len(site.asked) == 1


def test_a_refused_port(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening
        (tmp_path / "images.tar.gz.part").write_bytes(b"1234567")
        fails(
            r"images.tar.gz: no connection \(.*refused\); check the network or wait a little, "
            "then run the same command again: it goes on from byte 7",
            tmp_path,
            f"http://127.0.0.1:{taken.getsockname()[1]}/",
        )


def test_a_name_that_cannot_be_looked_up(tmp_path, monkeypatch):
    def offline(*args, **options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", offline)
    fails(r"no connection \(.*Name or service not known\)", tmp_path, "http://nowhere.invalid/")


def test_a_server_that_never_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        fails(r"no connection \(timed out\)", tmp_path, url)


@pytest.mark.parametrize("name", ["../evil", "/evil", "images/../../evil"])
def test_an_unsafe_member(site, tmp_path, name):
    site.files["images.tar.gz"] = bad = packed({"images/a.jpg": b"a", name: b"evil"})
    fails(
        f"images.tar.gz: the member '{name}' is unsafe; nothing was unpacked, "
        "delete the archive and do not trust its source",
        tmp_path / "pets",
        site.url,
        (archive("images.tar.gz", bad),),
    )
    assert not (tmp_path / "evil").exists()
    assert not Path("/evil").exists()


def garbled() -> bytes:
    """The first 30,000 bytes of a tar as gzip, and then a block of a kind that does not exist."""
    deflate = zlib.compressobj(wbits=31)
    start = deflate.compress(gzip.decompress(IMAGES)[:30_000])
    return start + deflate.flush(zlib.Z_FULL_FLUSH) + b"\x07" * 50_000


DAMAGED = {
    "no gzip at all": b"not a tar",
    "cut": IMAGES[:-20_000],
    "garbled": garbled(),
    "cut, wrong sum": gzip.compress(gzip.decompress(IMAGES)[:30_000])[:-8] + bytes(8),
}


@pytest.mark.parametrize("bad", DAMAGED.values(), ids=DAMAGED)
def test_an_archive_that_cannot_be_unpacked(site, tmp_path, bad):
    site.files["images.tar.gz"] = bad
    words = r"images.tar.gz: cannot be unpacked \(.+\); delete it and run the same command again"
    fails(words, tmp_path, site.url, (archive("images.tar.gz", bad),))


def test_an_archive_without_its_folder(site, tmp_path):
    site.files["images.tar.gz"] = NOTES
    words = "images.tar.gz: holds no folder images; delete it and run again"
    fails(words, tmp_path, site.url, (archive("images.tar.gz", NOTES),))


class FullFile(io.FileIO):
    """A file on a disk that has room for 20,000 bytes."""

    def write(self, data) -> int:
        if self.tell() + len(data) > 20_000:
            super().write(bytes(data)[: 20_000 - self.tell()])
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


def test_a_full_disk_while_fetching(site, tmp_path, monkeypatch):
    opened = Path.open

    def full(self, mode="r"):
        return FullFile(self, mode) if mode == "ab" else opened(self, mode)

    monkeypatch.setattr(Path, "open", full)
    fails(
        r"images\.tar\.gz\.part: the disk is full; free some space and "
        r"run the same command again: it goes on from byte 20000\.",
        tmp_path,
        site.url,
    )


def test_a_full_disk_while_unpacking(site, tmp_path, monkeypatch):
    def full(self, path, **options):
        Path(path).mkdir()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "extractall", full)
    fails(
        r"images: the disk is full; free some space and run the same command again\.",
        tmp_path,
        site.url,
    )
    assert everything(tmp_path) == ["images.tar.gz"]


def test_a_place_that_cannot_be_written(tmp_path, site):
    (tmp_path / "file").write_text("in the way")
    words = r"file.pets: cannot be written \(Not a directory\); choose another folder"
    fails(words, tmp_path / "file" / "pets", site.url)


def test_another_kind_of_address(tmp_path):
    with pytest.raises(UsageError, match=r"must begin with http:// or https://, got 'ftp://x'"):
        fetch_pets(tmp_path, "ftp://x", ARCHIVES)


def test_an_interrupt_keeps_what_came(site, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_verify", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        fetch_pets(tmp_path, site.url, JUST_IMAGES)
    assert everything(tmp_path) == ["images.tar.gz.part"]
    monkeypatch.undo()
    monkeypatch.setenv("no_proxy", "*")
    fetch_pets(tmp_path, site.url, JUST_IMAGES)
    assert everything(tmp_path) == ["images/cat.jpg", "images/dog.jpg"]
