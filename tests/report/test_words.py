"""The sentences of the report, against answers worked out by hand."""

from maskwright.report.words import best_epoch, hardest, trained, used


def test_hardest_tells_what_is_taken_for_the_class():
    classes = [{"name": "cat", "iou": 0.5}, {"name": "dog", "iou": 0.9}, {"name": "x", "iou": None}]
    told = hardest(classes, [[10, 1, 0], [9, 90, 0], [0, 0, 0]])
    assert told == "Hardest class: cat (IoU 0.500); dog is most often taken for it."
    assert hardest(classes[:2], [[10, 1], [9, 90]]) == "Hardest class: cat (IoU 0.500)."
    assert hardest([{"name": "cat", "iou": 1.0}], [[4]]) == ""
    assert hardest([{"name": "cat", "iou": None}], [[0]]) == ""


def test_epochs_without_a_score_are_passed_over():
    rows = [{"epoch": n, "seconds": 9, "val_mean_iou": float("nan")} for n in (1, 2)]
    assert best_epoch(rows, "mean_iou") is None
    assert "None of them gave a usable mean IoU" in trained(rows, "mean_iou", 2)
    rows[1]["val_mean_iou"] = 0.2
    assert best_epoch(rows, "mean_iou") == 2


def test_epochs_are_counted_though_only_some_were_validated():
    rows = [{"epoch": n, "seconds": n, "val_loss": 1 / n} for n in (1, 9, 18)]
    assert trained(rows, "loss", 20).startswith("18 epochs of the 20 planned took 18 s.")
    told = "18 epochs took 18 s. After 3 of them it was measured on the validation images. The best"
    assert trained(rows, "loss", 18).startswith(told)
    every = [{"epoch": n, "seconds": n, "val_loss": 1 / n} for n in range(1, 19)]
    assert trained(every, "loss", 18).startswith("18 epochs took 18 s. The best is epoch 18")
    assert trained(rows, "loss", 0).startswith("18 epochs took 18 s.")  # as long as the time was


def test_the_first_of_equal_epochs_is_the_one_that_was_kept():
    assert best_epoch([{"epoch": n, "val_loss": 0.5} for n in (1, 2)], "loss") == 1


def test_looks_at_the_test_images_are_counted_in_words():
    assert used(0) == ""
    assert used(1) == "The test images have been used once."
    assert used(2).startswith("The test images have been used twice; scores chosen after looking")
    assert used(14).startswith("The test images have been used 14 times; scores chosen")
