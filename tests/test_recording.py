"""Where a new run goes, and what is taken away of one that came to nothing."""

import pytest

from maskwright.errors import UsageError
from maskwright.recording import create_run, discard_run, free_folder


def test_without_out_the_next_free_name_is_taken(tmp_path):
    names = []
    for _ in range(3):
        path = free_folder(None, tmp_path / "cells-v1.2")
        path.mkdir()
        names.append(path.name)
    assert names == ["cells-v1.2", "cells-v1.2-2", "cells-v1.2-3"]


def test_out_may_be_new_or_an_empty_folder(tmp_path):
    assert free_folder(str(tmp_path / "new"), "runs/x") == tmp_path / "new"
    assert free_folder(tmp_path, "runs/x") == tmp_path


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_out_must_not_hold_anything(tmp_path, kind):
    out = tmp_path / "out"
    if kind == "folder":
        out.mkdir()
    (out / "x" if kind == "folder" else out).touch()
    with pytest.raises(UsageError, match="out already exists; choose another --out, or remove it"):
        free_folder(out, "runs/x")


def test_what_a_killed_program_left_does_not_stand_in_the_way(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("lock", "run.json", ".config.part.toml"):
        (out / name).touch()
    assert free_folder(out, "runs/x") == out
    (out / "config.toml").touch()
    with pytest.raises(UsageError, match="out already exists"):
        free_folder(out, "runs/x")


def test_a_discarded_run_takes_nothing_with_it_that_is_not_its_own(tmp_path, config, dataset):
    run = create_run(tmp_path / "run", config, dataset)
    run.log("begun")
    (run.path / "notes.txt").write_text("mine")
    discard_run(run)
    assert [path.name for path in run.path.iterdir()] == ["notes.txt"]
