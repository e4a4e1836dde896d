"""What a step takes of the memory, and what there is of it."""

from pathlib import Path

import pytest

from maskwright import memory
from maskwright.engine import keras
from maskwright.memory import fitting, free_bytes, step_bytes
from maskwright.models.unet import unet

MEMINFO = "MemTotal:       2048 kB\nMemFree:          10 kB\nMemAvailable:     1000 kB\n"


def machine(folder: Path, **files: str) -> tuple[Path, Path]:
    """The folders in which a system tells of its memory."""
    for name, text in {"meminfo": MEMINFO, **files}.items():
        place = folder / name.replace("__", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return folder, folder


def test_a_step_is_counted_by_hand():
    """A 3×3 convolution of 2 filters and ReLU, a 1×1 to 2 logits, on 4×4 pixels of one channel."""
    image = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(2, 3, padding="same")(image)
    model = keras.Model(image, keras.layers.Conv2D(2, 1)(keras.layers.ReLU()(x)))
    outputs, weights = 3 * (4 * 4 * 2), (9 * 2 + 2) + (2 * 2 + 2)
    assert step_bytes(model, side=4, batch=5) == 4 * (5 * outputs + 3 * weights)


def test_a_batch_is_halved_until_it_fits(monkeypatch):
    model = unet(2, filters=(4, 8))
    wanted = step_bytes(model, 32, 16)
    monkeypatch.setattr(memory, "free_bytes", lambda: wanted / memory.SHARE + 1)
    assert [fitting(model, 32, batch) for batch in (4, 16, 33, 64)] == [4, 16, 16, 16]
    monkeypatch.setattr(memory, "free_bytes", lambda: 10)
    assert fitting(model, 32, 64) == 1


def test_a_batch_is_left_alone_where_nothing_is_known_or_a_gpu_will_tell(monkeypatch):
    model = unet(2, filters=(4, 8))
    monkeypatch.setattr(memory, "free_bytes", lambda: None)
    assert fitting(model, 32, 64) == 64
    monkeypatch.setattr(memory, "free_bytes", lambda: 10)
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0"])
    assert fitting(model, 32, 64) == 64


def test_what_is_available_is_free(tmp_path):
    assert free_bytes(*machine(tmp_path)) == 1000 * 1024


@pytest.mark.parametrize(
    "names",
    [
        ("memory.max", "memory.current", "memory.stat"),
        (
            "memory__memory.limit_in_bytes",
            "memory__memory.usage_in_bytes",
            "memory__memory.stat",
        ),
    ],
)
def test_a_containers_limit_counts(tmp_path, names):
    stat = "anon 1200\ninactive_file 300\nactive_file 0\n"
    files = dict(zip(names, ("5000\n", "1500\n", stat), strict=True))
    assert free_bytes(*machine(tmp_path, **files)) == 3500 + 300


def test_a_container_without_a_limit_has_all_there_is(tmp_path):
    files = {"memory.max": "max\n", "memory.current": "1500\n"}
    assert free_bytes(*machine(tmp_path, **files)) == 1000 * 1024


def test_a_system_that_tells_nothing_gives_none(tmp_path):
    assert free_bytes(tmp_path, tmp_path) is None


def test_this_machine_has_memory():
    assert (free_bytes() or 1e9) > 1e6
