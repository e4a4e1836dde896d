"""One look at a pair of files: all that the audit needs to know of it, in a kilobyte."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from maskwright.data.audit.alignment import SIDE, Fit, fit_all, small_image, small_mask
from maskwright.data.audit.duplicates import thumbnail
from maskwright.data.counting import occurrences
from maskwright.data.findings import Flaw
from maskwright.data.images import Decoded, RawMask, decode, display, read_mask
from maskwright.data.maps import Spot, spot_of
from maskwright.data.pairing import Pair
from maskwright.data.threads import WORKERS, map_ahead
from maskwright.data.usual import level_of
from maskwright.errors import DataError

MOST_KEPT = 512  # the most frequent values of a mask that are kept
BIG = 16_000_000  # bytes of a file above which only one is decoded at a time, to bound memory
TOGETHER = 16  # most pairs that a thread looks at before it hands them on
LINES = 128  # rows of a mask, at least, in which edges are counted
NOTHING = np.empty((0, 0), np.uint8)  # the small copy of a file that cannot be read
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What an image file is.

    ``width`` and ``height`` in pixels, upright; ``range`` are the 0.1 and 99.9 percentiles of each
    band where the file has more than 8 bits; ``thumbnail`` is the perceptual hash. ``level`` is the
    mean of each band, black pixels aside, ``spot`` where on a map it lies.
    """

    digest: str
    format: str
    mode: str
    width: int
    height: int
    bands: int
    depth: int
    orientation: int
    several: bool
    plain: bool
    range: tuple[tuple[float, float], ...]
    thumbnail: bytes
    level: tuple[float, ...]
    spot: Spot | None


@dataclass(frozen=True, slots=True)
class MaskFacts:
    """What a mask file holds.

    ``values`` and ``counts`` are its most frequent values and their pixels, ``distinct`` how many
    values there are; ``edges`` the share of pixels that differ from their left neighbour
    (of big masks, in every few rows);
    ``touching`` the share of all borders that lie between two values other than 0; ``signature`` is
    the same for masks of the same content; ``spot`` where on a map it lies.
    """

    format: str
    kind: str
    width: int
    height: int
    values: tuple[int, ...]
    counts: tuple[int, ...]
    distinct: int
    edges: float
    touching: float
    palette: bytes | None
    signature: bytes
    spot: Spot | None = None


@dataclass(frozen=True, slots=True)
class PairFacts:
    """What was seen of a pair; a Flaw stands where a file could not be read."""

    image: ImageFacts | Flaw
    mask: MaskFacts | Flaw
    fit: Fit | None = None


def look(pairs: Sequence[Pair]) -> Iterator[PairFacts]:
    """Decode both files of every pair once, in threads. Nothing that is wrong with them raises."""
    length = max(1, min(TOGETHER, len(pairs) // 32))
    parts = (pairs[start : start + length] for start in range(0, len(pairs), length))
    for facts in map_ahead(look_at, parts, ahead=2 * WORKERS):
        yield from facts


def look_at(pairs: Sequence[Pair]) -> list[PairFacts]:
    """What is seen of a few pairs, which are compared with their masks all at once."""
    images, masks = zip(
        *((_look_at_image(pair), _look_at_mask(pair)) for pair in pairs), strict=True
    )
    seen = [PairFacts(image, mask) for (image, _), (mask, _) in zip(images, masks, strict=True)]
    both = [index for index, facts in enumerate(seen) if _same_shape(facts)]
    fits = fit_all([images[index][1] for index in both], [masks[index][1] for index in both])
    for index, fit in zip(both, fits, strict=True):
        seen[index] = replace(seen[index], fit=fit)
    return seen


def _same_shape(facts: PairFacts) -> bool:
    image, mask = facts.image, facts.mask
    if isinstance(image, Flaw) or isinstance(mask, Flaw):
        return False
    return same_shape((image.width, image.height), (mask.width, mask.height))


def same_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes have the same aspect ratio, up to a pixel.

    >>> same_shape((500, 333), (250, 167)), same_shape((500, 333), (333, 500))
    (True, False)
    """
    (width, height), (w, h) = size, other
    return abs(w * height - h * width) <= max(width, height, w, h)


def _look_at_image(pair: Pair) -> tuple[ImageFacts | Flaw, np.ndarray]:
    """What an image is, and its small copy."""
    try:
        with _alone(pair.image), pair.image.open("rb") as file:
            digest = _digest(file)
            decoded = decode(pair.image, least=64)
            small = small_image(display(_eight_bits(decoded)))
            spot = spot_of(pair.image) if decoded.format == "TIFF" else None
    except (DataError, OSError) as error:
        return flaw_of(error, pair.image, pair.image), NOTHING
    return _image_facts(decoded, digest, small, spot), small


def _digest(file: BinaryIO) -> str:
    """As ``hashlib.file_digest``, which takes longer for small files than reading them."""
    digest = hashlib.sha256()
    while block := file.read(2**20):
        digest.update(block)
    return digest.hexdigest()


def _image_facts(decoded: Decoded, digest: str, small: np.ndarray, spot: Spot | None) -> ImageFacts:
    return ImageFacts(
        digest=digest,
        format=decoded.format,
        mode=decoded.mode,
        width=decoded.width,
        height=decoded.height,
        bands=decoded.pixels.shape[2],
        depth=8 * decoded.pixels.dtype.itemsize,
        orientation=decoded.orientation,
        several=decoded.several,
        plain=small.tobytes() == small[0, 0].tobytes() * SIDE**2 and _is_plain(decoded.pixels),
        range=_ranges(decoded.pixels),
        thumbnail=thumbnail(small),
        level=level_of(decoded.pixels),
        spot=spot,
    )


def _is_plain(pixels: np.ndarray) -> bool:
    same = pixels == pixels[0, 0]
    if pixels.dtype.kind == "f":
        same |= np.isnan(pixels) & np.isnan(pixels[0, 0])
    return bool(same.all())


def _ranges(pixels: np.ndarray) -> tuple[tuple[float, float], ...]:
    if pixels.dtype == np.uint8:
        return ()
    sample = pixels[:: max(1, len(pixels) // 512), :: max(1, pixels.shape[1] // 512)]
    sample = np.where(np.isfinite(sample), sample, np.nan)
    sample[..., np.isnan(sample).all(axis=(0, 1))] = 0
    low, high = np.nanpercentile(sample, (0.1, 99.9), axis=(0, 1))
    return tuple(zip(low.tolist(), high.tolist(), strict=True))


def _eight_bits(decoded: Decoded) -> np.ndarray:
    """The pixels stretched to uint8 by their own range: for comparing, not for training."""
    pixels = decoded.pixels
    if pixels.dtype == np.uint8:
        return pixels
    low, high = np.array(_ranges(pixels), np.float32).T
    scaled = (pixels.astype(np.float32) - low) * (255 / np.maximum(high - low, 1e-12))
    return np.clip(np.nan_to_num(scaled), 0, 255).astype(np.uint8)


def _look_at_mask(pair: Pair) -> tuple[MaskFacts | Flaw, np.ndarray]:
    """What a mask is, and its small copy."""
    try:
        with _alone(pair.mask):
            raw = read_mask(pair.mask)
            small = small_mask(raw.values)
            spot = spot_of(pair.mask) if raw.format == "TIFF" else None
            return replace(mask_facts(raw, small), spot=spot), small
    except (DataError, OSError) as error:
        return flaw_of(error, pair.mask, pair.image), NOTHING


def mask_facts(raw: RawMask, small: np.ndarray) -> MaskFacts:
    """What a mask as stored holds; ``small`` is its small copy."""
    height, width = raw.values.shape
    values, counts = value_counts(raw.values, small)
    order = np.argsort(-counts, kind="stable")[:MOST_KEPT]
    kept = list(zip(values[order].tolist(), counts[order].tolist(), strict=True))
    lines = raw.values[:: max(1, height // LINES)]
    content = hashlib.blake2b(small.tobytes(), digest_size=8)
    content.update(repr(sorted(kept)).encode())
    return MaskFacts(
        format=raw.format,
        kind=raw.kind,
        width=width,
        height=height,
        values=tuple(value for value, _ in kept),
        counts=tuple(count for _, count in kept),
        distinct=len(values),
        edges=float(np.count_nonzero(lines[:, 1:] != lines[:, :-1]) / lines.size),
        touching=_touching(small),
        palette=None if raw.palette is None else raw.palette.tobytes(),
        signature=content.digest(),
    )


def _touching(values: np.ndarray) -> float:
    """The share of the borders in mask values [H, W] that lie between two values other than 0."""
    borders = inner = 0
    for one, other in ((values[1:], values[:-1]), (values[:, 1:], values[:, :-1])):
        differ = one != other
        borders += int(differ.sum())
        inner += int((differ & (one != 0) & (other != 0)).sum())
    return inner / borders if borders else 0.0


def value_counts(values: np.ndarray, small: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The values, rising, that occur in mask values uint8 or int32 [H, W], and their pixels.

    ``small`` is the mask's small copy, by which the values are guessed first.
    """
    if values.dtype == np.uint8:
        few = np.flatnonzero(occurrences([small], [256])).astype(np.uint8)
        if len(few) <= 4:  # counting a few values one by one is faster, if they are all
            counts = np.array([np.count_nonzero(values == value) for value in few])
            if counts.sum() == values.size:
                return few, counts
        histogram = occurrences([values], [256])
        return np.flatnonzero(histogram), histogram[histogram > 0]
    found, counts = np.unique(values, return_counts=True)
    return found, counts


def _alone(path: Path) -> AbstractContextManager[object]:
    """A lock for big files, so that threads do not hold several of them at once."""
    return _one_at_a_time if path.stat().st_size > BIG else nullcontext()


def flaw_of(error: DataError | OSError, path: Path, image: Path | None) -> Flaw:
    """What an error of reading says, as a flaw of the file."""
    if isinstance(error, FileNotFoundError):
        return Flaw("missing", path, "no such file", image)
    if isinstance(error, PermissionError):
        return Flaw("forbidden", path, "may not be read by you", image)
    if isinstance(error, OSError) and not isinstance(error, DataError):
        return Flaw("missing", path, error.strerror or str(error), image)
    detail = str(error).removeprefix(str(path)).lstrip(": ").removeprefix("is ").split("; ")[0]
    return Flaw(getattr(error, "kind", "") or "unreadable", path, detail, image)
