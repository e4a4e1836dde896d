"""The report: everything it must say, from a run that was evaluated, and nothing that loads."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from reported import (
    HOSTILE_CLASS,
    HOSTILE_NAME,
    METRICS,
    Page,
    make_data,
    make_evaluated,
    make_run,
    repeat_rows,
    rewrite,
)

from maskwright.config import Config, TrainConfig, ViewConfig
from maskwright.data.labels import ClassTable
from maskwright.errors import RunError, WriteError
from maskwright.evaluation import evaluate
from maskwright.report import render, write_report, write_scores
from maskwright.report.embedded import LARGEST, embed
from maskwright.report.page import allowed, script
from maskwright.runs import Run


@pytest.fixture
def run(tmp_path):
    """A run without an evaluation, in a folder whose name needs quoting."""
    return make_run(tmp_path / "my run", make_data(tmp_path / "data"))


@pytest.fixture(scope="session")
def stored(tmp_path_factory):
    """A run after an evaluation on its test images; nobody changes it."""
    folder = tmp_path_factory.mktemp("stored")
    return make_evaluated(folder / "my run", folder / "data")


@pytest.fixture
def evaluated(stored, tmp_path):
    """A copy of it."""
    return Run(shutil.copytree(stored.path, tmp_path / "my run"))


@pytest.fixture(scope="session")
def page(stored):
    return Page(render(stored))


@pytest.fixture
def elsewhere(run, tmp_path):
    """A run after an evaluation on other data, their folder, and its result."""
    make_data(tmp_path / "photos <1>", tests=4)
    return run, evaluate(run, tmp_path / "photos <1>")


def test_scores_on_other_data_have_a_page_of_their_own(elsewhere):
    run, result = elsewhere
    path = write_scores(run, result)
    assert path == run.path / "evaluation" / f"{result['name']}.html"
    page = Page(path.read_text(encoding="utf-8"))
    assert page.text.startswith("my run: segmentation scores Segmentation scores my run On ")
    assert f"On {result['images']} images of photos <1>, " in page.text
    assert "Scores on the images of photos <1>" in page.text
    assert "Read along a row" in page.text
    assert "of the images of photos <1> the one in the middle" in page.text
    for words in ("These commands train again", "epochs of", "split before anything was trained"):
        assert words not in page.text
    links = re.findall(r'href="#([\w-]+)"', path.read_text(encoding="utf-8"))
    places = set(re.findall(r'id="([\w-]+)"', path.read_text(encoding="utf-8")))
    assert set(links) <= places
    assert render(run)  # as nothing of the run's own is evaluated, the report says so
    assert "Nothing has been evaluated yet" in Page(render(run)).text


def test_scores_of_before_there_were_views_and_uses_are_shown(evaluated):
    rewrite(evaluated, {"tta": None, "test_uses": None})
    assert "On 24 test images" in Page(render(evaluated)).text


def test_what_nobody_knows_of_the_training_is_said(elsewhere):
    run, result = elsewhere
    page = write_scores(run, {**result, "trained_on": None}).read_text(encoding="utf-8")
    assert "Nobody here knows what the model was trained on" in Page(page).text


def test_the_page_of_an_export_names_it_and_predicts_by_it(stored, tmp_path):
    run = replace(stored, results=tmp_path / "exports" / "onnx")
    vars(run).update({k: v for k, v in vars(stored).items() if k not in vars(run)})
    page = Page(write_scores(run, evaluate(run)).read_text(encoding="utf-8"))
    assert "my run, onnx" in page.text
    assert f"maskwright predict {tmp_path / 'exports' / 'onnx'} IMAGES" in page.text


def scores_of(run, split="test"):
    return json.loads((run.path / "evaluation" / f"{split}.json").read_text())


def test_the_answer_comes_first_in_words(stored, page):
    scores = scores_of(stored)
    low, high = scores["intervals"]["mean_iou"]
    told = f"mean IoU {scores['mean_iou']:.3f} ({low:.3f} to {high:.3f})."
    assert re.search(rf"On 24 test images, .*% of the pixels are right \(.+%\); {re.escape(told)}",
                     page.text)  # fmt: skip
    assert re.search(r"Hardest class: .+ \(IoU 0\.\d+\)", page.text)
    order = ["On 24 test", "95 % interval", "A typical example", "Share of the pixels",
             "these settings were chosen", "3 epochs of", "Counted over all pixels", "Boundaries",
             "Read along a row", "An object counts as", "The model gives each", "The worst and",
             "each scored by itself", "These commands"]  # fmt: skip
    places = [page.text.index(words) for words in order]
    assert places == sorted(places)


def test_names_from_files_are_escaped(stored, page):
    html = render(stored)
    assert "<b>" not in html
    assert "<i>" not in html
    assert HOSTILE_CLASS in page.text
    assert HOSTILE_NAME in page.text
    assert f"images/{HOSTILE_NAME} with its true mask laid over it" in [
        svg.get("aria-label") for svg in page.all("svg")
    ]


def test_the_page_loads_nothing_and_runs_one_script_alone(stored, page):
    html = render(stored)
    pictures = [image["src"] for image in page.all("img")]
    layers = [image["href"] for image in page.all("image")]
    assert all(source.startswith("data:image/jpeg;base64,") for source in pictures)
    assert all(re.match(r"data:image/(jpeg|png);base64,", source) for source in layers)
    assert [link["href"] for link in page.all("link")] == ["data:,"]
    assert all(link["href"].startswith("#") for link in page.all("a") + page.all("use"))
    assert page.all("script") == [{}]
    policy = next(one["content"] for one in page.all("meta") if "http-equiv" in one)
    assert policy.startswith("default-src 'none';")
    assert policy.endswith(f"script-src {allowed(script())}")
    assert f"<script>{script()}</script>" in html
    assert "</script" not in script()
    assert not any(name.startswith("on") for _, one in page.elements for name in one)
    assert "url(" not in html
    assert not re.search(r"https?:", html)


def test_the_page_is_accessible_and_its_parts_are_in_order(page):
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert max(np.diff(levels)) == 1
    assert all(image["alt"] and image["width"] for image in page.all("img"))
    scopes = {cell["scope"] for cell in page.all("th")}
    assert scopes == {"col", "row", "colgroup", "rowgroup"}
    assert len(page.all("table")) == len(page.all("caption")) == 13
    drawings = [svg for svg in page.all("svg") if "viewbox" in svg]
    assert len(drawings) > 60
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in drawings)
    assert all(region["tabindex"] == "0" and region["aria-label"]
               for region in page.all("div") if region.get("class") == "scroll")  # fmt: skip
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = {link["href"].removeprefix("#") for link in page.all("a") + page.all("use")}
    assert wanted <= set(ids)


def test_scores_stand_beside_their_intervals(stored, page):
    scores = scores_of(stored)
    row = scores["classes"][0]
    between = {key: "{:.3f} to {:.3f}".format(*ends) for key, ends in row["intervals"].items()}
    areas = " ".join(f"{row[key]:.3f} {between[key]}"
                     for key in ("iou", "dice", "precision", "recall"))  # fmt: skip
    assert f"cell {areas}" in page.text
    edges = " ".join(f"{row[key]:.3f} {between[key]}"
                     for key in ("boundary_iou", "boundary_f1", "surface_dice"))  # fmt: skip
    assert f"cell {edges} {row['hd95']:.1f}" in page.text
    assert f"cell {row['image_iou']:.3f} {between['image_iou']}" in page.text
    assert "Surface Dice, 2 px" in page.text


def test_a_class_that_occurs_nowhere_has_a_dash_and_an_explanation(page):
    assert "rare – – – – 0.0 %" in page.text
    assert "– means that the class occurs neither in the truth nor in the prediction" in page.text


def test_the_confusion_matrix_is_by_row(stored, page):
    right, wrong, _ = scores_of(stored)["confusion"][0]
    share = 100 * right / (right + wrong)
    assert f"cell {share:.1f} % {100 - share:.1f} % 0.0 %" in page.text
    assert "rare – – –" in page.text


def test_class_shares_and_counts_by_split(page):
    assert "Training 6 images Validation 4 images Test 24 images" in page.text
    assert "cell 66.7 % 50.0 % –" in page.text


def test_the_plan_stands_there_with_its_reasons(page):
    assert "view.size 64 there is time for 3 | 4 views" in page.text
    assert "model.encoder none <b>small</b>" in page.text
    assert "6 images to train on, <i>few</i>" in page.text


def test_a_run_without_a_plan_says_so(run):
    (run.path / "plan.md").unlink()
    text = Page(render(run)).text
    assert "No plan was made for this training. Its settings are those of the recipe" in text
    (run.path / "plan.md").write_text("mine, <b>by hand</b>")
    assert "mine, <b>by hand</b>" in Page(render(run)).text


def test_objects_are_told_by_their_size(stored, page):
    counted = scores_of(stored)["sizes"][HOSTILE_CLASS]
    assert "The masks do not number objects, so pixels of one class that hang together" in page.text
    assert "below 4 4 to 7 8 to 15 16 to 31 32 to 1,023 1,024 and more cell – – – – – " in page.text
    assert f"{counted[0]['found']} of {counted[0]['objects']}" in page.text


def test_kinds_of_images_are_compared_and_the_lowest_is_marked(stored, page):
    parts = {one["name"]: one for one in scores_of(stored)["subsets"] if one["by"] == "name"}
    assert parts["dog"]["mean_iou"] < parts["cat"]["mean_iou"]
    assert "Name, up to its number (none) lowest 1" in page.text
    assert f"dog 11 {100 * parts['dog']['pixel_accuracy']:.1f} %" in page.text
    assert "No kind of images is surely harder than the rest." in page.text


def test_probabilities_are_explained_and_put_to_use(stored, page):
    folder = stored.path.as_posix()
    bins = scores_of(stored)["calibration"]["diagram"]
    near = min((row for row in bins if row[0]), key=lambda row: abs(row[0] - 0.9))
    told = f"says that it is {100 * near[0]:.1f} % sure, {100 * near[1]:.1f} % of the pixels are"
    assert told in page.text
    assert "percentage points on average (expected calibration error 0." in page.text
    assert "giving each of the 3 classes the same chance scores 0.667." in page.text
    assert re.search(r"by itself was too \w.+, a temperature of \d\.\d\d, which", page.text)
    assert re.search(r"95 % 0\.\d\d \d\d\.\d % \d\d\.\d %", page.text)
    assert re.search(rf"predict '{folder}' IMAGES --out masks --recall \S+=0.95", page.text)
    levels = [row["wanted_right"] for row in scores_of(stored)["confidences"] if row["confidence"]]
    assert f"predict '{folder}' IMAGES --out masks --abstain {min(levels):g}" in page.text
    labels = [svg.get("aria-label", "") for svg in page.all("svg")]
    [drawn] = [label for label in labels if "by how sure" in label]
    assert f"{near[0]:.2f} sure, {near[1]:.2f} right" in drawn


def test_outlines_that_few_images_show_are_said_to_be(evaluated, page):
    classes = scores_of(evaluated)["classes"]
    rewrite(evaluated, {"classes": [{**classes[0], "shown": 9, "outlined": 2}, *classes[1:]]})
    told = "Outlines are measured in few images, of cell in 2 of 9: in the others the masks show"
    assert told in Page(render(evaluated)).text
    assert "measured in few images" not in page.text


def test_what_was_noticed_before_the_training_stands_in_the_report(evaluated, page):
    assert "Noticed before the training" not in page.text
    path = evaluated.path / "data.json"
    noticed = [
        {"kind": "near-leak", "title": "nearly the same image in two splits: bad", "count": 2},
        {"kind": "few-images", "title": "very few images", "count": 1},
    ]
    path.write_text(json.dumps(json.loads(path.read_text()) | {"noticed": noticed}))
    text = Page(render(Run(evaluated.path))).text
    caution = "Noticed before the training: nearly the same image in two splits (2). So the sc"
    assert caution in text[: text.index("A typical example")]
    both = "training: nearly the same image in two splits: bad (2); very few images (1). maskwr"
    assert both in text
    rewrite(evaluated, {"split": "all"})
    assert caution not in Page(render(Run(evaluated.path))).text


def test_a_threshold_below_all_that_are_known_is_called_any(evaluated, page):
    rows = scores_of(evaluated)["thresholds"]
    cell = [row for row in rows if row["class"] == "cell"]
    rewrite(evaluated, {"thresholds": [*cell[:-1], cell[-1] | {"threshold": 0.0}]})
    text = Page(render(evaluated)).text
    assert re.search(r"99 % any \d", text)
    assert "0.00" not in text[text.index("To find more of a class") : text.index("To predict so")]
    told = "Where it says any, 0.01 was too high on the validation images"
    assert told in text
    assert told not in page.text
    assert "--recall cell=0.95" in text
    for row in cell[2:]:
        row["threshold"] = 0.0
    rewrite(evaluated, {"thresholds": cell})
    assert re.search(r"--recall cell=0\.9(?!\d)", Page(render(evaluated)).text)
    rewrite(evaluated, {"thresholds": [row | {"threshold": 0.0} for row in cell]})
    text = Page(render(evaluated)).text
    assert "To find more of a class" in text
    assert "--recall" not in text


def test_where_nothing_is_left_open_no_command_says_to(evaluated):
    rows = [row | {"confidence": 0.0} for row in scores_of(evaluated)["confidences"]]
    rewrite(evaluated, {"confidences": rows})
    text = Page(render(evaluated)).text
    assert "none of these leaves a pixel open" in text
    assert "--abstain" not in text


def test_a_run_without_calibration_says_so(run):
    evaluate(run)
    text = Page(render(run)).text
    assert "Nobody calibrated the probabilities of this run" in text
    assert "--recall" not in text
    assert "--abstain" not in text
    assert "before calibration" not in text


def test_pictures_show_each_image_once_with_all_its_kinds(stored, page):
    pictures = scores_of(stored)["pictures"]
    cards = [one for one in page.all("figure") if one.get("class") == "card"]
    assert len(cards) == len({one["name"] for one in pictures})
    for kind in ("worst", "uncertain", "random", "median", "best"):
        wanted = sum(one["kind"] == kind for one in pictures)
        assert sum(kind in card["data-kinds"].split() for card in cards) == wanted
    assert len(page.all("image")) == 5 * len(cards)
    labels = [svg.get("aria-label", "") for svg in page.all("svg")]
    for told in ("with its true mask laid over it", "with the predicted mask laid over it",
                 "with the wrong pixels marked", "where the model is unsure"):  # fmt: skip
        assert sum(label.endswith(told) for label in labels) >= len(cards)


def test_all_images_stand_in_a_table_the_worst_first(stored, page):
    cells = [one["data-v"] for one in page.all("td") if "data-v" in one]
    ious = [float(value) for value in cells[1::8]]
    assert len(ious) == 24
    assert ious == sorted(ious)
    assert [one["aria-sort"] for one in page.all("th") if "aria-sort" in one] == ["ascending"]
    name = next(one["name"] for one in scores_of(stored)["pictures"] if one["kind"] == "worst")
    assert re.search(rf"IoU of rare {re.escape(name)} \d", page.text)


def test_of_very_many_images_the_worst_are_listed(evaluated):
    repeat_rows(evaluated, 2500)
    html = render(evaluated)
    text = Page(html).text
    assert "Only the worst 2,000 are listed here; evaluation/test.csv in the run folder" in text
    assert text.count("images/image_") == 2000
    assert len(html) < 3_000_000


def test_damaged_rows_are_an_error_and_lost_ones_a_note(evaluated):
    path = evaluated.path / "evaluation" / "test.csv"
    path.write_text("image,mean_iou\na,much\n")
    with pytest.raises(RunError, match=r"test\.csv is damaged; evaluate again"):
        render(evaluated)
    path.unlink()
    assert "no longer in the run folder; evaluating again brings" in Page(render(evaluated)).text


def test_numbers_that_are_none_are_dashes(evaluated):
    nothing = float("nan")
    rewrite(evaluated, {"mean_iou": nothing, "mean_dice": nothing, "brier": nothing})
    text = Page(render(evaluated)).text
    assert "Mean IoU – " in text or "– Mean IoU" in text
    assert "nan" not in text.lower().replace("rename", "")


def test_few_images_make_a_warning(evaluated, page):
    assert "too narrow: the scores of other images" not in page.text
    rewrite(evaluated, {"interval": {"level": 0.95, "of": "groups", "count": 3, "few": True}})
    text = Page(render(evaluated)).text
    assert "There are only 3 groups to measure on. So the intervals are too narrow" in text
    assert "the 3 groups of images were drawn again and again" in text


def test_a_model_that_has_learnt_nothing_is_called_useless(evaluated):
    rewrite(evaluated, {"pixel_accuracy": 0.3})
    text = Page(render(evaluated)).text
    assert "The model is of no use yet. That is no better than to say" in text


def test_scores_of_an_older_version_are_not_shown(evaluated):
    for format in (None, 1, 99):
        rewrite(evaluated, {"format": format, "intervals": None})
        page = Page(render(evaluated))
        assert "Another version of Maskwright evaluated this run" in page.text
        assert f"maskwright evaluate '{evaluated.path.as_posix()}'" in page.text
        assert not page.all("image")


def test_without_an_evaluation_the_command_is_named(run):
    page = Page(render(run))
    assert "Nothing has been evaluated yet." in page.text
    assert f"maskwright evaluate '{run.path.as_posix()}'" in page.text
    assert len(page.all("img")) == 6
    assert {"#pictures", "#images"}.isdisjoint(link["href"] for link in page.all("a"))


def test_validation_scores_stand_in_with_a_warning_until_there_is_a_test(run):
    evaluate(run, split="val")
    text = Page(render(run)).text
    assert "On 4 validation images" in text
    assert "This score flatters." in text
    evaluate(run)
    text = Page(render(run)).text
    assert "On 24 test images" in text
    assert "This score flatters." not in text


def test_one_image_is_enough(tmp_path):
    run = make_run(tmp_path / "run", make_data(tmp_path / "data", tests=1))
    evaluate(run)
    text = Page(render(run)).text
    assert "On 1 test image, " in text
    assert "The scores are those of one image, which cannot tell how much those of others" in text
    assert "In brackets is" not in text
    assert "There are too few images to choose from, so all are shown." in text
    assert "The images are too few to compare kinds of them" in text


@pytest.mark.parametrize(("tests", "shown"), [(8, 8), (22, 22), (23, None)])
def test_of_few_images_all_have_pictures(tmp_path, tests, shown):
    run = make_run(tmp_path / "run", make_data(tmp_path / "data", tests=tests))
    evaluate(run)
    page = Page(render(run))
    cards = [one for one in page.all("figure") if one.get("class") == "card"]
    told = "With so few images, all are shown."
    if shown:
        assert len(cards) == shown
        assert told in page.text
    else:
        assert len(cards) < tests
        assert told not in page.text
        assert not any("other" in one["data-kinds"] for one in cards)


@pytest.mark.parametrize("rim", [0, 2])
def test_masks_that_number_their_objects_have_scores_of_objects(tmp_path, rim):
    dataset = make_data(tmp_path / "data", tests=3)
    one, two, _ = dataset.table.labels
    labels = replace(one, values=(0,)), replace(two, values=())
    table = ClassTable("instances", labels)
    pixels = {split: counts[:2] for split, counts in dataset.pixels.items()}
    config = Config(view=ViewConfig(size=64), train=TrainConfig(rim=rim))
    run = make_run(tmp_path / "run", replace(dataset, table=table, pixels=pixels), config)
    logits = run.predictor.logits
    one = replace(run.predictor, logits=lambda views: logits(views)[..., :2])
    vars(run).update(predictor=one, _rims_predictor=one)
    evaluate(run)
    text = Page(render(run)).text
    assert ("objects that touch count as one" in text) == (rim == 0)
    assert ("objects that touch are parted" in text) == (rim > 0)
    assert re.search(r"Panoptic quality \d\.\d{3} \d\.\d{3} to", text)
    assert "Objects are those that the masks number. Recognition quality, above, asks" in text
    assert "Found means here that one predicted object has IoU above 0.5 with it; the table" in text


@pytest.mark.parametrize(("uses", "told"), [(0, None), (1, "once."), (3, "3 times; scores chosen")])
def test_near_the_answer_stands_how_often_the_test_images_were_used(evaluated, uses, told):
    rows = "time,split\n" + "2026-01-01T00:00:00+00:00,test\n" * uses
    (evaluated.path / "evaluation" / "test-uses.csv").write_text(rows)
    text = Page(render(evaluated)).text
    words = "The test images have been used"
    assert (words in text) == bool(told)
    assert not told or text.index("On 24") < text.index(f"{words} {told}") < text.index("A typ")


def test_looks_at_the_test_images_are_not_told_with_validation_scores(run):
    evaluate(run, split="val")
    (run.path / "evaluation" / "test-uses.csv").write_text("time,split\n2026-01-01,all\n")
    assert "The test images have been used" not in Page(render(run)).text


def test_data_that_are_gone_are_said_to_be_gone(run):
    shutil.rmtree(run.dataset.root)
    page = Page(render(run))
    assert f"The data are no longer in {run.dataset.root}, so no training images" in page.text
    assert not page.all("img")


def test_a_lost_training_image_is_named_and_the_others_are_shown(run):
    run.dataset.of("train")[3].image.unlink()
    page = Page(render(run))
    assert re.search(r"1 of 6 samples cannot be shown: .*dog_3\.png: no such file", page.text)
    assert len(page.all("img")) == 5


def test_lost_and_damaged_pictures_leave_a_note(evaluated):
    gone = "This picture is no longer in the run folder."
    folder = evaluated.path / "evaluation" / "test-pictures"
    worst = next(one for one in scores_of(evaluated)["pictures"] if one["kind"] == "worst")
    layer = folder.parent / worst["files"]["truth"]
    shutil.copy(folder.parent / worst["files"]["image"], layer)  # a JPEG file is no layer
    assert Page(render(evaluated)).text.count(gone) == 1
    layer.write_bytes(layer.read_bytes()[:100])
    assert Page(render(evaluated)).text.count(gone) == 1
    (folder.parent / worst["files"]["image"]).unlink()
    assert Page(render(evaluated)).text.count(gone) == 5
    shutil.rmtree(folder)
    assert not Page(render(evaluated)).all("image")


def test_a_run_that_has_just_begun_has_a_report(run):
    (run.path / "metrics.csv").unlink()
    page = Page(render(run))
    assert "No epoch of this training has ended yet." in page.text
    assert "Best epoch" not in page.text


def test_the_file_is_replaced_whole_and_small(evaluated):
    path = write_report(evaluated)
    path.write_text("old")
    assert write_report(evaluated) == evaluated.path / "report.html"
    assert path.read_text(encoding="utf-8").endswith("</html>\n")
    assert path.stat().st_size < 1_000_000
    assert not list(evaluated.path.glob("*.part*"))


def test_pictures_stay_small_whatever_they_show():
    noise = np.random.default_rng(0).integers(0, 256, (700, 700, 3), np.uint8)
    noise[:] = np.kron(noise[:350, :350], np.ones((2, 2, 1), np.uint8))
    picture = embed(noise, "noise")
    assert (picture.width, picture.height) == (320, 320)
    assert len(picture.source) < LARGEST * 4 / 3 + 30


def test_an_unwritable_report_is_one_line_and_leaves_no_part(run):
    (run.path / "report.html").mkdir()
    with pytest.raises(WriteError, match=r"report\.html cannot be written \(Is a directory\); a f"):
        write_report(run)
    assert not list(run.path.glob("*.part*"))


def test_an_incomplete_run_names_the_missing_file(run):
    (run.path / "data.json").unlink()
    with pytest.raises(RunError, match=r"data\.json is missing, so .* is no complete run; train"):
        write_report(Run(run.path))


def test_no_engine_is_imported(evaluated):
    script = (
        "import sys; from maskwright.report import write_report; from maskwright.runs import load;"
        "write_report(load(sys.argv[1])); print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(evaluated.path)], capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == "[]"


def test_the_best_epoch_follows_the_setting(tmp_path):
    config = replace(Config(), train=TrainConfig(epochs=5, monitor="loss"))
    told = Page(render(make_run(tmp_path / "run", make_data(tmp_path / "data"), config))).text
    assert "3 epochs of the 5 planned took 2 min 6 s. The best is epoch 2, with the lowest" in told
    assert "loss on the validation images, 0.700" in told


def test_the_legend_says_which_class_is_left_untinted(run, monkeypatch):
    assert "untinted" not in render(run)
    monkeypatch.setattr(ClassTable, "ground", [0])
    assert "cell (left untinted in pictures)" in " ".join(
        re.sub("<[^>]*>", "", render(run)).split()
    )


def test_the_best_epoch_is_one_of_all_and_not_of_those_validated(run):
    (run.path / "metrics.csv").write_text(METRICS.replace("\n3,", "\n9,").replace("\n2,", "\n5,"))
    text = Page(render(run)).text
    assert re.search(r"5 of 9\s+Best epoch", text) or re.search(r"Best epoch\s+5 of 9", text)


@pytest.mark.parametrize("change", [{"classes": None}, {"sizes": 3}, {"calibration": {}}])
def test_damaged_scores_are_one_line(evaluated, change):
    rewrite(evaluated, change)
    with pytest.raises(RunError, match=r"test\.json is damaged \(.+\); evaluate again"):
        render(evaluated)


def test_images_that_were_trained_on_are_a_warning(evaluated):
    rewrite(evaluated, {"trained_on": 5})
    told = "5 of these 24 images were trained on, so the scores flatter."
    assert told in Page(render(evaluated)).text


def write_certificate(run, name, **change):
    folder = run.path / "exports" / name
    folder.mkdir(parents=True)
    made = {"sha256": run.digest, "version": "0.1.0", "run": "x", "recipe": "default"}
    told = {"images": 20, "sizes": ["9×9"], "equal": 0.99998, "largest": 0.0041, "shift": [0, 0],
            "mean_iou": 0.7526, "loss": 0.0001, "megabytes": 12.3, "made": made}  # fmt: skip
    (folder / "parity.json").write_text(json.dumps(told | change))


def linked(page: str) -> bool:
    """Whether the list at the top names all sections of a page, and nothing else, in order."""
    top = page.split('<nav aria-label="Sections">')[1].split("</nav>")[0]
    return re.findall(r'href="#(\w+)"', top) == re.findall(r'<section id="(\w+)"', page)


def test_certificates_of_exports_are_shown(evaluated):
    assert 'id="exports"' not in render(evaluated)
    assert linked(render(evaluated))
    write_certificate(evaluated, "onnx")
    write_certificate(evaluated, "openvino-int8", mean_iou=None, loss=None, equal=0.99)
    write_certificate(evaluated, "litert", made={"sha256": "of another model"})
    write_certificate(evaluated, "saved_model", equal="all")
    page = render(evaluated)
    assert linked(page)
    section = " ".join(page.split('id="exports"')[1].split("</section>")[0].split())
    assert "99.998&nbsp;%" in section
    assert "0.7526" in section
    assert "0.7527" in section  # the model's own
    assert "99.000&nbsp;%" in section
    assert "litert" not in section
    assert "saved_model" not in section
    assert "maskwright verify" in section
    assert "/exports/onnx" in section
