"""What the facts of a set show about its files: formats, sizes, colours, plain masks."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from made import byte_boxes, grey, image, pair

from maskwright.data.audit.contents import (
    LEAST_SIDE,
    OUT_OF_LINE,
    bands_of,
    common_bands,
    file_flaws,
    size_flaws,
)
from maskwright.data.audit.facts import ImageFacts, PairFacts
from maskwright.data.findings import Flaw
from maskwright.data.images import RGB, Bands

MASK = grey(byte_boxes(0, 1))[0].mask
OF_IMAGES = replace(MASK, width=64, height=48)


def kinds(flaws: Iterable[Flaw]) -> list[str]:
    return [flaw.kind for flaw in flaws]


def seen(*images: ImageFacts) -> list[PairFacts]:
    """Pairs of these images with masks of their size."""
    return [PairFacts(one, replace(MASK, width=one.width, height=one.height)) for one in images]


def among_others(odd: ImageFacts, count: int = 6) -> list[Flaw]:
    """What is said of one image among common ones."""
    looked = seen(*[image()] * count, odd)
    pairs = [pair(n) for n in range(count + 1)]
    flaws = list(file_flaws(pairs, looked))
    assert {flaw.image for flaw in flaws} <= {pairs[-1].image}
    return flaws


# Single files


@pytest.mark.parametrize(
    ("changes", "kind", "detail"),
    [
        ({"format": "GIF"}, "extension", "holds GIF"),
        ({"bands": 5}, "bands", "5 bands, most have 3"),
        ({"bands": 1, "mode": "L"}, "grey-image", "grey (L)"),
        ({"mode": "RGBA"}, "alpha", "RGBA"),
        ({"mode": "CMYK"}, "cmyk", "CMYK"),
        ({"mode": "P"}, "palette-image", "palette"),
        ({"depth": 16}, "depth", "16 bits, most have 8"),
        ({"several": True}, "several-frames", "PNG"),
        ({"orientation": 6}, "orientation", "EXIF orientation 6"),
        ({"plain": True}, "blank-image", "all its pixels are the same"),
        ({"width": 12}, "size", "12×48 pixels; the median side is 55"),
    ],
)
def test_what_is_odd_about_an_image_is_told(changes, kind, detail):
    flaws = among_others(image(**changes))
    assert [(flaw.kind, flaw.detail) for flaw in flaws] == [(kind, detail)]


def test_a_common_set_has_no_flaw():
    assert among_others(image()) == []


def test_what_all_images_are_is_not_odd():
    deep = image(bands=1, mode="I;16", depth=16)
    assert kinds(file_flaws([pair(n) for n in range(3)], seen(deep, deep, deep))) == []
    five = image(bands=5, mode="5×uint16", depth=16)
    assert kinds(file_flaws([pair(n) for n in range(3)], seen(five, five, five))) == []


def test_grey_images_are_odd_only_where_most_are_coloured():
    looked = seen(*[image(bands=1)] * 4, image())
    assert kinds(file_flaws([pair(n) for n in range(5)], looked)) == []


@pytest.mark.parametrize(
    ("width", "height", "odd"),
    [
        (LEAST_SIDE, 300, False),
        (LEAST_SIDE - 1, 300, True),
        (64 * OUT_OF_LINE, 48 * OUT_OF_LINE, False),
        (64 * OUT_OF_LINE + 9, 48 * OUT_OF_LINE, True),
        (1, 1, True),
    ],
)
def test_images_much_larger_or_smaller_than_the_others_are_told(width, height, odd):
    assert kinds(among_others(image(width=width, height=height))) == ["size"] * odd


@pytest.mark.parametrize(
    ("name", "format", "odd"),
    [
        ("a.JPG", "JPEG", False),
        ("a.jpeg", "JPEG", False),
        ("a.tif", "TIFF", False),
        ("a.pgm", "PPM", False),
        ("a.png", "JPEG", True),
        ("a.webp", "PNG", True),
        ("a.xyz", "unheard of", False),
    ],
)
def test_the_extension_is_to_say_the_format(name, format, odd):
    one = replace(pair(), image=Path(name))
    found = list(file_flaws([one], seen(image(format=format))))
    assert kinds(found) == ["extension"] * odd


def test_a_mask_whose_extension_says_another_format_is_told_with_its_image():
    looked = [PairFacts(image(), replace(OF_IMAGES, format="TIFF"))]
    (flaw,) = file_flaws([pair()], looked)
    assert (flaw.kind, flaw.path, flaw.image) == ("extension", pair().mask, pair().image)


@pytest.mark.parametrize("which", ["image", "mask"])
def test_names_with_control_characters_are_told_so_that_they_can_be_printed(which):
    odd = replace(pair(), **{which: Path("set/a\nb.png")})
    (flaw,) = file_flaws([odd], seen(image()))
    assert (flaw.kind, flaw.path, flaw.image) == ("odd-name", Path("set/a\nb.png"), odd.image)
    assert flaw.detail == r"'a\nb.png'"


def test_files_that_could_not_be_read_keep_their_flaw():
    bad = Flaw("truncated", pair().image, "cannot be decoded", pair().image)
    assert list(file_flaws([pair()], [PairFacts(bad, MASK)])) == [bad]
    bad = Flaw("missing", pair().mask, "no such file", pair().image)
    assert list(file_flaws([pair()], [PairFacts(image(), bad)])) == [bad]


# Sizes


@pytest.mark.parametrize(
    ("size", "orientation", "kind"),
    [
        ((64, 48), 1, None),
        ((32, 24), 1, "mask-size"),
        ((128, 96), 1, "mask-size"),
        ((65, 48), 1, "mask-size"),
        ((48, 64), 1, "mask-shape"),
        ((64, 24), 1, "mask-shape"),
        ((48, 64), 6, "mask-orientation"),
        ((48, 64), 3, "mask-shape"),
        ((32, 24), 6, "mask-size"),
    ],
)
def test_a_mask_of_another_size_is_told_by_what_may_have_happened(size, orientation, kind):
    mask = replace(MASK, width=size[0], height=size[1])
    flaws = list(size_flaws(pair(), image(orientation=orientation), mask))
    assert kinds(flaws) == ([kind] if kind else [])
    if flaws:
        assert flaws[0].detail == f"{size[0]}×{size[1]} pixels, its image 0.png 64×48"
        assert flaws[0].image == pair().image


# Bands


def test_grey_and_rgb_images_are_seen_as_rgb():
    assert common_bands([]) == 3
    assert common_bands([image(bands=1), image(bands=1), image(bands=5)]) == 3
    assert common_bands([image(bands=5), image(bands=5), image()]) == 5
    assert bands_of(seen(image(), image(bands=1))) == RGB
    assert bands_of([]) == RGB
    assert bands_of(seen(image(bands=4))) == Bands(4)


def test_deep_images_share_the_range_that_holds_all_of_theirs():
    one = image(depth=16, bands=1, range=((10.0, 900.0),))
    other = image(depth=16, bands=1, range=((5.0, 500.0),))
    assert bands_of(seen(one, other, image())) == Bands(3, (5.0,) * 3, (900.0,) * 3)
    two = image(depth=16, bands=2, range=((1.0, 2.0), (3.0, 4.0)))
    assert bands_of(seen(two)) == Bands(2, (1.0, 3.0), (2.0, 4.0))


@pytest.mark.parametrize("value", [0.0, 7.0, -1e30, 1e30])
def test_deep_images_of_one_number_have_a_range_all_the_same(value):
    bands = bands_of(seen(image(depth=32, bands=1, range=((value, value),))))
    assert bands.low == (value,) * 3
    assert all(high > value for high in bands.high)
