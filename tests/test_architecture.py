"""Data flows one way, nothing heavy is imported early, and the public names are pinned."""

import ast
import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import maskwright

SOURCE = Path(maskwright.__file__).parent
# Each may import those before it, and itself.
ORDER = [
    "errors",
    "randomness",
    "console",
    "printing",
    "interrupts",
    "files",
    "checkpoint",
    "lock",
    "environment",
    "config",
    "texts",
    "settings",
    "recipes",
    "engine",
    "data",
    "models",
    "optimizers",
    "losses",
    "precision",
    "memory",
    "stepping",
    "measures",
    "pictures",
    "tiling",
    "views",
    "predictor",
    "keras_predictor",
    "averaging",
    "calibration",
    "deciding",
    "shapes",
    "validate",
    "runs",
    "artifacts",
    "trackers",
    "tracking",
    "recording",
    "fingerprint",
    "throughput",
    "choosing",
    "planning",
    "schedule",
    "resuming",
    "epochs",
    "fitting",
    "training",
    "evaluation",
    "comparison",
    "pooling",
    "prediction",
    "report",
    "suspicion",
    "exporting",
    "demo",
    "info",
    "cli",
    "__main__",
]
NEEDS_KERAS = {"Plan", "conv_block", "plan", "up_block", "unet", "train"}
PUBLIC = [
    "Artifact",
    "Audit",
    "Config",
    "DataError",
    "Dataset",
    "DownloadError",
    "MaskwrightError",
    "Plan",
    "Predictor",
    "Run",
    "RunError",
    "UsageError",
    "WriteError",
    "check",
    "compare",
    "conv_block",
    "evaluate",
    "export",
    "find_objects",
    "load",
    "load_dataset",
    "open_artifact",
    "plan",
    "pool",
    "predict",
    "recipe",
    "suspects",
    "train",
    "unet",
    "up_block",
    "verify",
    "write_report",
]


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


def imported(node: ast.AST) -> list[str]:
    """The modules of maskwright that a syntax tree imports at run time, at any depth."""
    if is_type_checking(node):
        return [name for child in node.orelse for name in imported(child)]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"line {node.lineno}: write absolute imports"
        if node.module == "maskwright":
            return [alias.name for alias in node.names]
        names = [node.module or ""]
    elif isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        return [name for child in ast.iter_child_nodes(node) for name in imported(child)]
    return [name.split(".")[1] for name in names if name.startswith("maskwright.")]


def stage(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


FILES = [path for path in sorted(SOURCE.rglob("*.py")) if path != SOURCE / "__init__.py"]


def test_every_module_has_its_place_in_the_order():
    assert {stage(path) for path in FILES} == set(ORDER)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_data_flow_one_way(path):
    place = ORDER.index(stage(path))
    back = [
        name for name in imported(ast.parse(path.read_text("utf-8"))) if ORDER.index(name) > place
    ]
    assert back == [], f"{path.name} imports {back}, which come after it"


def test_an_import_that_goes_back_is_found_wherever_it_hides():
    hidden = "def f():\n    if x:\n        from maskwright.cli import main\n"
    assert imported(ast.parse(hidden)) == ["cli"]
    assert imported(ast.parse("from maskwright import cli")) == ["cli"]
    assert imported(ast.parse("import maskwright.report.words, os")) == ["report"]
    typed = "if TYPE_CHECKING:\n    import maskwright.cli\nelse:\n    import maskwright.info"
    assert imported(ast.parse(typed)) == ["info"]


@pytest.mark.parametrize("name", ["maskwright", "maskwright.cli"])
def test_importing_it_imports_nothing_heavy(name):
    heavy = "{'keras', 'tensorflow', 'jax', 'torch', 'rich', 'cv2', 'numpy', 'PIL'}"
    code = f"import sys, {name}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def typed_names() -> dict[str, str]:
    """Public name -> module, as type checkers see them."""
    tree = ast.parse((SOURCE / "__init__.py").read_text("utf-8"))
    block = next(node for node in tree.body if is_type_checking(node))
    assert isinstance(block, ast.If)
    return {
        alias.asname or alias.name: (node.module or "").removeprefix("maskwright.")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_public_names_are_pinned():
    assert sorted(maskwright._HOME) == PUBLIC
    assert dir(maskwright) == sorted([*PUBLIC, "__version__"])


def test_type_checkers_and_python_find_the_same_names():
    assert typed_names() == maskwright._HOME


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there(name):
    home = f"maskwright.{maskwright._HOME[name]}"
    if name in NEEDS_KERAS:
        spec = importlib.util.find_spec(home) if "models" not in home else True
        assert spec
        path = SOURCE / f"{maskwright._HOME[name].replace('.', '/')}.py"
        text = path.read_text("utf-8")
        assert f"\ndef {name}(" in text or f"\nclass {name}:" in text
    else:
        assert getattr(maskwright, name) is getattr(importlib.import_module(home), name)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'maskwright' has no attribute 'trian'"):
        _ = maskwright.trian


def test_the_version_is_that_of_the_project():
    assert maskwright.__version__ == importlib.import_module("importlib.metadata").version(
        "maskwright"
    )
