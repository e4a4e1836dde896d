"""Damaged files for every reader: whatever they hold, an error of ours comes, and soon.

Claim    No file makes a reader crash, hang, fill the memory or raise what it does not promise.
Command  python tests/fuzzing.py --inputs 1000000 (make fuzz; two processes, half an hour)
Method   Whole files of every kind are damaged at random, one to eight times each: bits, bytes and
         numbers changed, ranges taken out, doubled or taken from another file, ends cut off;
         of archives with checksums also the members. Each reader gets the result with 2 GB of
         memory. What it raises must be what it promises, within 5 seconds. What goes wrong is
         written to --out, with the file.
Result   See docs/reliability.md. tests/test_fuzzing.py runs some thousands of them in each suite.
"""

from __future__ import annotations

import argparse
import io
import itertools
import multiprocessing
import random
import resource
import struct
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from whole_files import Target, targets

MEMORY, SECONDS = 2_000_000_000, 5.0  # for one input
NUMBERS = (0, 1, 2, 127, 128, 255, 256, 32767, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**63)


def damaged(content: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """The content with one to eight things wrong."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        if not data:
            return bytes(data)
        at, length = chance.randrange(len(data)), chance.randint(1, 1 + len(data) // 4)
        kind = chance.randrange(9)
        if kind == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[at] = chance.choice((0, 1, 127, 128, 255, 10, 34, 44, 91, 123))
        elif kind == 2:
            del data[at : at + length]
        elif kind == 3:
            data[at:at] = data[at : at + length]
        elif kind == 4:
            data[at:at] = chance.randbytes(chance.randint(1, 16))
        elif kind == 5:
            number, size = chance.choice(NUMBERS), chance.choice("BHIQ")
            most = 2 ** (8 * struct.calcsize(size)) - 1
            data[at : at + struct.calcsize(size)] = struct.pack(
                chance.choice("<>") + size, min(number, most)
            )
        elif kind == 6:
            other = chance.choice(others)
            begin = chance.randrange(max(1, len(other)))
            data[at : at + length] = other[begin : begin + length]
        elif kind == 7:
            text = str(chance.choice((-1, 1e308, "nan", *NUMBERS))).encode()
            data[at : at + chance.randint(0, 4)] = text
        else:
            del data[at:]
    return bytes(data)


def repacked(content: bytes, chance: random.Random) -> bytes:
    """The archive with one of its members damaged, and checksums that say nothing of it."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = chance.choice(list(members))
    members[name] = damaged(members[name], list(members.values()), chance)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for each, data in members.items():
            archive.writestr(each, data)
    return stream.getvalue()


def fed(name: str, target: Target, seed: int, folder: Path) -> Iterator[tuple[str, bytes, str]]:
    """Feed a reader without end: for each input its name, content, and what went wrong, or ""."""
    chance, others = random.Random(f"{name} {seed}"), [content for _, content in target.seeds]
    folder.mkdir()
    while True:
        called, content = chance.choice(target.seeds)
        within = target.packed and chance.random() < 0.7
        content = repacked(content, chance) if within else damaged(content, others, chance)
        (folder / called).write_bytes(content)
        begun, wrong = time.perf_counter(), ""
        try:
            target.read(folder / called)
        except target.may_raise as error:
            if isinstance(error, MemoryError) or not (str(error) or target.packed):
                wrong = f"{type(error).__name__}: {error}"
        except BaseException:
            wrong = traceback.format_exc()
        if time.perf_counter() - begun > SECONDS:
            wrong += f"took {time.perf_counter() - begun:.1f} s"
        yield called, content, wrong


def work(job: tuple[str, int, int, Path]) -> tuple[str, int, Counter[str]]:
    """One process: so many inputs for one reader; the findings by their last lines."""
    name, seed, inputs, out = job
    found: Counter[str] = Counter()
    shared = Path("/dev/shm")
    place = shared if shared.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        target = targets(Path(folder))[name]
        inputs = inputs // 200 if target.slow else inputs
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, held + MEMORY))
        stream = fed(name, target, seed, Path(folder) / "fed")
        for called, content, wrong in itertools.islice(stream, inputs):
            if wrong:
                kind = " ".join(wrong.strip().splitlines()[-1].split())[:120]
                if not found[kind]:
                    kept = out / f"{name}-{seed}-{len(found)}"
                    kept.mkdir(parents=True, exist_ok=True)
                    (kept / called).write_bytes(content)
                    (kept / "wrong.txt").write_text(wrong)
                found[kind] += 1
    return name, inputs, found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--target", nargs="*")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        names = options.target or list(targets(Path(folder)))
    each = options.inputs // len(names)
    parts = [(n, options.seed + part, each // 10, options.out) for part in range(10) for n in names]
    total, wrong, begun = Counter(), Counter(), time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(2, maxtasksperchild=1) as pool:
        for name, inputs, found in pool.imap_unordered(work, parts):
            total[name] += inputs
            wrong.update({f"{name}: {kind}": count for kind, count in found.items()})
    seconds = time.perf_counter() - begun
    print(f"{sum(total.values()):,} inputs in {seconds:.0f} s: {dict(total)}")
    for kind, count in wrong.most_common():
        print(f"{count:7,}  {kind}")
    print(f"{len(wrong)} findings" + (f", in {options.out}" if wrong else ""))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
