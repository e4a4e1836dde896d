"""A folder of hostile files ends in findings: no crash, no hang, no more than 1 GB of memory."""

import json
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from defects import DEFECTS

from maskwright.data.audit import check
from maskwright.data.audit.repair import repair
from maskwright.data.dataset import load_dataset
from maskwright.data.samples import write_samples
from maskwright.errors import DataError

LIMIT = 1e9  # bytes of resident memory
CHECK = """
import json, sys
from pathlib import Path
from maskwright.data.audit import check
from maskwright.errors import DataError
try:
    found = check(sys.argv[1]).to_dict()
except DataError as error:
    found = {"error": str(error)}
status = Path("/proc/self/status").read_text()  # ru_maxrss would be that of the parent, if larger
peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
print(json.dumps({**found, "peak": peak}))
"""


def check_apart(data: Path, tmp_path: Path) -> dict:
    """What check finds, in a process of its own that has a minute."""
    done = subprocess.run(
        [sys.executable, "-c", CHECK, str(data)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PATH": "", "MASKWRIGHT_CACHE": str(tmp_path / "cache")},
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["peak"] < LIMIT
    assert "Traceback" not in done.stderr
    return found


@pytest.fixture
def root(tmp_path) -> Path:
    write_samples(tmp_path / "set", count=12, size=64)
    return tmp_path / "set"


def png(width: int, height: int, rows: bytes) -> bytes:
    """A PNG that claims a size, grey, with the given compressed content."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    )


def lying_tiff() -> bytes:
    """A TIFF of 64×64 pixels whose only strip begins far behind its end."""
    tags = [
        (256, 3, 64), (257, 3, 64), (258, 3, 8), (259, 3, 1), (262, 3, 1),
        (273, 4, 0x7FFFFFFF), (277, 3, 1), (278, 3, 64), (279, 4, 0x7FFFFFFF),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + b"\0" * 4


def test_hostile_files_all_end_in_findings(root, tmp_path):
    images, masks = root / "images", root / "masks"
    (images / "shape_0001.jpg").write_bytes(png(100_000, 100_000, zlib.compress(b"\0" * 1000)))
    (masks / "shape_0002.png").write_bytes(png(100_000, 100_000, zlib.compress(b"\0" * 1000)))
    (images / "shape_0003.jpg").write_bytes(lying_tiff())
    (masks / "shape_0004.png").write_bytes(lying_tiff())
    (images / "loop").symlink_to(images, target_is_directory=True)
    (masks / "shape_0005.png").unlink()
    (masks / "shape_0005.png").symlink_to(masks / "shape_0005.png")
    (images / "shape_0006.jpg").rename(images / "a\nb.jpg")
    (masks / "shape_0006.png").rename(masks / "a\nb.png")
    with zipfile.ZipFile(images / "more.zip", "w") as archive:
        archive.writestr("../../evil.png", b"x")
    found = check_apart(root, tmp_path)
    kinds = {finding["kind"]: finding["count"] for finding in found["findings"]}
    assert kinds["too-large"] == 2
    assert kinds["truncated"] == 2
    assert kinds["missing"] == 1 or kinds["image-without-mask"] == 1
    assert kinds["odd-name"] == 1
    assert kinds["no-image"] == 2  # the loop and the archive
    assert not (tmp_path / "evil.png").exists()


def test_an_archive_that_reaches_out_of_its_folder_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("images/a.png", b"x")
        archive.writestr("../../evil.png", b"x")
    found = check_apart(tmp_path / "set.zip", tmp_path)
    assert "../../evil.png" in found["error"]
    assert not list(tmp_path.rglob("evil.png"))


def test_images_just_below_the_limit_stay_within_the_memory(root, tmp_path):
    side = 9_000  # 81 million pixels, a few kilobytes compressed
    row = b"\0" + b"\x80" * side
    compressor = zlib.compressobj(9)
    content = b"".join(compressor.compress(row) for _ in range(side)) + compressor.flush()
    for n in range(3):
        (root / "images" / f"shape_000{n}.jpg").write_bytes(png(side, side, content))
        (root / "masks" / f"shape_000{n}.png").write_bytes(png(side, side, content))
    found = check_apart(root, tmp_path)
    kinds = {finding["kind"]: finding["count"] for finding in found["findings"]}
    assert kinds["blank-image"] == 3


@pytest.mark.parametrize("seed", range(4))
def test_files_with_random_damage_never_crash_it(root, tmp_path, seed):
    rng = np.random.default_rng(seed)
    files = sorted([*(root / "images").iterdir(), *(root / "masks").iterdir()])
    for path in files[::2]:
        content = bytearray(path.read_bytes())
        for place in rng.integers(len(content), size=20):
            content[place] = rng.integers(256)
        path.write_bytes(bytes(content[: rng.integers(len(content) // 2, len(content) + 1)]))
    assert check_apart(root, tmp_path)["images"] == 12


def test_every_defect_at_once_is_survived(tmp_path):
    write_samples(tmp_path / "set", count=48, size=64)
    survived = 0
    for _, damage in DEFECTS.values():
        try:
            damage(tmp_path / "set")
            survived += 1
        except Exception:  # some damage what another has taken away or spoilt
            continue
    assert survived >= 15
    assert check_apart(tmp_path / "set", tmp_path)["findings"]


def test_a_name_that_is_not_utf8_is_said_and_left_out(tmp_path, write_pairs):
    folder = write_pairs(tmp_path / "data", 8)
    for inside in ("images", "masks"):
        path = folder / inside / "3.png"
        path.rename(path.with_name(os.fsdecode(b"caf\xe9.png")))
    found = check(folder)
    (flaw,) = next(one for one in found.findings if one.kind == "name-encoding").flaws
    assert flaw.detail == "its name is not UTF-8: 'caf\\udce9.png'"
    assert len(found.pairs) == 7
    words = [sys.executable, "-m", "maskwright", "check", folder, "--html", tmp_path / "page"]
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == 1
    assert b"names that are not UTF-8" in done.stderr
    made = repair(found, tmp_path / "clean")
    assert len(made.pairs) == 7
    assert "caf\\udce9.png" in (tmp_path / "clean" / "repair.csv").read_text()
    assert load_dataset(folder, skip_bad=True).counts()["train"] > 0
    with pytest.raises(DataError, match=r"its name is not UTF-8.*; rename them.*--skip-bad leaves"):
        load_dataset(folder)


def test_a_list_with_a_nul_is_named(tmp_path, write_pairs):
    folder = write_pairs(tmp_path / "data", 2)
    (folder / "list.csv").write_text("image,mask\nimages/0.png,masks/0\0.png\n")
    with pytest.raises(DataError, match=r"list\.csv line 2 holds a NUL character; take it out"):
        check(folder / "list.csv")
