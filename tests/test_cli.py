"""The command line as people meet it: help, one-line errors, exit codes, clean output."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from commanding import call
from PIL import Image

from maskwright.cli import cli, configure
from maskwright.config import MONITORS, flatten
from maskwright.errors import DataError, UsageError
from maskwright.evaluation.tally import USUAL
from maskwright.losses import LOSSES
from maskwright.printing import print_scores
from maskwright.recipes import recipe

VERBS = ["demo", "data pets", "data shapes", "data clean", "check", "plan", "train", "evaluate",
         "predict", "export", "verify", "report", "compare", "pool", "suspects",
         "info"]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset of six 16×16 images with two classes."""
    for name in ("images", "masks"):
        (tmp_path / "data" / name).mkdir(parents=True)
    for n in range(6):
        mask = np.zeros((16, 16), np.uint8)
        mask[4:12, n : n + 8] = 1
        Image.fromarray(mask * 200).convert("RGB").save(tmp_path / f"data/images/{n}.png")
        Image.fromarray(mask).save(tmp_path / f"data/masks/{n}.png")
    return tmp_path / "data"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(capsys, monkeypatch, verb):
    code, out, _ = call(capsys, monkeypatch, *verb.split(), "--help")
    assert code == 0
    assert f"maskwright {verb}" in out.split("Example")[1]


def test_every_verb_is_tested_for_help():
    groups = {name: getattr(c, "commands", {}) for name, c in cli.commands.items()}
    verbs = {f"{g} {v}".strip() for g, inner in groups.items() for v in (inner or [""])}
    assert verbs == set(VERBS)


def test_help_does_not_import_an_engine():
    code = "import sys; from maskwright.cli import cli; cli.main(['train', '--help'])"
    probe = f"import atexit, sys; atexit.register(lambda: print('keras' in sys.modules)); {code}"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False"


def damage_missing_mask(data: Path) -> str:
    (data / "masks" / "3.png").unlink()
    return r"images/3\.png: no mask of that name in masks/; add masks of the same name"


def damage_size(data: Path) -> str:
    Image.fromarray(np.zeros((8, 16), np.uint8)).save(data / "masks" / "2.png")
    return r"masks/2\.png: 16×8 pixels, its image 2\.png 16×16; find the right masks"


def damage_value(data: Path) -> str:
    (data / "dataset.toml").write_text('[[classes]]\nname = "a"\n[[classes]]\nname = "b"\n')
    Image.fromarray(np.full((16, 16), 7, np.uint8)).save(data / "masks" / "1.png")
    return r"masks/1\.png: holds value 7, which the class table does not have \(0, 1\); add"


def damage_no_image(data: Path) -> str:
    (data / "images" / "4.png").write_text("hello")
    return r"images/4\.png: not an image that can be read .*; replace them or take them out"


def damage_empty(data: Path) -> str:
    (data / "images" / "5.png").write_bytes(b"")
    return (
        r"images/5\.png: empty \(0 bytes\); fetch them again, or take them out; --skip-bad .* out$"
    )


def damage_no_pair(data: Path) -> str:
    for path in data.rglob("*.png"):
        path.unlink()
    return r"data names no pair of an image and a mask; add some"


def damage_layout(data: Path) -> str:
    (data / "masks").rename(data / "truth")
    return r"has no layout that is known \(it holds images, truth\); put images into images/"


@pytest.mark.parametrize(
    "damage",
    [
        damage_missing_mask,
        damage_size,
        damage_value,
        damage_no_image,
        damage_empty,
        damage_no_pair,
        damage_layout,
    ],
)
def test_bad_data_ends_in_one_line_and_leaves_nothing(capsys, monkeypatch, folder, damage):
    words = damage(folder)
    out = folder.parent / "run"
    code, stdout, stderr = call(capsys, monkeypatch, "train", folder, "--out", out)
    assert code == 1
    assert stdout == ""
    assert_one_error(stderr, words)
    assert not out.exists()


def assert_one_error(stderr: str, words: str) -> None:
    lines = [line for line in stderr.splitlines() if line.strip()]
    assert lines[-1].startswith("error: ")
    assert not any("Traceback" in line for line in lines)
    assert re.search(words, lines[-1]), lines[-1]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["train", "nowhere"], 1, r"nowhere: no such folder or file"),
        (["train", "x", "--epoch", "3"], 2, r"No such option.*--epoch.*--epochs"),
        (["train", "x", "--recipe", "tutorail"], 2, r"no recipe called tutorail: did you mean t"),
        (["train", "x", "--set", "train.epoch=3"], 2, r"train\.epoch: did you mean train\.epochs"),
        (["train", "x", "--set", "epochs"], 2, r"--set epochs: write key=value"),
        (["train", "x", "--size", "250"], 2, r"view\.size = 250 must be a multiple of \d+.*try"),
        (["train", "x", "--epochs", "-1"], 2, r"train\.epochs = -1 is outside 0 to"),
        (["train", "x", "--config", "no.toml"], 2, r"no such configuration file: no\.toml"),
        (["trian", "x"], 2, r"No such command 'trian'.*train"),
        (["train"], 2, r"Missing argument 'DATA'"),
        (["evaluate", "nowhere"], 1, r"nowhere: no such run folder"),
        (["evaluate", "."], 1, r"\. is no run folder: it has no config\.toml"),
        (["predict", ".", "x.jpg"], 2, r"Missing option '--out'"),
        (["report", "nowhere"], 1, r"nowhere: no such run folder"),
        (["compare", "nowhere", "there"], 1, r"nowhere: no such run folder"),
        (["suspects", "."], 2, r"Missing option '--out'"),
        (["suspects", "nowhere", "--out", "o"], 1, r"nowhere: no such run folder"),
        (["predict", ".", "x", "--out", "o", "--recall", "0.9"], 2, r"--recall 0\.9: write a clas"),
        (["predict", ".", "x", "--out", "o", "--threshold", "a=b"], 2, r"--threshold a=b: write"),
        (
            ["predict", ".", "x", "--out", "o", "--threshold", "a=0,3"],
            2,
            r"a number with a point, as",
        ),
        (["train", "x", "--monitor", "mean_uio"], 2, r"train\.monitor = 'mean_uio': did you mean"),
        (["data", "shapes", "x", "--count", "0"], 2, r"count"),
        (["train", "x", "--set", "recipe=tutorial"], 2, r"--set recipe=tutorial: name a recipe by"),
        (["train", "x", "--encoder", "resnet5"], 2, r"unknown encoder resnet5: did you mean resn"),
        (["train", "x", "--set", "model.decoder=unett"], 2, r"model\.decoder = unett: did you m"),
        (["plan", "x", "--encoder", "resnet5"], 2, r"unknown encoder resnet5: did you mean resn"),
    ],
)
def test_wrong_usage_ends_in_one_line(capsys, monkeypatch, tmp_path, words, code, message):
    monkeypatch.chdir(tmp_path)
    got, stdout, stderr = call(capsys, monkeypatch, *words)
    assert got == code, stderr
    assert stdout == ""
    assert_one_error(stderr, message)
    assert list(tmp_path.iterdir()) == []


def test_a_run_folder_that_exists_is_kept(capsys, monkeypatch, folder):
    out = folder.parent / "run"
    out.mkdir()
    (out / "precious.txt").write_text("mine")
    code, _, stderr = call(capsys, monkeypatch, "train", folder, "--out", out)
    assert code == 2
    assert_one_error(stderr, r"run already exists; choose another --out, or remove it")
    assert [path.name for path in out.iterdir()] == ["precious.txt"]


@pytest.mark.parametrize(
    "words", [["--debug", "train", "nowhere"], ["train", "nowhere", "--debug"]]
)
def test_debug_shows_the_traceback(capsys, monkeypatch, words):
    with pytest.raises(DataError, match="no such folder"):
        call(capsys, monkeypatch, *words)


def test_nothing_to_do_shows_the_help_in_the_order_of_the_flow(capsys, monkeypatch):
    code, _, err = call(capsys, monkeypatch)
    assert code == 2
    verbs = [line.split()[0] for line in err.split("Commands:")[1].splitlines() if line.strip()]
    assert verbs == [
        "demo",
        "data",
        "check",
        "plan",
        "train",
        "evaluate",
        "predict",
        "export",
        "verify",
        "report",
        "compare",
        "pool",
        "suspects",
        "info",
    ]


def test_check_of_clean_data_says_that_training_can_begin(capsys, monkeypatch, folder):
    code, out, err = call(capsys, monkeypatch, "check", folder)
    assert (code, out) == (0, "")
    assert "nothing stops training; usable: 6 pairs" in err
    assert err.rstrip().endswith(f"next: maskwright train {folder}")


def test_check_shows_the_split_that_a_training_of_the_same_settings_would_draw(
    capsys, monkeypatch, folder
):
    words = ["--set", "split.by=stratified", "--set", "split.val=0.3", "--seed", "5"]
    code, _, err = call(capsys, monkeypatch, "check", folder, *words)
    assert code == 0
    assert "split as it would be drawn: 2 train, 2 val, 2 test" in err
    assert err.rstrip().endswith(f"next: maskwright train {folder} {' '.join(words)}")


def test_check_of_bad_data_ends_with_1_and_names_the_repair(capsys, monkeypatch, folder):
    (folder / "masks" / "3.png").unlink()
    code, out, err = call(capsys, monkeypatch, "check", folder)
    assert (code, out) == (1, "")
    assert "stops training images without a mask: 1" in err
    assert "images/3.png: no mask of that name in masks/" in err
    assert err.rstrip().endswith(f"next: maskwright check {folder} --repair data-clean")


def test_check_prints_json_on_standard_output(capsys, monkeypatch, folder):
    (folder / "masks" / "3.png").unlink()
    code, out, _ = call(capsys, monkeypatch, "check", folder, "--json")
    found = json.loads(out)
    assert code == 1
    assert (found["ok"], found["images"], found["usable"]) == (False, 5, 5)
    (finding,) = (one for one in found["findings"] if one["kind"] == "image-without-mask")
    assert finding["severity"] == "stops training"
    assert finding["files"] == [
        {"path": str(folder / "images" / "3.png"), "detail": "no mask of that name in masks/"}
    ]


def test_check_writes_a_page_and_a_repaired_copy(capsys, monkeypatch, folder):
    monkeypatch.chdir(folder.parent)
    (folder / "masks" / "3.png").unlink()
    words = ["check", "data", "--html", "page.html", "--repair", "clean"]
    code, _, err = call(capsys, monkeypatch, *words)
    assert code == 0
    assert "repaired: 5 pairs in clean, 1 file left out" in err
    assert "images without a mask" in Path("page.html").read_text(encoding="utf-8").lower()
    code, _, _ = call(capsys, monkeypatch, "check", "clean")
    assert code == 0


def test_check_begins_a_dataset_toml_and_never_overwrites_one(capsys, monkeypatch, folder):
    code, _, err = call(capsys, monkeypatch, "check", folder, "--init")
    assert code == 0
    assert "dataset.toml; name the classes in it" in err
    text = (folder / "dataset.toml").read_text(encoding="utf-8")
    assert 'name = "value_0"' in text
    code, _, err = call(capsys, monkeypatch, "check", folder, "--init")
    assert code == 2
    assert_one_error(err, r"dataset\.toml already exists; edit it, or remove it first")
    assert (folder / "dataset.toml").read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("option", "place", "words"),
    [
        ("--html", "page", r"--html page is a folder; name a file, such as page/check\.html"),
        ("--repair", "page", r"--repair page already exists; name a new folder"),
        ("--repair", "masks/clean", r"--repair masks/clean lies in \S+ itself; name a folder besi"),
        ("--init", None, r"dataset\.toml already exists; edit it, or remove it first"),
    ],
)
def test_check_refuses_a_place_before_it_looks(
    capsys, monkeypatch, folder, option, place, words
):  # fmt: skip
    (folder / "page").mkdir()
    (folder / "dataset.toml").write_text("")
    monkeypatch.chdir(folder)
    monkeypatch.setattr("maskwright.data.audit.look", lambda _: pytest.fail("looked"))
    given = [option] if place is None else [option, place]
    code, _, err = call(capsys, monkeypatch, "check", folder, *given)
    assert code == 2
    assert_one_error(err, words)


def test_data_clean_says_what_it_freed(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path))
    code, _, err = call(capsys, monkeypatch, "data", "clean")
    assert code == 0
    assert "removed 0 datasets from the cache, 0 B" in err


def test_an_encoder_is_named_on_the_command_line(capsys, monkeypatch, folder):
    monkeypatch.chdir(folder.parent)
    model = configure(encoder="mobilenet_v2", encoder_weights="none").model
    assert (model.encoder, model.weights) == ("mobilenet_v2", "none")
    wrong = ["train", folder, "--out", "other", "--encoder", "mobilenet_v3_smal"]
    code, _, err = call(capsys, monkeypatch, *wrong)
    assert code == 2
    assert "unknown encoder mobilenet_v3_smal: did you mean mobilenet_v3_small?" in err
    assert not Path("other").exists()


def test_train_evaluate_predict_report_from_the_command_line(capsys, monkeypatch, folder):
    monkeypatch.chdir(folder.parent)
    small = ["--recipe", "scratch", "--epochs", 1, "--size", 16, "--batch", 2]
    small += ["--set", "model.filters=[4, 8]"]
    code, out, err = call(capsys, monkeypatch, "train", "data", *small)
    assert (code, out) == (0, "")
    assert "next: maskwright evaluate runs/data-scratch" in err
    code, out, err = call(capsys, monkeypatch, "evaluate", "runs/data-scratch", "--json")
    assert code == 0
    assert json.loads(out)["images"] >= 1
    assert "mean IoU" in err
    words = ["predict", "runs/data-scratch", "data/images", "--out", "masks", "--overlay"]
    code, _, err = call(capsys, monkeypatch, *words)
    assert code == 0
    assert "6 masks in masks" in err
    masks = ["--threshold", "value_1=0.3", "--confidence", "--out", "open"]
    code, _, err = call(capsys, monkeypatch, "predict", "runs/data-scratch", "data/images", *masks)
    assert code == 0
    assert Path("open/0-confidence.png").is_file()
    code, _, err = call(capsys, monkeypatch, "report", "runs/data-scratch")
    assert code == 0
    assert Path("runs/data-scratch/report.html").stat().st_size > 10_000
    code, _, err = call(capsys, monkeypatch, "train", "data", *small)
    assert code == 0
    assert "next: maskwright evaluate runs/data-scratch-2" in err
    call(capsys, monkeypatch, "evaluate", "runs/data-scratch-2")
    pair = ["runs/data-scratch", "runs/data-scratch-2"]
    code, out, err = call(capsys, monkeypatch, "compare", *pair, "--json")
    assert code == 0
    assert json.loads(out)["first"] == "runs/data-scratch"
    assert "A = runs/data-scratch" in err
    assert "the mean IoU of runs/data-scratch-2 is" in err.replace("\n", " ")
    code, _, err = call(capsys, monkeypatch, "export", "runs/data-scratch", "--format", "onnx")
    assert code == 0
    place = "runs/data-scratch/exports/onnx"
    assert f"exported: {place}, with model-card.md" in err
    assert f"next: maskwright predict {place} IMAGES --out masks" in err
    code, _, err = call(capsys, monkeypatch, "export", "runs/data-scratch", "--format", "ONNX")
    assert code == 2
    assert f"{place} already exists; remove it, or choose another --out" in err
    code, out, err = call(capsys, monkeypatch, "verify", place, "--json")
    assert code == 0
    assert "as exported, within what is allowed: " in err
    assert json.loads(out)["equal"] >= 0.999
    assert "no checksum" not in err
    certificate = Path(place, "parity.json")
    told = json.loads(certificate.read_text("utf-8"))
    assert told["limits"] == {"equal": 0.999, "largest": 0.1, "loss": 0.001}
    assert told["run_mean_iou"] == pytest.approx(told["mean_iou"] + told["loss"])
    certificate.rename("away.json")
    code, _, err = call(capsys, monkeypatch, "verify", place)
    assert code == 0
    assert "no checksum in a parity.json beside it: whether the file has changed is not" in err
    Path("away.json").rename(certificate)
    code, _, err = call(capsys, monkeypatch, "evaluate", place, "--least-area", "10")
    assert code == 0
    assert "--least-area has no part in this: the masks do not number their objects" in err
    assert f"scores: {place}/evaluation/test.json" in err
    assert "report:" not in err
    assert f"page: {place}/evaluation/test.html" in err


def test_plan_says_what_and_why_and_what_to_type_next(capsys, monkeypatch, folder):
    code, out, err = call(
        capsys,
        monkeypatch,
        "plan",
        folder,
        "--time",
        "5m",
        "--set",
        "model.width=8",
        "--batch",
        "4",
        "--json",
    )
    assert code == 0
    assert {choice["key"] for choice in json.loads(out)["choices"]} >= {"view.size", "view.fit"}
    assert "thinnest class" in err
    assert f"next: maskwright train {folder} --time 5m --set model.width=8 --batch 4" in err


def test_time_and_epochs_contradict_each_other(capsys, monkeypatch, folder):
    code, _, err = call(capsys, monkeypatch, "train", folder, "--time", "5m", "--epochs", "3")
    assert code == 2
    assert err == "error: --time and --epochs both say when training ends; give one of them\n"


@pytest.mark.parametrize("text", ["soon", "0m", "-5m", "10x"])
def test_a_time_that_is_none_is_refused(capsys, monkeypatch, folder, text):
    code, _, err = call(capsys, monkeypatch, "train", folder, f"--time={text}")
    assert code == 2
    assert err == f"error: --time {text}: write a time above 0, such as 90s, 10m or 2h\n"


def test_info_prints_json_on_standard_output(capsys, monkeypatch):
    code, out, _ = call(capsys, monkeypatch, "info", "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts["packages"]["keras"]
    assert set(facts["recipes"]) == {"default", "scratch", "tutorial", "original", "demo"}


def test_info_looks_for_every_extra():
    from maskwright.info import EXTRAS

    described = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())
    assert set(EXTRAS) == set(described["project"]["optional-dependencies"]) - {"dev"}


def test_info_lists_every_setting_with_its_default_and_what_it_is(capsys, monkeypatch):
    code, out, _ = call(capsys, monkeypatch, "info", "--settings", "--json")
    assert code == 0
    rows = json.loads(out)
    values = flatten(recipe("default"))
    assert {row["setting"]: row["default"] for row in rows} == {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in values.items()
        if "." in key
    }
    assert all(len(row["is"]) > 8 for row in rows)
    (one,) = [row["is"] for row in rows if row["setting"] == "train.monitor"]
    assert one.endswith('"pixel_accuracy", "loss", or "iou NAME", the IoU of the class NAME')
    assert all(name in one for name in MONITORS)
    (one,) = [row["is"] for row in rows if row["setting"] == "train.loss"]
    assert all(name in f"cross_entropy {one}" for name in LOSSES)
    code, out, _ = call(capsys, monkeypatch, "info", "--settings")
    assert code == 0
    said = " ".join(out.split())
    assert "view.size 256 pixels, side of the square" in said


def test_info_lists_the_encoders_with_their_costs(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    code, out, _ = call(capsys, monkeypatch, "info", "--encoders")
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert re.search(r" 3\.0 M +0\.48 G multiply-adds +at hand$", lines["efficientnet_lite0"])
    assert re.search(r" 14\.7 M +20\.04 G multiply-adds +missing$", lines["vgg16"])
    assert "told what to fetch" in lines["missing:"]
    code, out, _ = call(capsys, monkeypatch, "info", "--encoders", "--json")
    assert json.loads(out)[0] == {
        "name": "efficientnet_lite0",
        "parameters": 2998304,
        "multiply_adds": 480000000,
        "weights": "",
    }
    fetch = next(one for one in json.loads(out) if one["name"] == "vgg16")["weights"]
    assert re.fullmatch(rf"fetch https://\S+/vgg16\S+\.h5 to {tmp_path}/models/vgg16\S+", fetch)


def test_info_prints_a_table(capsys, monkeypatch):
    code, out, _ = call(capsys, monkeypatch, "info")
    assert code == 0
    assert "tensorflow" in out


def test_no_engine_chatter_reaches_people():
    done = subprocess.run(
        [sys.executable, "-m", "maskwright", "info"],
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"},
    )
    assert done.returncode == 0
    assert done.stderr == ""


def test_what_the_disk_refuses_ends_in_one_line(capsys, monkeypatch, folder):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", "masks")

    monkeypatch.setattr("maskwright.report.write_report", refuse)
    monkeypatch.setattr("maskwright.runs.load", refuse)
    code, _, err = call(capsys, monkeypatch, "report", folder)
    assert code == 1
    assert_one_error(err, r"masks: Permission denied; mend that, or choose another place")
    with pytest.raises(PermissionError):
        call(capsys, monkeypatch, "report", folder, "--debug")


def test_a_file_and_an_option_name_one_recipe(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('recipe = "tutorial"\n[train]\nminutes = 10.0\n')
    with pytest.raises(UsageError, match=r"config\.toml is of the recipe tutorial, not scratch; l"):
        configure(recipe="scratch", config=file)
    assert configure(config=file).recipe == "tutorial"
    assert configure(config=file).model.encoder == "plain"
    assert configure(recipe="tutorial", config=file).train.minutes == 10


def test_epochs_that_are_asked_for_are_not_cut_short_by_the_minutes_of_a_file(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text("[train]\nminutes = 10.0\n")
    train = configure(config=file, epochs=3).train
    assert (train.minutes, train.epochs) == (0, 3)


def test_class_names_are_no_markup(capsys):
    each = dict.fromkeys(("iou", "dice", "precision", "recall", "boundary_iou", "hd95"), 0.5)
    rows = [{"name": name, "pixels": 9, **each} for name in ("[/x]", "cell [red]")]
    scores = {"classes": rows, "images": 1, "split": "test", "pixel_accuracy": 0.9,
              "mean_iou": 0.5, "mean_dice": 0.6, "mean_boundary_iou": 0.4,
              "mean_surface_dice": 0.3, "tolerance": 2.0,
              "interval": {"few": False, "count": 9, "of": "images"},
              "intervals": dict.fromkeys(("pixel_accuracy", "mean_iou", "mean_dice",
                                           "mean_boundary_iou", "mean_surface_dice"))}  # fmt: skip
    print_scores(scores)
    shown = capsys.readouterr().err
    assert "[/x]" in shown
    assert "cell [red]" in shown


def test_the_help_names_the_limits_that_evaluate_has(capsys, monkeypatch):
    _, out, _ = call(capsys, monkeypatch, "evaluate", "--help")
    said = " ".join(out.split())
    assert f"(surface Dice) [{USUAL.tolerance:g}]" in said
    assert f"as in predict [{USUAL.least_area}]" in said
