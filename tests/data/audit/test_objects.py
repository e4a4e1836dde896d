"""Masks that give every object a number of its own, and classes that only look so."""

import numpy as np
import pytest
from made import boxes, byte_boxes, grey, objects, values

from maskwright.data.audit.encoding import understand
from maskwright.data.labels import ClassTable, Label


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
@pytest.mark.parametrize("gap", [0, 2])
def test_masks_that_number_their_objects_are_understood(dtype, gap):
    masks = [objects(9 + 3 * n, size=8, gap=gap, dtype=dtype) for n in range(10)]
    for mask in masks:
        mask[0] = mask[:, 0] = 0
    found = understand(grey(*masks))
    assert found.table.encoding == "instances"
    assert found.table.names == ["background", "object"]
    assert found.evidence == "every object has a number of its own (36 at the most)"
    assert found.flaws == []


def test_numbers_with_holes_are_objects_where_they_are_many():
    masks = [objects(20 + n, dtype=np.int32) for n in range(6)]
    masks = [np.where(mask > 0, 10 * mask + 1000 * n, 0) for n, mask in enumerate(masks)]
    assert understand(grey(*masks)).table.encoding == "instances"


def test_empty_masks_among_numbered_objects_fit_them():
    masks = [objects(12 + n) for n in range(8)] + [np.zeros((30, 30), np.uint8)] * 6
    found = understand(grey(*masks))
    assert found.table.encoding == "instances"
    assert found.flaws == []


def test_classes_that_are_a_row_of_numbers_in_each_mask_are_no_objects():
    """As in street scenes where nearly every class is in nearly every image."""
    masks = []
    for n in range(20):
        bands = np.arange(96) * (11 + n % 2) // 96
        masks.append(np.repeat(bands[:, None], 96, axis=1).astype(np.uint8))
    found = understand(grey(*masks))
    assert (found.table.encoding, values(found)) == ("index", list(range(12)))


def test_a_few_classes_are_no_objects():
    masks = [byte_boxes(n, *range(1, 2 + n % 4)) for n in range(12)]
    assert understand(grey(*masks)).table.encoding == "index"


def test_any_number_fits_a_given_table_of_objects():
    labels = (Label("a", "#000000", (0,)), Label("b", "#ff0000", ()))
    found = understand(grey(boxes(0, 5, 70000), boxes(1)), ClassTable("instances", labels))
    assert found.flaws == []
    assert found.evidence == "every object has a number of its own, as the data says"
