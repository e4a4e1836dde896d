"""The short version of ``make fuzz``: some hundreds of damaged files for each reader."""

import itertools

import fuzzing
import pytest
import whole_files

INPUTS = 300
NAMES = ("image", "bands", "mask", "manifest", "dataset.toml", "config.toml", "archive",
         "checkpoint", "coco", "label studio", "run", "counts", "model.keras", "model")  # fmt: skip


@pytest.fixture(scope="module")
def readers(tmp_path_factory) -> dict[str, whole_files.Target]:
    made = whole_files.targets(tmp_path_factory.mktemp("fuzz"))
    assert tuple(made) == NAMES
    return made


@pytest.mark.parametrize("name", NAMES)
def test_whole_files_are_read(readers, name, tmp_path):
    for called, content in readers[name].seeds:
        (tmp_path / called).write_bytes(content)
        readers[name].read(tmp_path / called)


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_end_in_errors_of_ours(readers, name, tmp_path):
    stream = fuzzing.fed(name, readers[name], seed=1, folder=tmp_path / "fed")
    for called, content, wrong in itertools.islice(stream, 10 if readers[name].slow else INPUTS):
        assert not wrong, (called, content, wrong)
