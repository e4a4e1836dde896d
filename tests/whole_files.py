"""Whole files of every kind that is read, and what reads each: what fuzzing.py damages."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pycocotools.mask
import tifffile
from PIL import Image

from maskwright import checkpoint
from maskwright.calibration import LEVELS, Calibration
from maskwright.config import Config, ModelConfig
from maskwright.data.dataset import load_dataset
from maskwright.data.images import Bands, read_image, read_mask
from maskwright.data.ingest import archive, coco, labelstudio
from maskwright.data.labels import ClassTable, Label
from maskwright.data.listing import list_pairs
from maskwright.data.samples import write_samples
from maskwright.errors import MaskwrightError
from maskwright.evaluation.rows import Counts, read_counts, write_counts
from maskwright.models import build, opening
from maskwright.recipes import recipe
from maskwright.recording import create_run
from maskwright.runs import load, write_json
from maskwright.settings import change, read_config, to_toml

TABLE = ClassTable("index", (Label("a", "#000000", (0,)), Label("b", "#ffffff", (1,))), (255,))
CONTIG = {"photometric": "minisblack", "planarconfig": "contig"}


@dataclass(frozen=True)
class Target:
    """A reader: whole files, as (name, content), what reads them, and what it may raise.

    Of ``packed`` files, which have checksums, the members are damaged too. One that is ``slow``
    gets fewer.
    """

    seeds: list[tuple[str, bytes]]
    read: Callable[[Path], object]
    may_raise: tuple[type[Exception], ...] = (MaskwrightError,)
    packed: bool = False
    slow: bool = False


def stored(image: Image.Image, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def tiff(values: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, **options)
    return stream.getvalue()


def image_files() -> list[tuple[str, bytes]]:
    noise = np.random.default_rng(0).integers(0, 256, (24, 20, 3)).astype(np.uint8)
    smooth = Image.fromarray(noise // 128 * 40)
    files = [(f"{mode}.png", stored(smooth.convert(mode), "PNG")) for mode in ("RGB", "L", "P")]
    files += [(f"{mode}.png", stored(smooth.convert(mode), "PNG")) for mode in ("RGBA", "LA", "1")]
    files += [("i16.png", stored(Image.fromarray(noise[..., 0].astype(np.uint16) * 99), "PNG"))]
    formats = ("JPEG", "WEBP", "BMP", "GIF", "PPM", "TIFF")
    files += [(f"a.{format.lower()}", stored(smooth, format)) for format in formats]
    files += [("progressive.jpg", stored(smooth, "JPEG", progressive=True))]
    for compression in ("tiff_lzw", "packbits", "tiff_adobe_deflate"):
        files += [("packed.tif", stored(smooth, "TIFF", compression=compression))]
    return files


def band_files() -> list[tuple[str, bytes]]:
    five = np.random.default_rng(1).integers(0, 4096, (24, 20, 5)).astype(np.uint16)
    files = []
    for options in ({}, {"compression": "zlib"}, {"compression": "zlib", "predictor": True}):
        files += [("bands.tif", tiff(five, **CONTIG, **options))]
    files += [("tiles.tif", tiff(five, tile=(16, 16), **CONTIG))]
    files += [("planes.tif", tiff(five.transpose(2, 0, 1), planarconfig="separate"))]
    files += [("big.tif", tiff(five, bigtiff=True, **CONTIG))]
    return files


def read_as_mask(path: Path) -> None:
    TABLE.decode(read_mask(path), path)


def mask_files() -> list[tuple[str, bytes]]:
    values = np.random.default_rng(2).integers(0, 2, (24, 20)).astype(np.uint8)
    grey = Image.fromarray(values)
    files = [("a.png", stored(grey, "PNG")), ("a.tif", stored(grey, "TIFF"))]
    files += [("p.png", stored(grey.convert("P"), "PNG")), ("a.gif", stored(grey, "GIF"))]
    return [*files, ("i.tif", tiff(values.astype(np.int32))), ("i.png", files[0][1])]


def archives() -> list[tuple[str, bytes]]:
    files = []
    for kind in ("zip", "tar", "gztar"):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("images/a.png", "masks/a.png"):
                path = Path(folder) / "set" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"content of " + name.encode())
            packed = shutil.make_archive(f"{folder}/packed", kind, f"{folder}/set")
            files.append((Path(packed).name, Path(packed).read_bytes()))
    return files


def unpacked(path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as out:
        archive.unpack(path, Path(out))


def checkpoints() -> list[tuple[str, bytes]]:
    arrays = {"kernel": np.arange(12, dtype=np.float32), "step": np.array(3)}
    with tempfile.TemporaryDirectory() as folder:
        made = checkpoint.Checkpoint(3, {"epoch": 1, "rows": [{"loss": 0.5}]}, arrays)
        path = checkpoint.write_checkpoint(Path(folder), made)
        return [(path.name, path.read_bytes())]


def export_of(module: object, content: object) -> Target:
    """The reader of an export in JSON, beside an image."""
    picture = stored(Image.new("RGB", (6, 4)), "PNG")

    def read(path: Path) -> None:
        (path.parent / "a.png").write_bytes(picture)
        with tempfile.TemporaryDirectory(dir=path.parent) as out:
            module.unpack(path, Path(out))

    return Target([("export.json", json.dumps(content).encode())], read)


def encoded(mask: np.ndarray) -> str:
    """COCO's compressed run lengths."""
    return pycocotools.mask.encode(np.asfortranarray(mask))["counts"].decode()


COCO = {
    "images": [{"id": 1, "file_name": "a.png", "height": 4, "width": 6}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 7, "segmentation": [[1, 1, 4, 1, 4, 3]]},
        {"id": 2, "image_id": 1, "category_id": 7,
         "segmentation": {"size": [4, 6], "counts": encoded(np.eye(4, 6, dtype=np.uint8))}},
        {"id": 3, "image_id": 1, "category_id": 7, "iscrowd": 1,
         "segmentation": {"size": [4, 6], "counts": [5, 3, 16]}},
    ],
    "categories": [{"id": 7, "name": "dog"}],
}  # fmt: skip
SHAPE = {"x": 10, "y": 10, "width": 50, "height": 50, "rotation": 5, "rectanglelabels": ["dog"]}
LABELS = [{"id": 1, "data": {"image": "/data/upload/1/a.png"}, "annotations": [{"result": [
    {"type": "rectanglelabels", "from_name": "l", "to_name": "image", "original_width": 6,
     "original_height": 4, "value": SHAPE},
    {"type": "polygonlabels", "from_name": "l", "to_name": "image", "original_width": 6,
     "original_height": 4, "value": {"points": [[0, 0], [50, 0], [50, 90]],
                                     "polygonlabels": ["cat"]}},
]}]}]  # fmt: skip


class RunFiles:
    """A run folder in which one text file at a time is damaged."""

    NAMES = ("dataset.toml", "split.csv", "data.json", "config.toml", "run.json", "metrics.csv",
             "calibration.json")  # fmt: skip

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "run"
        write_samples(folder / "set", count=8, size=32)
        made = create_run(self.folder, recipe("scratch"), load_dataset(folder / "set"))
        made.write_metrics([{"epoch": 1, "loss": 0.25}])
        levels = [0.5, None] * (len(LEVELS) // 2)
        found = Calibration(1.2, 99, 0.1, 0.05, {"disc": levels}, levels)
        write_json(self.folder / "calibration.json", found.to_dict())
        self.whole = {name: (self.folder / name).read_bytes() for name in self.NAMES}

    def read_described(self, path: Path) -> None:
        (path.parent / "split.csv").write_bytes(self.whole["split.csv"])
        list_pairs(path)

    def read(self, path: Path) -> None:
        for name, content in (self.whole | {path.name: path.read_bytes()}).items():
            (self.folder / name).write_bytes(content)
        run = load(self.folder)
        run.config, run.dataset, run.metrics(), run.calibration


def counts() -> list[tuple[str, bytes]]:
    """What was counted in two images of two classes."""
    shapes = {"classes": (2, 3), "by_image": (2, 4, 2), "boundary": (2, 2), "near": (2, 4)}
    shapes |= dict.fromkeys(("contour_f1", "hausdorff", "missed"), (2, 2))
    shapes |= {"binned": (15, 3), "penalties": (3,)}
    each = {name: np.ones((2, *shape)) for name, shape in shapes.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test.npz"
        write_counts(path, Counts(["a.png", "b.png"], ["", ""], ["x", "y"], each))
        return [(path.name, path.read_bytes())]


def weights() -> list[tuple[str, bytes]]:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["layers/conv2d/vars/0"] = np.ones((3, 3, 3, 4), np.float32)
        file["layers/conv2d/vars/1"] = np.ones(4, np.float32)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as model:
        model.writestr(
            "config.json",
            json.dumps({"class_name": "Functional", "module": "keras.src.models.functional"}),
        )
        model.writestr("model.weights.h5", stream.getvalue())
    return [("model.keras", packed.getvalue())]


def read_model(path: Path) -> None:
    network, content = opening.members(path)
    opening.check_weights(content)
    opening.check_layers(json.loads(network), len(content))


PLAIN = ModelConfig(filters=(2, 2))


def models() -> list[tuple[str, bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        build(PLAIN, 2).save(Path(folder) / "model.keras")
        return [("model.keras", (Path(folder) / "model.keras").read_bytes())]


def open_both(path: Path) -> None:
    """As a network of ours and, where that can be, as somebody's own."""
    opening.open_model(path, PLAIN, 2, 3)
    opening.open_own(path)


def targets(folder: Path) -> dict[str, Target]:
    """All readers; ``folder`` is for what they need beside the file."""
    run = RunFiles(folder)
    described = [("dataset.toml", run.whole["dataset.toml"])]
    listed = [("list.csv", b"image,mask,split,group\na.png,b.png,train,x\nc.png,d.png,val,y\n")]
    settings = [("config.toml", to_toml(recipe("scratch")).encode())]
    return {
        "image": Target(image_files(), read_image),
        "bands": Target(band_files(), lambda path: read_image(path, Bands(5))),
        "mask": Target(mask_files(), read_as_mask),
        "manifest": Target(listed, list_pairs),
        "dataset.toml": Target(described, run.read_described),
        "config.toml": Target(settings, lambda path: change(Config(), read_config(path))),
        "archive": Target(archives(), unpacked),
        "checkpoint": Target(checkpoints(), checkpoint.read_checkpoint, (ValueError,), packed=True),
        "coco": export_of(coco, COCO),
        "label studio": export_of(labelstudio, LABELS),
        "run": Target(list(run.whole.items()), run.read),
        "counts": Target(counts(), read_counts, packed=True),
        # told() makes one error of all that may come
        "model.keras": Target(weights(), read_model, (Exception,), packed=True),
        "model": Target(models(), open_both, packed=True, slow=True),
    }
