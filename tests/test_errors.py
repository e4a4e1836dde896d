"""The tree of errors and the two helpers that word them."""

import pytest

from maskwright import errors
from maskwright.errors import nearest, some

TREE = {"UsageError": 2, "DataError": 1, "RunError": 1, "WriteError": 1, "DownloadError": 1}


def test_the_tree_and_its_exit_codes_are_what_the_docstring_draws():
    found = {c.__name__: c.exit_code for c in errors.MaskwrightError.__subclasses__()}
    assert {name: code for name, code in found.items() if name in TREE} == TREE
    assert errors.MaskwrightError.exit_code == 1
    assert all(name in str(errors.__doc__) for name in TREE)


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.UsageError, ValueError),
        (errors.DataError, ValueError),
        (errors.DownloadError, OSError),
    ],
)
def test_errors_are_also_what_plain_python_would_raise(error, builtin):
    assert issubclass(error, builtin)


def test_a_download_error_of_one_argument_prints_as_its_words():
    assert str(errors.DownloadError("gone")) == "gone"


def test_nearest_names_the_closest_word_or_lists_all_in_order():
    assert nearest("epoch", {"epochs", "batch"}) == "did you mean epochs?"
    assert nearest("zzz", {"epochs", "batch"}) == "choose from batch, epochs"


def test_some_counts_only_what_it_leaves_out():
    assert some([]) == ""
    assert some([1, 2, 3]) == "1, 2, 3"
    assert some([1, 2, 3, 4]) == "1, 2, 3 and 1 more"
    assert some((c for c in "abc"), limit=1) == "a and 2 more"
