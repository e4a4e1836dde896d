"""The tutorial notebook runs from top to bottom on a small generated set."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

from maskwright.data.samples import write_samples

NOTEBOOK = Path(__file__).parent.parent / "examples" / "tutorial.ipynb"
SMALL = """
from pathlib import Path
DATA = Path("shapes")
CONFIG = mw.recipe(
    "tutorial",
    {"train.epochs": 2, "train.batch": 4, "view.size": 32, "model.filters": [4, 8]},
)
"""


def test_the_tutorial_notebook_runs(tmp_path):
    write_samples(tmp_path / "shapes", count=20, size=40)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (parameters,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    parameters.source = SMALL
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    pictures = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 3
    assert (tmp_path / "runs" / "shapes-tutorial" / "report.html").is_file()


def test_the_notebook_is_kept_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
