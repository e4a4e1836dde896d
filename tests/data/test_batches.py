"""Training batches: a function of seed, epoch and step, and every image once an epoch."""

from itertools import islice

import numpy as np
import pytest

from maskwright.data.augment import augment
from maskwright.data.batches import Batches
from maskwright.data.borders import border_weights
from maskwright.data.cache import Files, Stored, open_cache
from maskwright.data.dataset import read_pair
from maskwright.data.pairing import Pair
from maskwright.errors import DataError
from maskwright.randomness import AUGMENT, generator
from maskwright.settings import change


@pytest.fixture
def files(tmp_path, write_pairs, table) -> Files:
    """Eight pairs of 12×10 pixels."""
    root = write_pairs(tmp_path / "data", 8)
    names = [f"{number}.png" for number in range(8)]
    return Files([Pair(root / "images" / name, root / "masks" / name) for name in names], table)


@pytest.fixture
def make(files, config):
    """Batches of three over eight images, changed as asked."""

    def build(**changes: object) -> Batches:
        changes = {"train.batch": 3} | {k.replace("_", ".", 1): v for k, v in changes.items()}
        return Batches(files, change(config, changes))

    return build


def test_a_batch_has_the_shapes_and_types_of_the_views(make):
    images, masks = make()[0]
    assert (images.shape, images.dtype) == ((3, 16, 16, 3), np.uint8)
    assert (masks.shape, masks.dtype) == ((3, 16, 16), np.uint8)


def test_a_batch_is_a_function_of_seed_epoch_and_step(make):
    first, again = make(), make()
    again[2], again[0]  # other steps before it change nothing
    for part in (0, 1):
        np.testing.assert_array_equal(first[1][part], again[1][part])


@pytest.mark.parametrize("other", ["seed", "epoch", "step"])
def test_another_seed_epoch_or_step_gives_another_batch(make, other):
    batches = make(seed=1) if other == "seed" else make()
    number = {"seed": 0, "epoch": len(batches), "step": 1}[other]
    assert (batches[number][0] != make()[0][0]).any()


@pytest.mark.parametrize("epoch", [0, 1])
def test_every_image_comes_once_an_epoch_and_the_last_batch_is_filled_from_the_front(
    make, monkeypatch, epoch
):
    batches = make()
    drawn: list[int] = []
    plain = batches.view
    monkeypatch.setattr(
        batches, "view", lambda epoch, index, out: drawn.append(index) or plain(epoch, index, out)
    )
    sizes = [len(batches[3 * epoch + step][0]) for step in range(len(batches))]
    assert sizes == [3, 3, 3]
    assert sorted(drawn[:8]) == list(range(8))
    assert drawn[8:] == drawn[:1]


def test_epochs_have_orders_of_their_own(make):
    batches = make()
    assert (batches.order(epoch=0) != batches.order(epoch=1)).any()


def test_a_batch_is_never_larger_than_the_images_there_are(make):
    batches = make(train_batch=100)
    assert len(batches) == 1
    assert len(batches[0][0]) == 8


def test_a_view_is_its_pair_augmented_by_its_own_generator(make, files):
    batches = make()
    pair = files.pairs[5]
    image, raw = read_pair(pair)
    rng = generator(AUGMENT, 0, 4, 5)
    mask = files.table.decode(raw)
    wanted = augment(image, mask, rng, batches.config.view, batches.config.augment)
    for seen, part in zip(batches.view(4, 5), wanted, strict=True):
        np.testing.assert_array_equal(seen, part)


def test_a_batch_holds_the_views_in_the_order_of_the_epoch(make):
    batches = make()
    images, masks = batches[1]
    for place, index in enumerate(batches.order(0)[3:6].tolist()):
        image, mask = batches.view(0, index)
        np.testing.assert_array_equal(images[place], image)
        np.testing.assert_array_equal(masks[place], mask)


def test_batches_from_a_cache_that_shrank_nothing_are_those_from_the_files(
    files, config, tmp_path, monkeypatch
):
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path / "cache"))
    config = change(config, {"train.batch": 3})
    cache = open_cache(files.pairs, files.table, config.view, config.augment.zoom)
    for step in range(3):
        kept, fresh = (Batches(source, config)[step] for source in (cache, files))
        for part in (0, 1):
            np.testing.assert_array_equal(kept[part], fresh[part])


def test_the_number_of_channels_is_that_of_the_source(config):
    class Grey:
        channels = 1

        def __len__(self) -> int:
            return 2

        def read(self, index: int) -> Stored:
            return Stored(np.full((20, 30, 1), 9, np.uint8), np.zeros((20, 30), np.uint8), 20, 30)

    images, masks = Batches(Grey(), config)[0]
    assert (images.shape, masks.shape) == ((2, 16, 16, 1), (2, 16, 16))
    assert np.ptp(images, axis=(1, 2)).max() == 0


def test_batches_made_ahead_come_in_order_and_errors_with_them(make, files):
    batches = make(train_workers=3)
    for number, (images, masks) in zip(range(2, 8), batches.ahead(first=2), strict=False):
        np.testing.assert_array_equal(images, batches[number][0])
        np.testing.assert_array_equal(masks, batches[number][1])
    assert number // len(batches) == 2  # two epochs on, without a pause
    files.pairs[0].image.write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        list(islice(batches.ahead(), len(batches)))


def test_windows_come_as_often_as_an_image_has_room_for_them(table, save, tmp_path, config):
    """Images of 12×12 and 36×24 pixels: one window of 16 in the first, 864 / 256 in the second."""
    pairs = []
    for name, size in (("a", (12, 12)), ("b", (24, 36))):
        image = np.random.default_rng(0).integers(256, size=(*size, 3)).astype(np.uint8)
        paths = [tmp_path / kind / f"{name}.png" for kind in ("images", "masks")]
        save(paths[0], image)
        save(paths[1], (image[..., 0] > 127).astype(np.uint8))
        pairs.append(Pair(*paths))
    windows = change(config, {"view.fit": "window", "train.batch": 4})
    for source in (Files(pairs, table), open_cache(pairs, table, windows.view, 0.25)):
        batches = Batches(source, windows)
        assert batches.slots.tolist() == [0, 1, 1, 1]
        assert len(batches) == 1
        assert sorted(batches.places(0)) == [0, 1, 1, 1]
        images, masks = batches[0]
        assert images.shape == (4, 16, 16, 3)
        assert len({image.tobytes() for image in images}) == 4  # each window at a place of its own
        known = [int((mask != 255).sum()) for mask in masks]
        assert sum(count > 200 for count in known) == 3  # of the large image: not beside it


def test_with_a_margin_images_show_more_than_masks(files, config):
    plain, wider = Batches(files, config), Batches(files, config, margin=5)
    images, masks = wider[0]
    assert (images.shape[1:], masks.shape[1:]) == ((26, 26, 3), (16, 16))
    np.testing.assert_array_equal(masks, plain[0][1])
    assert np.abs(images[:, 5:-5, 5:-5].astype(int) - plain[0][0]).max() <= 8


def test_where_borders_weigh_more_truth_holds_classes_and_weights(make):
    images, truth = make(train_border=10.0, train_border_sigma=2.0)[0]
    plain_images, masks = make()[0]
    np.testing.assert_array_equal(images, plain_images)
    assert (truth.shape, truth.dtype) == ((3, 16, 16, 2), np.float32)
    np.testing.assert_array_equal(truth[..., 0], masks)
    for mask, more in zip(masks, truth[..., 1], strict=True):
        np.testing.assert_allclose(more, 10 * border_weights(mask, 2), rtol=1e-6)
