"""What a training ran on is written down as it is."""

import json
import platform
from pathlib import Path

import numpy as np

from maskwright.environment import environment, installed_version, processor


def test_environment_is_json_and_names_the_packages():
    facts = json.loads(json.dumps(environment()))
    assert facts["packages"]["numpy"] == np.__version__
    assert facts["cores"] >= 1


def test_a_package_that_is_not_installed_has_no_version():
    assert installed_version("no-such-package-here") == ""


def test_the_processor_has_one_line():
    assert "\n" not in processor()


def test_where_the_system_has_no_cpuinfo_python_names_the_processor(monkeypatch):
    monkeypatch.setattr(Path, "is_file", lambda path: False)
    monkeypatch.setattr(platform, "processor", lambda: "abacus")
    assert processor() == "abacus"
