"""Packages that only some users have."""

import sys

import pytest

from maskwright.data.ingest import import_needed
from maskwright.data.ingest.runs import runs_of
from maskwright.errors import DataError


def test_a_module_that_is_there_is_imported():
    assert import_needed("json.decoder", "none", "it").JSONDecoder


def test_a_package_that_is_not_installed_is_named_with_our_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "gone", None)
    with pytest.raises(DataError, match=r"^it needs gone: pip install 'maskwright\[some\]'$"):
        import_needed("gone.inner", "some", "it")


def test_only_polygons_need_the_library_of_coco(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools.mask", None)
    assert runs_of({"size": [1, 2], "counts": [1, 1]}, 1, 2, "it").tolist() == [1, 1]
    with pytest.raises(
        DataError,
        match=r"it is a polygon, which needs pycocotools: pip install 'maskwright\[coco\]'",
    ):
        runs_of([[0, 0, 1, 0, 1, 1]], 1, 2, "it")
