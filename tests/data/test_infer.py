"""The class table that masks themselves show."""

from pathlib import Path

import numpy as np
import pytest

from maskwright.data.images import RawMask
from maskwright.data.infer import MOST_INFERRED, MaskValues, count_values, infer_table
from maskwright.data.labels import default_color
from maskwright.errors import DataError


def masks_of(*rows: list[int], kind: str = "index", palette=None) -> list[MaskValues]:
    """One mask for each row of values."""
    return [
        count_values(Path(f"{n}.png"), RawMask(np.array([row], np.int32), kind, palette))
        for n, row in enumerate(rows)
    ]


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_pixels_are_counted_by_value(dtype):
    counted = count_values(Path("m.png"), RawMask(np.array([[3, 3], [0, 3]], dtype), "index"))
    assert counted.pixels == {0: 1, 3: 3}


@pytest.mark.parametrize(
    ("values", "kind", "dtype"),
    [
        ([0, 255], "index", np.uint8),
        ([0, 256], "index", np.int32),
        ([-1, 3], "index", np.int32),
        ([0, 1], "rgb", np.int32),
    ],
)
def test_as_raw_gives_one_pixel_a_value_in_a_type_that_holds_it(values, kind, dtype):
    (mask,) = masks_of(values * 3, kind=kind)
    raw = mask.as_raw()
    assert raw.values.dtype == dtype
    assert sorted(raw.values[0].tolist()) == values
    assert raw.kind == kind


def test_values_of_all_masks_become_classes_in_rising_order():
    table = infer_table(masks_of([3, 1], [2]))
    assert table.names == ["value_1", "value_2", "value_3"]
    assert [label.values for label in table.labels] == [(1,), (2,), (3,)]
    assert [label.color for label in table.labels] == [default_color(k) for k in range(3)]
    assert (table.encoding, table.ignore) == ("index", ())


def test_zero_and_255_are_two_classes():
    table = infer_table(masks_of([0, 255]))
    assert table.encoding == "binary"
    assert table.names == ["value_0", "value_255"]
    assert table.ignore == ()


def test_255_beside_small_values_is_ignored_as_in_pascal_voc():
    table = infer_table(masks_of([0, 1, 2, 255]))
    assert table.names == ["value_0", "value_1", "value_2"]
    assert table.ignore == (255,)


def test_255_beside_values_all_over_the_range_is_a_class():
    table = infer_table(masks_of([0, 128, 255]))
    assert table.names == ["value_0", "value_128", "value_255"]


def test_a_palette_gives_the_colours():
    palette = np.array([[1, 2, 3], [16, 255, 0]], np.uint8)
    table = infer_table(masks_of([0, 1, 2], kind="palette", palette=palette))
    assert table.encoding == "palette"
    assert [label.color for label in table.labels] == ["#010203", "#10ff00", default_color(2)]


def test_negative_values_are_classes_like_any_other():
    palette = np.zeros((4, 3), np.uint8)
    table = infer_table(masks_of([-1, 1], palette=palette))
    assert [(k.name, k.color) for k in table.labels] == [
        ("value_-1", default_color(0)),
        ("value_1", "#000000"),
    ]


def test_colours_become_classes_of_that_colour():
    table = infer_table(masks_of([0xFF0000, 0x0000FF], [0], kind="rgb"))
    assert table.encoding == "rgb"
    assert table.names == ["#000000", "#0000ff", "#ff0000"]
    assert [label.color for label in table.labels] == table.names


def test_grey_values_saved_as_rgb_are_grey_values():
    table = infer_table(masks_of([0, 0xFFFFFF], kind="rgb"))
    assert table.encoding == "binary"
    assert [label.values for label in table.labels] == [(0,), (255,)]


def test_grey_and_palette_masks_go_together():
    table = infer_table(masks_of([0, 1]) + masks_of([2], kind="palette"))
    assert table.encoding == "index"
    assert len(table) == 3


def test_colour_and_grey_masks_in_one_set_are_refused():
    mixed = [*masks_of([0, 1]), MaskValues(Path("c.png"), "rgb")]
    with pytest.raises(
        DataError, match=r"c\.png is an RGB mask, but 0\.png is a mask of the kind index; save all"
    ):
        infer_table(mixed)


def test_masks_of_one_value_are_refused():
    with pytest.raises(DataError, match="all 2 masks hold the one value 7; there is nothing to te"):
        infer_table(masks_of([7, 7], [7]))


def test_as_many_values_as_are_taken_for_classes_pass_and_one_more_is_refused():
    assert len(infer_table(masks_of(list(range(MOST_INFERRED))))) == MOST_INFERRED
    few, many = list(range(3)), list(range(2, MOST_INFERRED + 1))
    with pytest.raises(
        DataError, match=r"1\.png holds 63 different values, the set 65: more than a class table h"
    ):
        infer_table(masks_of(few, many))


def test_masks_that_number_their_objects_are_refused(tmp_path):
    masks = []
    for count in (3, 12):
        values = np.arange(count + 1, dtype=np.uint8).reshape(1, -1)
        masks.append(count_values(tmp_path / f"{count}.png", RawMask(values, "index")))
    with pytest.raises(
        DataError, match=r"number their objects \(1 to 12 .*save all objects as 255"
    ):
        infer_table(masks)
