"""Every kind of defect, each put into an otherwise clean set: what ``check`` must find.

``DEFECTS`` maps a name to (the kind of the finding, the function that damages a set). A function
takes the folder of a clean set (48 pairs ``images/shape_0000.jpg``, ``masks/shape_0000.png`` and a
dataset.toml with five classes) and returns the file that the finding must name.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

Damage = Callable[[Path], Path]
DEFECTS: dict[str, tuple[str, Damage]] = {}
COUNT = 48
N = 7  # the pair that is damaged
CLEAR = 9  # a pair whose mask fits its image in one placement only


def defect(kind: str) -> Callable[[Damage], Damage]:
    """Register a damaging function under its own name."""

    def register(function: Damage) -> Damage:
        DEFECTS[function.__name__] = (kind, function)
        return function

    return register


def image(root: Path, n: int = N) -> Path:
    return root / "images" / f"shape_{n:04}.jpg"


def mask(root: Path, n: int = N) -> Path:
    return root / "masks" / f"shape_{n:04}.png"


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def save(path: Path, values: np.ndarray, **options: object) -> Path:
    Image.fromarray(values).save(path, **options)
    return path


def split_by_folder(root: Path) -> None:
    """Turn the set into images/train, images/val, images/test: a given split of 32, 8 and 8."""
    for kind in ("images", "masks"):
        for n, path in enumerate(sorted((root / kind).iterdir())):
            split = third(n)
            (root / kind / split).mkdir(exist_ok=True)
            path.rename(root / kind / split / path.name)


def as_manifest(root: Path, rows: list[str], columns: str = "image,mask,split,group") -> Path:
    """Describe the set by a manifest with these rows."""
    (root / "set.csv").write_text("\n".join([columns, *rows]) + "\n", encoding="utf-8")
    described = (root / "dataset.toml").read_text(encoding="utf-8")
    (root / "dataset.toml").write_text(f'manifest = "set.csv"\n{described}', encoding="utf-8")
    return root / "set.csv"


def rows(root: Path, split: Callable[[int], str], group: Callable[[int], str]) -> list[str]:
    return [
        f"images/{image(root, n).name},masks/{mask(root, n).name},{split(n)},{group(n)}"
        for n in range(COUNT)
    ]


def third(n: int) -> str:
    return "train" if n < 32 else "val" if n < 40 else "test"


def on_map(path: Path, east: float, code: int = 32632) -> Path:
    """Replace an image or mask by a GeoTIFF of pixels of 0.5, so far east, on the map of a code."""
    tags = ImageFileDirectory_v2()
    for tag, kind, values in (
        (33550, 12, (0.5, 0.5, 0.0)),
        (33922, 12, (0.0, 0.0, 0.0, east, 5_700_000.0, 0.0)),
        (34735, 3, (1, 1, 0, 1, 3072, 0, 1, code)),
    ):
        tags.tagtype[tag] = kind
        tags[tag] = values
    with Image.open(path) as picture:
        picture.save(path.with_suffix(".tif"), tiffinfo=tags)
    path.unlink()
    return path.with_suffix(".tif")


# Pairing


@defect("image-without-mask")
def an_image_without_a_mask(root: Path) -> Path:
    mask(root).unlink()
    return image(root)


@defect("mask-without-image")
def a_mask_without_an_image(root: Path) -> Path:
    image(root).unlink()
    return mask(root)


@defect("several-candidates")
def two_images_of_one_name(root: Path) -> Path:
    return save(image(root).with_suffix(".png"), pixels(image(root)) // 2)


@defect("several-candidates")
def two_masks_of_one_name(root: Path) -> Path:
    return save(mask(root).with_suffix(".tif"), pixels(mask(root)))


@defect("several-candidates")
def a_second_mask_with_an_affix(root: Path) -> Path:
    return save(mask(root).with_name(f"{mask(root).stem}_mask.png"), pixels(mask(root)))


@defect("affix")
def a_mask_with_an_affix(root: Path) -> Path:
    return mask(root).rename(mask(root).with_name(f"{mask(root).stem}_gt.png"))


@defect("case")
def a_mask_in_capitals(root: Path) -> Path:
    return mask(root).rename(mask(root).with_name(mask(root).name.upper()))


@defect("no-image")
def a_file_that_is_no_image(root: Path) -> Path:
    (root / "images" / "notes.txt").write_text("hello")
    return root / "images" / "notes.txt"


@defect("no-image")
def a_loop_of_links(root: Path) -> Path:
    (root / "images" / "again").symlink_to(root / "images", target_is_directory=True)
    return root / "images" / "again"


@defect("odd-name")
def a_name_with_a_line_break(root: Path) -> Path:
    odd = image(root).with_name("sha\npe.jpg")
    mask(root).rename(mask(root).with_name("sha\npe.png"))
    return image(root).rename(odd)


@defect("listed-twice")
def an_image_listed_twice(root: Path) -> Path:
    listed = rows(root, third, lambda n: "")
    as_manifest(root, [*listed, listed[N].replace("train", "test")])
    return image(root)


@defect("missing")
def a_listed_file_that_is_gone(root: Path) -> Path:
    as_manifest(root, rows(root, third, lambda n: ""))
    image(root).unlink()
    return image(root)


@defect("missing")
def a_link_that_leads_nowhere(root: Path) -> Path:
    image(root).unlink()
    image(root).symlink_to(root / "gone.jpg")
    return image(root)


@defect("missing")
def a_link_to_itself(root: Path) -> Path:
    image(root).unlink()
    image(root).symlink_to(image(root))
    return image(root)


# Files


@defect("empty-file")
def an_empty_image(root: Path) -> Path:
    image(root).write_bytes(b"")
    return image(root)


@defect("unreadable")
def a_text_named_png(root: Path) -> Path:
    mask(root).write_text("this is no image")
    return mask(root)


@defect("truncated")
def a_truncated_jpeg(root: Path) -> Path:
    content = image(root).read_bytes()
    image(root).write_bytes(content[: len(content) * 2 // 3])
    return image(root)


@defect("truncated")
def a_truncated_mask(root: Path) -> Path:
    content = mask(root).read_bytes()
    mask(root).write_bytes(content[: len(content) * 2 // 3])
    return mask(root)


@defect("too-large")
def a_header_of_ten_thousand_megapixels(root: Path) -> Path:
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    image(root).write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return image(root)


@defect("extension")
def a_png_named_jpg(root: Path) -> Path:
    return save(image(root), pixels(image(root)), format="PNG")


@defect("grey-image")
def a_grey_image(root: Path) -> Path:
    Image.open(image(root)).convert("L").save(image(root))
    return image(root)


def as_png(root: Path, picture: Image.Image, **options: object) -> Path:
    picture.load()
    image(root).unlink()
    picture.save(image(root).with_suffix(".png"), **options)
    return image(root).with_suffix(".png")


@defect("alpha")
def a_transparent_image(root: Path) -> Path:
    return as_png(root, Image.open(image(root)).convert("RGBA"))


@defect("cmyk")
def a_cmyk_image(root: Path) -> Path:
    Image.open(image(root)).convert("CMYK").save(image(root))
    return image(root)


@defect("palette-image")
def a_palette_image(root: Path) -> Path:
    return as_png(root, Image.open(image(root)).convert("P", palette=Image.Palette.ADAPTIVE))


@defect("depth")
def a_16_bit_image(root: Path) -> Path:
    grey = np.asarray(Image.open(image(root)).convert("L")).astype(np.uint16) * 257
    return as_png(root, Image.fromarray(grey))


@defect("bands")
def an_image_of_five_bands(root: Path) -> Path:
    import tifffile

    three = pixels(image(root))
    five = np.concatenate([three, three[..., :2]], axis=2)
    image(root).unlink()
    path = image(root).with_suffix(".tif")
    tifffile.imwrite(path, five, photometric="minisblack", planarconfig="contig")
    return path


@defect("several-frames")
def an_animation(root: Path) -> Path:
    first = Image.open(image(root)).convert("RGB")
    second = first.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    image(root).unlink()
    path = image(root).with_suffix(".png")
    first.save(path, save_all=True, append_images=[second])
    return path


def turned(root: Path) -> Image.Image:
    """The image stored on its side, with the EXIF flag that turns it upright."""
    flag = Image.Exif()
    flag[0x0112] = 6
    upright = Image.open(image(root))
    stored = upright.transpose(Image.Transpose.ROTATE_90)
    stored.save(image(root), exif=flag, quality=95)
    return stored


@defect("orientation")
def an_image_that_its_flag_turns(root: Path) -> Path:
    turned(root)
    return image(root)


@defect("mask-orientation")
def a_mask_drawn_on_the_unturned_image(root: Path) -> Path:
    turned(root)
    return save(mask(root), np.rot90(pixels(mask(root))).copy())


@defect("size")
def a_tiny_image(root: Path) -> Path:
    small = (12, 10)
    Image.open(image(root)).resize(small).save(image(root))
    Image.open(mask(root)).resize(small, Image.Resampling.NEAREST).save(mask(root))
    return image(root)


@defect("blank-image")
def a_blank_image(root: Path) -> Path:
    return save(image(root), np.full_like(pixels(image(root)), 90))


# Masks


@defect("mask-size")
def a_mask_of_half_the_size(root: Path) -> Path:
    picture = Image.open(image(root))
    even = (picture.width // 2 * 2, picture.height // 2 * 2)
    picture.crop((0, 0, *even)).save(image(root), quality=95)
    values = Image.open(mask(root)).crop((0, 0, *even))
    values.resize((even[0] // 2, even[1] // 2), Image.Resampling.NEAREST).save(mask(root))
    return mask(root)


@defect("mask-shape")
def a_mask_of_another_shape(root: Path) -> Path:
    values = Image.open(mask(root))
    values.crop((0, 0, values.width, values.height // 2)).save(mask(root))
    return mask(root)


@defect("mask-kind")
def a_mask_saved_as_its_colours(root: Path) -> Path:
    Image.open(mask(root)).convert("RGB").save(mask(root))
    return mask(root)


@defect("mask-copy")
def a_photograph_for_a_mask(root: Path) -> Path:
    picture = Image.open(image(root)).convert("L")
    picture.load()
    return save(mask(root), np.asarray(picture))


@defect("outside-table")
def a_value_outside_the_class_table(root: Path) -> Path:
    values = np.array(Image.open(mask(root)))
    values[:5, :5] = 77
    return save(mask(root), values)


@defect("flipped")
def a_mask_mirrored_left_to_right(root: Path) -> Path:
    return save(mask(root, CLEAR), pixels(mask(root, CLEAR))[:, ::-1].copy())


@defect("flipped")
def a_mask_turned_by_half(root: Path) -> Path:
    return save(mask(root, CLEAR), pixels(mask(root, CLEAR))[::-1, ::-1].copy())


@defect("shifted")
def a_shifted_mask(root: Path) -> Path:
    values = pixels(mask(root, CLEAR))
    return save(mask(root, CLEAR), np.roll(values, (12, 12), axis=(0, 1)))


@defect("same-mask")
def one_mask_for_two_images(root: Path) -> Path:
    other = Image.open(mask(root, N + 1))
    picture = Image.open(image(root)).resize(other.size)
    picture.save(image(root), quality=95)
    other.save(mask(root))
    return mask(root, N + 1)


@defect("empty-mask")
def an_empty_mask(root: Path) -> Path:
    return save(mask(root), np.zeros_like(pixels(mask(root))))


@defect("one-class")
def a_mask_of_one_class(root: Path) -> Path:
    return save(mask(root), np.full_like(pixels(mask(root)), 2))


def with_ignore(root: Path) -> None:
    toml = root / "dataset.toml"
    toml.write_text("ignore = [255]\n" + toml.read_text(encoding="utf-8"), encoding="utf-8")


@defect("ignored-mask")
def a_mask_of_ignored_pixels(root: Path) -> Path:
    with_ignore(root)
    return save(mask(root), np.full_like(pixels(mask(root)), 255))


def add_class(root: Path) -> None:
    with (root / "dataset.toml").open("a", encoding="utf-8") as file:
        file.write('\n[[classes]]\nname = "rare"\nvalues = [9]\n')


@defect("rare-class")
def a_class_in_one_mask_only(root: Path) -> Path:
    add_class(root)
    values = np.array(Image.open(mask(root)))
    values[:4, :4] = 9
    return save(mask(root), values)


@defect("absent-class")
def a_class_in_no_mask(root: Path) -> Path:
    add_class(root)
    return Path("rare")


# Splits


@defect("duplicate")
def an_image_that_is_there_twice(root: Path) -> Path:
    copy = root / "images" / "zopy.jpg"
    copy.write_bytes(image(root).read_bytes())
    (root / "masks" / "zopy.png").write_bytes(mask(root).read_bytes())
    return copy


@defect("leak")
def an_image_in_two_splits(root: Path) -> Path:
    split_by_folder(root)
    for folder, name in (("images", image(root).name), ("masks", mask(root).name)):
        content = (root / folder / "train" / name).read_bytes()
        (root / folder / "test" / f"z_{name}").write_bytes(content)
    return root / "images" / "test" / f"z_{image(root).name}"


@defect("near-leak")
def a_smaller_mirrored_copy_in_two_splits(root: Path) -> Path:
    split_by_folder(root)
    picture = Image.open(root / "images" / "train" / image(root).name)
    values = Image.open(root / "masks" / "train" / mask(root).name)
    size = (picture.width * 3 // 4, picture.height * 3 // 4)
    flip = Image.Transpose.FLIP_LEFT_RIGHT
    copy = root / "images" / "test" / "zopy.jpg"
    picture.transpose(flip).resize(size).save(copy, quality=60)
    flipped = values.transpose(flip).resize(size, Image.Resampling.NEAREST)
    flipped.save(root / "masks" / "test" / "zopy.png")
    return copy


@defect("group-leak")
def a_group_in_two_splits(root: Path) -> Path:
    as_manifest(root, rows(root, third, lambda n: "g7" if n in (N, 44) else f"g{n + 100}"))
    return image(root)


@defect("ground-leak")
def a_tile_that_overlaps_with_one_of_another_split(root: Path) -> Path:
    split_by_folder(root)
    on_map(root / "images" / "train" / image(root).name, 600_000)
    return on_map(root / "images" / "test" / image(root, 44).name, 600_010)


@defect("off-map")
def a_mask_some_pixels_beside_its_image(root: Path) -> Path:
    on_map(image(root), 600_000)
    return on_map(mask(root), 600_002)


@defect("off-map")
def a_mask_on_another_map(root: Path) -> Path:
    on_map(image(root), 600_000)
    return on_map(mask(root), 600_000, code=32633)


@defect("class-not-in-split")
def a_split_that_lacks_a_class(root: Path) -> Path:
    as_manifest(root, rows(root, third, lambda n: ""))
    for n in range(32, 40):
        values = np.array(Image.open(mask(root, n)))
        values[values == 3] = 0
        save(mask(root, n), values)
    return root


@defect("thin-split")
def a_split_of_two_images(root: Path) -> Path:
    as_manifest(root, rows(root, lambda n: "val" if n in (30, 31) else third(n % 32), str))
    return root


@defect("few-images")
def very_few_images(root: Path) -> Path:
    for n in range(9, COUNT):
        image(root, n).unlink()
        mask(root, n).unlink()
    return root


# Sets whose masks are all of one kind: no class table is given


def bare(root: Path) -> None:
    (root / "dataset.toml").unlink()


def every_mask(root: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    for path in sorted((root / "masks").iterdir()):
        save(path, change(pixels(path)))


def two_values(values: np.ndarray) -> np.ndarray:
    return np.where((values > 0) & (values < 4), 255, 0).astype(np.uint8)


@defect("mask-damaged")
def a_jpeg_mask_among_others(root: Path) -> Path:
    bare(root)
    every_mask(root, two_values)
    content = io.BytesIO()
    Image.fromarray(pixels(mask(root))).save(content, "JPEG", quality=75)
    return save(mask(root), np.asarray(Image.open(content)))


@defect("mask-damaged")
def masks_that_are_all_jpeg(root: Path) -> Path:
    bare(root)
    every_mask(root, two_values)
    for path in sorted((root / "masks").iterdir()):
        save(path.with_suffix(".jpg"), pixels(path), quality=80)
        path.unlink()
    return mask(root).with_suffix(".jpg")


@defect("mask-damaged")
def a_smoothly_resized_mask(root: Path) -> Path:
    bare(root)
    every_mask(root, two_values)
    values = pixels(mask(root))
    small = cv2.resize(values, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return save(mask(root), cv2.resize(small, values.shape[::-1], interpolation=cv2.INTER_LINEAR))


@defect("one-value")
def masks_of_one_value(root: Path) -> Path:
    bare(root)
    every_mask(root, np.zeros_like)
    return mask(root, 0)


@defect("no-classes")
def masks_of_too_many_values(root: Path) -> Path:
    bare(root)

    def stripes(values: np.ndarray) -> np.ndarray:
        rising = np.arange(values.shape[0]) * 255 // values.shape[0]
        return np.repeat(rising[:, None], values.shape[1], axis=1).astype(np.uint8)

    every_mask(root, stripes)
    return max((mask(root, n) for n in range(COUNT)), key=lambda path: len(np.unique(pixels(path))))
