"""A folder is there whole or not at all, and nothing that was there before is touched."""

from pathlib import Path

import pytest

from maskwright.errors import DataError
from maskwright.files import whole_folder


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_takes_its_name_when_it_is_done(tmp_path):
    place = tmp_path / "new" / "set"
    with whole_folder(place) as part:
        (part / "a").touch()
        assert not place.exists()
    assert left(place) == ["a"]
    assert left(tmp_path / "new") == ["set"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, DataError("it is broken")])
def test_nothing_is_left_of_work_that_fails(tmp_path, error):
    def work() -> None:
        with whole_folder(tmp_path / "new" / "set") as part:
            (part / "a").touch()
            raise error

    with pytest.raises((KeyboardInterrupt, DataError)):
        work()
    assert left(tmp_path / "new") == []


def test_a_folder_that_came_in_the_meantime_is_kept(tmp_path):
    def work() -> None:
        with whole_folder(tmp_path / "set") as part:
            (part / "mine").touch()
            (tmp_path / "set").mkdir()
            (tmp_path / "set" / "theirs").touch()

    with pytest.raises(OSError, match="set"):
        work()
    assert left(tmp_path) == ["set"]
    assert left(tmp_path / "set") == ["theirs"]
