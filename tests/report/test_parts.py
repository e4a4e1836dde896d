"""Small parts of the report, against answers worked out by hand."""

import base64
import io

import numpy as np
from PIL import Image

from maskwright.report.certain import certainty, tempered
from maskwright.report.failures import clearly_worse, parts, sizes
from maskwright.report.gallery import LARGEST, gallery
from maskwright.report.imagerows import image_table
from maskwright.report.measured import by_class, objects
from maskwright.report.planned import parse, read_plan
from maskwright.report.words import commonest, sampled


def part(name, iou, images=30, by="name", width=0.1):
    between = [iou - width, iou + width] if iou is not None else None
    return {"by": by, "name": name, "images": images, "pixel_accuracy": 0.5, "mean_iou": iou,
            "interval": between}  # fmt: skip


def test_only_what_surely_lies_below_the_whole_is_called_hardest():
    told = clearly_worse([part("cat", 0.7), part("dog", 0.5), part("cow", 0.55)], 0.68)
    assert told.startswith("Hardest are the 30 images whose names begin with dog: their mean IoU")
    assert "is 0.500, and its whole interval, 0.400 to 0.600, lies below the 0.680 of all" in told
    assert clearly_worse([part("dog", 0.6)], 0.68) == ""
    assert clearly_worse([part("dog", 0.1, images=19)], 0.68) == ""
    assert clearly_worse([part("dog", None)], 0.68) == ""
    assert clearly_worse([part("dog", 0.1)], None) == ""
    assert "of the darkest third" in clearly_worse([part("darkest", 0.1, by="brightness")], 0.68)


def test_the_lowest_of_each_kind_is_marked_unless_it_is_alone_or_unknown():
    found = parts([part("a", 0.7), part("b", 0.6), part("c", 0.1, by="folder"), part("d", None)])
    assert [one.lowest for one in found["Name, up to its number"]] == [False, True, False]
    assert [one.lowest for one in found["Folder"]] == [False]


def test_sizes_are_put_together_where_objects_are_few():
    step = {"a": [(1, 9, 0), (2, 1, 1), (4, 1, 0), (8, 9, 9)], "b": [], "c": [(16, 9, 3)]}
    keys = ("at_least", "objects", "found")
    counted = {k: [dict(zip(keys, row, strict=True)) for row in rows] for k, rows in step.items()}
    names, found = sizes(counted)
    assert names == ["below 2", "2 to 3", "4 to 7", "8 to 15", "16 and more"]
    assert list(found) == ["a", "c"]
    assert [one.share for one in found["a"]] == [0, 1, 0, 1, None]
    assert sizes({"a": []}) == ([], {})
    assert sizes({"a": counted["c"]})[0] == ["any"]


def test_a_plan_that_somebody_changed_is_shown_as_it_is():
    broken = "- a\n\n| setting | value | why |\n|---|---|---|\n| x | y |\n"
    assert parse(broken).text == broken
    assert parse("# Plan\n\n- a | b\n").facts == ["a | b"]


def test_without_a_plan_there_is_none(tmp_path):
    assert read_plan(tmp_path / "plan.md") is None


def write_csv(path, rows):
    titles = "image,pixel_accuracy,mean_iou,mean_boundary_iou,mean_hd95,confidence,iou a"
    path.write_text("\n".join([titles, *rows, ""]), encoding="utf-8")
    return path


def test_rows_are_ordered_by_score_and_lacking_ones_come_last(tmp_path):
    path = write_csv(
        tmp_path / "t.csv", ["b,0.9,0.5,0.1,3,0.8,0.5", "c,,,,,,", "a,0.99999,0.2,,,,"]
    )
    table = image_table(path, ["a"])
    assert [row.name for row in table.rows] == ["a", "b", "c"]
    assert table.titles[-1] == "IoU of a"
    assert table.rows[0].cells[:3] == [("1.", ">\xa099.9\xa0%"), ("0.2", "0.200"), ("", "–")]
    assert table.rows[1].cells[3] == ("3.", "3.0")
    assert image_table(tmp_path / "no.csv", ["a"]) is None


def test_many_classes_have_no_columns_of_their_own(tmp_path):
    path = write_csv(tmp_path / "t.csv", ["b,0.9,0.5,0.1,3,0.8,0.5"])
    assert image_table(path, list("abcde")).titles[-1] == "Confidence"


def test_layers_are_small_whatever_they_show(tmp_path):
    rng = np.random.default_rng(0)
    files = {}
    for kind in ("image", "truth", "prediction", "difference", "uncertainty"):
        if kind == "image":
            Image.new("RGB", (320, 300)).save(tmp_path / "image.png")
            files[kind] = "image.png"
            continue
        layer = Image.fromarray(rng.integers(0, 6, (320, 300), np.uint8), "P")
        layer.putpalette(rng.integers(0, 256, 18).astype(np.uint8).tobytes())
        files[kind] = f"{kind}.png"
        layer.save(tmp_path / files[kind], transparency=bytes([0, 9, 9, 9, 9, 9]))
    one = {"kind": "worst", "name": "a", "files": files, "mean_iou": 0.1, "pixel_accuracy": 0.1,
           "confidence": None}  # fmt: skip
    [shown] = gallery(tmp_path, [one, one | {"kind": "uncertain"}])
    assert shown.kinds == ["worst", "uncertain"]
    content = base64.b64decode(shown.layers["truth"].source.partition(",")[2])
    assert len(content) <= LARGEST
    with Image.open(io.BytesIO(content)) as small:
        assert small.size == (150, 160)
        assert small.info["transparency"] == bytes([0, 9, 9, 9, 9, 9])


def test_measures_that_a_file_lacks_have_no_column():
    scores = {"classes": [], "intervals": {}, "mean_iou": 0.5, "tolerance": 3.5,
              "average_precision": 0.4}  # fmt: skip
    table = by_class(scores, {"IoU": "iou", "Near {tolerance:g} px": "near"})
    assert table.titles == ["IoU", "Near 3.5 px"]
    assert [mean and mean.value for mean in table.means] == [0.5, None]
    assert {title: cell.value for title, cell in objects(scores).items()} == {
        "Average precision": 0.4
    }


def test_the_temperature_is_told_in_words():
    told = {t: tempered({"temperature": t, "error_before": None}) for t in (0.5, 1.0, 2.0)}
    assert "was too cautious." in told[0.5]
    assert "was about as sure as it should be." in told[1.0]
    assert "was too sure of itself." in told[2.0]
    assert told[2.0].endswith("would be –.")


def test_where_no_pixel_counts_there_is_nothing_to_believe():
    scores = {
        "classes": [{"name": "a", "iou": None}], "thresholds": [], "confidences": [],
        "calibration_error": None, "brier": None, "pixel_accuracy": None, "intervals": {},
        "calibration": {"temperature": 1.0, "error_before": None,
                        "diagram": [[None, None, None]] * 15,
                        "diagram_before": [[None, None, None]] * 15},
    }  # fmt: skip
    found = certainty(scores, "run")
    assert found["told"] == "No pixel counts here, so there is nothing to say."
    assert found["penalty"] == found["find"] == ""
    assert "no values" in found["diagram"]


def test_commonest_is_silent_for_a_model_that_knows_more():
    classes = [{"name": "ground", "pixels": 90}, {"name": "cell", "pixels": 10}]
    assert "to say ground everywhere, which gets 90.0\xa0% of" in commonest(
        {"classes": classes, "pixel_accuracy": 0.9}
    )
    assert commonest({"classes": classes, "pixel_accuracy": 0.91}) == ""
    assert commonest({"classes": [], "pixel_accuracy": None}) == ""


def test_without_intervals_nothing_is_explained():
    drawn = {"of": "images", "count": 9, "few": True}
    assert sampled({"intervals": {"mean_iou": None}, "interval": drawn}) == ""
