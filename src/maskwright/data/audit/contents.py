"""What the facts of a set show about its files: formats, sizes, colours, empty masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from maskwright.console import amount
from maskwright.data.audit.encoding import Entry
from maskwright.data.audit.facts import ImageFacts, MaskFacts, PairFacts, same_shape
from maskwright.data.audit.values import as_table_sees
from maskwright.data.findings import Flaw
from maskwright.data.images import RGB, Bands
from maskwright.data.labels import IGNORE, ClassTable
from maskwright.data.pairing import Pair

EXTENSIONS = {
    "JPEG": {".jpg", ".jpeg"}, "PNG": {".png"}, "TIFF": {".tif", ".tiff"}, "WEBP": {".webp"},
    "BMP": {".bmp"}, "GIF": {".gif"}, "PPM": {".ppm", ".pgm", ".pbm", ".pnm"},
}  # fmt: skip
ALPHA = ("RGBA", "LA", "PA")
OUT_OF_LINE = 8  # times larger or smaller than the median side
LEAST_SIDE = 16  # pixels
RARE_IMAGES = 3  # a class in fewer images than this is rare
RARE_PIXELS = 2e-4  # or with a smaller share of the pixels


def file_flaws(pairs: Sequence[Pair], looked: Sequence[PairFacts]) -> Iterator[Flaw]:
    """What is wrong with single files, and with single images beside the others."""
    images = [facts.image for facts in looked if isinstance(facts.image, ImageFacts)]
    usual = _Usual.of(images)
    for pair, facts in zip(pairs, looked, strict=True):
        for path in (pair.image, pair.mask):
            if not path.name.isprintable():
                yield Flaw("odd-name", path, repr(path.name), pair.image)
                break
        if isinstance(facts.image, Flaw):
            yield facts.image
        else:
            yield from _image_flaws(pair, facts.image, usual)
        if isinstance(facts.mask, Flaw):
            yield facts.mask
        else:
            yield from _extension(pair.mask, facts.mask.format, pair)
        if isinstance(facts.image, ImageFacts) and isinstance(facts.mask, MaskFacts):
            yield from size_flaws(pair, facts.image, facts.mask)


class _Usual:
    """What most images of the set are like."""

    def __init__(self, bands: int, depth: int, colored: bool, side: float) -> None:
        self.bands, self.depth, self.colored, self.side = bands, depth, colored, side

    @staticmethod
    def of(images: Sequence[ImageFacts]) -> _Usual:
        if not images:
            return _Usual(3, 8, True, 0)
        bands = common_bands(images)
        depth = Counter(image.depth for image in images).most_common(1)[0][0]
        colored = 2 * sum(image.bands == 3 for image in images) > len(images)
        side = float(np.median([(image.width * image.height) ** 0.5 for image in images]))
        return _Usual(bands, depth, colored, side)


def common_bands(images: Sequence[ImageFacts]) -> int:
    """The number of bands that the network is to see: grey and RGB images are RGB, 3."""
    most = Counter(3 if image.bands == 1 else image.bands for image in images)
    return most.most_common(1)[0][0] if most else 3


def _image_flaws(pair: Pair, image: ImageFacts, usual: _Usual) -> Iterator[Flaw]:
    path = pair.image
    yield from _extension(path, image.format, pair)
    if (3 if image.bands == 1 else image.bands) != usual.bands:
        detail = f"{amount(image.bands, 'band')}, most have {usual.bands}"
        yield Flaw("bands", path, detail, path)
    elif image.bands == 1 and usual.colored and image.depth == usual.depth:
        yield Flaw("grey-image", path, f"grey ({image.mode})", path)
    if image.mode in ALPHA or image.mode.endswith("+alpha"):
        yield Flaw("alpha", path, image.mode, path)
    if image.mode in ("CMYK", "YCCK"):
        yield Flaw("cmyk", path, image.mode, path)
    if image.mode == "P":
        yield Flaw("palette-image", path, "palette", path)
    if image.depth != usual.depth:
        yield Flaw("depth", path, f"{image.depth} bits, most have {usual.depth}", path)
    if image.several:
        yield Flaw("several-frames", path, image.format, path)
    if image.orientation != 1:
        yield Flaw("orientation", path, f"EXIF orientation {image.orientation}", path)
    if image.plain:
        yield Flaw("blank-image", path, "all its pixels are the same", path)
    side = (image.width * image.height) ** 0.5
    ratio = max(side / usual.side, usual.side / side)
    if ratio > OUT_OF_LINE or min(image.width, image.height) < LEAST_SIDE:
        detail = f"{image.width}×{image.height} pixels; the median side is {usual.side:.0f}"
        yield Flaw("size", path, detail, path)


def _extension(path: Path, format: str, pair: Pair) -> Iterator[Flaw]:
    if path.suffix.lower() not in EXTENSIONS.get(format, {path.suffix.lower()}):
        yield Flaw("extension", path, f"holds {format}", pair.image)


def size_flaws(pair: Pair, image: ImageFacts, mask: MaskFacts) -> Iterator[Flaw]:
    """A mask whose size is not that of its image."""
    size, other = (image.width, image.height), (mask.width, mask.height)
    if size == other:
        return
    detail = f"{other[0]}×{other[1]} pixels, its image {pair.image.name} {size[0]}×{size[1]}"
    if image.orientation >= 5 and other == size[::-1]:
        kind = "mask-orientation"
    else:
        kind = "mask-size" if same_shape(size, other) else "mask-shape"
    yield Flaw(kind, pair.mask, detail, pair.image)


def bands_of(looked: Sequence[PairFacts]) -> Bands:
    """How the image files become uint8: one range for the set, where they have more than 8 bits."""
    images = [facts.image for facts in looked if isinstance(facts.image, ImageFacts)]
    count = common_bands(images)
    ranges = [image.range for image in images if image.range and len(image.range) in (1, count)]
    if not ranges:
        return RGB if count == 3 else Bands(count)
    spread = np.array([[r[n % len(r)] for n in range(count)] for r in ranges])  # [images, bands, 2]
    low, high = spread[..., 0].min(axis=0), spread[..., 1].max(axis=0)
    high = np.maximum(high, low + np.maximum(1e-6, 1e-6 * np.abs(low)))
    return Bands(count, tuple(low.tolist()), tuple(high.tolist()))


def presence(mask: MaskFacts, table: ClassTable) -> dict[int, int]:
    """The pixels of each class index (255: ignored) in a mask; values without a class left out."""
    pixels = as_table_sees(mask, table)
    classes, known = table.find(np.array(list(pixels), np.int64))
    found: Counter[int] = Counter()
    for one, sure, count in zip(classes.tolist(), known.tolist(), pixels.values(), strict=True):
        if sure:
            found[one] += count
    if table.encoding == "instances":  # more objects than values were kept
        found[1] += mask.width * mask.height - sum(pixels.values())
    return {index: count for index, count in found.items() if count}


def background(table: ClassTable) -> int | None:
    """The class that is nothing: the one so named, or that of the value 0."""
    if table.ground:
        return table.ground[0]
    return next((n for n, label in enumerate(table.labels) if 0 in label.values), None)


def class_flaws(
    entries: Sequence[Entry], present: Sequence[dict[int, int]], table: ClassTable
) -> Iterator[Flaw]:
    """Empty masks, and classes that are rare or absent; ``present`` as ``presence`` gives it."""
    bare = background(table)
    for entry, found in zip(entries, present, strict=True):
        yield from _plain_mask(entry, found, table, bare)
    pixels, images = _totals(present)
    counted = sum(count for index, count in pixels.items() if index != IGNORE)
    for index, name in enumerate(table.names):
        if not images[index]:
            yield Flaw("absent-class", Path(name), "no pixel in any mask")
        elif len(entries) >= 10 and (
            images[index] < RARE_IMAGES or pixels[index] < RARE_PIXELS * counted
        ):
            holder = next(
                e.path for e, found in zip(entries, present, strict=True) if found.get(index)
            )
            share = f"{pixels[index]:,} pixels in {amount(images[index], 'mask')}"
            yield Flaw("rare-class", holder, f"class {name}: {share}")


def _plain_mask(
    entry: Entry, found: dict[int, int], table: ClassTable, bare: int | None
) -> Iterator[Flaw]:
    classes = set(found) - {IGNORE}
    if not classes and found:
        yield Flaw("ignored-mask", entry.path, "all pixels are ignored", entry.image)
    elif len(classes) == 1:
        (only,) = classes
        kind = "empty-mask" if only == bare else "one-class"
        yield Flaw(kind, entry.path, f"all {table.names[only]}", entry.image)


def _totals(present: Iterable[dict[int, int]]) -> tuple[Counter[int], Counter[int]]:
    """Pixels of each class, and the number of masks that hold it."""
    pixels: Counter[int] = Counter()
    images: Counter[int] = Counter()
    for found in present:
        pixels.update(found)
        images.update(found.keys())
    return pixels, images


def same_masks(entries: Sequence[Entry], digests: Sequence[str]) -> Iterator[Flaw]:
    """Masks of equal content, not plain, whose images differ; ``digests`` of the images."""
    first: dict[bytes, int] = {}
    for place, entry in enumerate(entries):
        if entry.mask.distinct < 2:
            continue
        other = first.setdefault(entry.mask.signature, place)
        if other != place and digests[other] != digests[place]:
            detail = f"the same as {entries[other].path.name}, of another image"
            yield Flaw("same-mask", entry.path, detail, entry.image, entries[other].path)
