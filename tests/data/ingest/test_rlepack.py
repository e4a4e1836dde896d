"""Brush strokes: the decoder against an encoder of its own, by hand, and what can be broken."""

import numpy as np
import pytest

from maskwright.data.ingest.rlepack import unpack_words
from maskwright.errors import DataError


def test_a_code_written_by_hand():
    # 5 words of 8 bits; sizes of count 3, 4, 8, 16; [three times 7], [9, 200]
    bits = f"{5:032b}001110010001101111111"
    bits += "10001000000111"
    bits += "00100010000100111001000"
    bits += "0" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    assert unpack_words(data, 5, "it").tolist() == [7, 7, 7, 9, 200]


def test_the_head_is_as_in_files_of_label_studio():
    # The first bytes of a public export of an image of 3332×2527 pixels.
    head = bytes([2, 1, 233, 240, 57, 27, 255])
    with pytest.raises(DataError, match="it breaks off after 7 bytes; export again"):
        unpack_words(head, 3332 * 2527 * 4, "it")


@pytest.mark.parametrize("size", [1, 5, 8, 13, 32])
@pytest.mark.parametrize("counts", [(3, 4, 8, 16), (1, 2, 3, 4)])
def test_what_was_packed_is_unpacked(pack_words, size, counts):
    rng = np.random.default_rng(size)
    for length in (1, 2, 17, 1000):
        levels = rng.integers(0, min(1 << size, 1 << 30), 3)
        words = np.repeat(rng.choice(levels, length), rng.integers(1, 40, length))
        code = bytes(pack_words(words, size, counts))
        assert unpack_words(code, len(words), "it").tolist() == words.tolist()


def test_runs_and_single_words_longer_than_a_count_go_on_in_the_next_chunk(pack_words):
    words = np.concatenate([np.zeros(200_000), np.arange(150_000) % 7, np.full(65_537, 3)])
    words = words.astype(np.int64)
    assert np.array_equal(unpack_words(bytes(pack_words(words)), len(words), "it"), words)


def test_a_code_of_another_number_of_words_is_refused(pack_words):
    code = bytes(pack_words(np.zeros(12, np.int64)))
    with pytest.raises(
        DataError, match=r"it packs 12 values, not the 16 of its width × height × 4; export again"
    ):
        unpack_words(code, 16, "it")


@pytest.mark.parametrize("cut", [0, 3, 6, 8, -1])
def test_a_code_that_breaks_off_is_refused(pack_words, cut):
    code = bytes(pack_words(np.arange(100) % 7))
    with pytest.raises(DataError, match=r"it breaks off after \d+ bytes; export again"):
        unpack_words(code[:cut], 100, "it")


def test_a_chunk_that_is_longer_than_the_whole_is_refused(pack_words):
    code = bytearray(pack_words(np.full(8, 5)))
    code[3] = 7
    with pytest.raises(DataError, match="it packs more than the 7 values it says; export again"):
        unpack_words(bytes(code), 7, "it")
