"""What can be wrong with a dataset: every kind of finding, its severity and its remedy."""

from __future__ import annotations

from dataclasses import dataclass

STOPS, LOWERS, NOTE = "stops training", "lowers quality", "note"
SEVERITIES = (STOPS, LOWERS, NOTE)


@dataclass(frozen=True)
class Kind:
    """A kind of finding: how bad it is, what it is called, what to do; and who can mend it.

    ``repair`` says what ``check --repair`` does about it, empty where it does nothing.
    """

    severity: str
    title: str
    remedy: str
    repair: str = ""


LEFT_OUT = "left out"

KINDS = {
    # Pairing
    "image-without-mask": Kind(
        STOPS,
        "images without a mask",
        "add masks of the same name, or take the images out",
        LEFT_OUT,
    ),
    "mask-without-image": Kind(
        LOWERS, "masks without an image", "add the images, or take the masks out", LEFT_OUT
    ),
    "several-candidates": Kind(
        STOPS,
        "several files for one name",
        "keep one of them",
        "kept once where the files are equal, else left out",
    ),
    "affix": Kind(
        NOTE,
        "masks whose name adds something to the image's",
        "nothing: they are paired; rename them if the pairs are wrong",
        "renamed",
    ),
    "case": Kind(
        NOTE,
        "names that differ by case",
        "nothing: they are paired; rename them if the pairs are wrong",
        "renamed",
    ),
    "listed-missing": Kind(
        STOPS, "listed files that are not there", "put them back, or shorten the list", LEFT_OUT
    ),
    "listed-twice": Kind(
        STOPS, "images listed more than once", "list each once, in one split", "kept once"
    ),
    "name-encoding": Kind(
        STOPS,
        "names that are not UTF-8",
        "rename them: tables and other programs cannot hold such names",
        LEFT_OUT,
    ),
    "odd-name": Kind(
        NOTE,
        "names with line breaks or other control characters",
        "rename them: other programs stumble",
        "renamed",
    ),
    "unlisted": Kind(
        NOTE, "images that no list names", "nothing: they are not used; list them if they should be"
    ),
    "no-image": Kind(NOTE, "files that are no images", "nothing: they are passed over", LEFT_OUT),
    # Files
    "missing": Kind(
        STOPS,
        "links that lead nowhere, or files that are gone",
        "put the files back, or take the names out",
        LEFT_OUT,
    ),
    "forbidden": Kind(
        STOPS, "files that may not be read by you", "change their permissions", LEFT_OUT
    ),
    "empty-file": Kind(
        STOPS, "empty files (0 bytes)", "fetch them again, or take them out", LEFT_OUT
    ),
    "unreadable": Kind(
        STOPS, "files that are no readable images", "replace them or take them out", LEFT_OUT
    ),
    "truncated": Kind(
        STOPS,
        "damaged files that cannot be decoded whole",
        "fetch them again, or take them out",
        LEFT_OUT,
    ),
    "too-large": Kind(STOPS, "images of too many pixels", "cut them into smaller images", LEFT_OUT),
    "bands": Kind(
        STOPS,
        "images with another number of bands than the most",
        "give all images the same bands, or take these out",
        LEFT_OUT,
    ),
    "float": Kind(
        STOPS,
        "images of floating-point numbers without a range",
        "write the range into dataset.toml: [bands] low and high",
        LEFT_OUT,
    ),
    "extension": Kind(
        NOTE,
        "files whose name says another format than their content",
        "nothing: they are read for what they are; other programs may stumble",
        "written as PNG",
    ),
    "grey-image": Kind(NOTE, "grey images among colour images", "nothing: grey is repeated"),
    "alpha": Kind(
        NOTE,
        "images with transparency",
        "nothing: transparency is dropped, and what is hidden under it shows",
        "written as RGB",
    ),
    "cmyk": Kind(
        LOWERS,
        "CMYK images among RGB images",
        "save them as RGB: their colours come out differently",
        "written as RGB",
    ),
    "palette-image": Kind(
        NOTE, "images of few colours (palette files)", "save photographs as JPEG or PNG in RGB"
    ),
    "depth": Kind(
        LOWERS,
        "images of another depth (8 or 16 bits) than the most",
        "save all images with the same depth",
    ),
    "several-frames": Kind(
        LOWERS,
        "animations, or files of several pages",
        "nothing: the first frame is taken; save each as a file if you need more",
        "its first frame alone",
    ),
    "orientation": Kind(
        NOTE,
        "images that their EXIF flag turns",
        "nothing: they are turned as the flag says",
        "turned, without the flag",
    ),
    "mask-orientation": Kind(
        STOPS,
        "masks drawn on the image as stored, which its EXIF flag turns",
        "turn the masks, or remove the flag",
        "mask turned like its image",
    ),
    "size": Kind(
        NOTE, "images much larger or smaller than the others", "check that they belong here"
    ),
    "blank-image": Kind(LOWERS, "images of one colour only", "take them out", LEFT_OUT),
    # Masks
    "mask-size": Kind(
        STOPS,
        "masks of another size than their image, of the same shape",
        "resize them by nearest neighbour",
        "resized by nearest neighbour",
    ),
    "mask-shape": Kind(
        STOPS,
        "masks of another shape than their image",
        "find the right masks, or take the pairs out",
        LEFT_OUT,
    ),
    "mask-kind": Kind(
        STOPS,
        "masks in another encoding than the most",
        "save all masks in one encoding",
        "changed where their values are known, else left out",
    ),
    "mask-copy": Kind(
        STOPS,
        "masks that are a photograph, such as a copy of their image",
        "find the masks",
        LEFT_OUT,
    ),
    "mask-damaged": Kind(
        STOPS,
        "masks with in-between values, as JPEG and smooth resizing leave them",
        "save masks as PNG, and resize them by nearest neighbour",
        "snapped to the nearest class where that is safe, else left out",
    ),
    "mask-scale": Kind(
        STOPS,
        "masks that say 1 where the others say 255, or the other way round",
        "save all of them in one of the two ways",
        "read as the others are",
    ),
    "outside-table": Kind(
        STOPS,
        "masks with values that the class table does not have",
        "add the values to a class of dataset.toml or to its ignore list, or mend the masks",
        LEFT_OUT,
    ),
    "one-value": Kind(
        STOPS,
        "masks that all hold one and the same value",
        "check that these are the masks: there is nothing to tell apart",
    ),
    "no-classes": Kind(
        STOPS,
        "masks of so many values that no class table fits",
        "list the classes in a dataset.toml; maskwright check DATA --init begins one",
    ),
    "flipped": Kind(
        STOPS,
        "masks that fit their images when flipped or turned",
        'flip or turn the masks back; if they are right, write allow = ["flipped"] in dataset.toml',
        LEFT_OUT,
    ),
    "shifted": Kind(
        STOPS,
        "masks that fit their images when shifted",
        'shift the masks back; if they are right, write allow = ["shifted"] in dataset.toml',
        LEFT_OUT,
    ),
    "off-map": Kind(
        LOWERS,
        "masks that lie elsewhere on the map than their images",
        "export them again from the same place; pixels are matched by row and column",
    ),
    "same-mask": Kind(
        LOWERS,
        "different images with one and the same mask",
        "check that no mask was copied by mistake",
    ),
    "empty-mask": Kind(
        NOTE,
        "masks with nothing but background",
        "nothing, if there is nothing in these images; else label them",
    ),
    "ignored-mask": Kind(
        LOWERS,
        "masks with nothing but ignored pixels",
        "label them, or take them out",
        LEFT_OUT,
    ),
    "one-class": Kind(
        NOTE, "masks with one class only, other than background", "check that they are finished"
    ),
    "rare-class": Kind(
        LOWERS,
        "classes in too few images or pixels to be learnt",
        "label more of them, or merge them with another class in dataset.toml",
    ),
    "absent-class": Kind(
        LOWERS, "classes that no mask holds", "take them out of dataset.toml, or label some"
    ),
    # Splits
    "leak": Kind(
        LOWERS,
        "the same image in two splits: scores would flatter",
        "keep each image in one split only",
        "taken out of train (or val)",
    ),
    "near-leak": Kind(
        LOWERS,
        "nearly the same image in two splits: scores would flatter",
        "keep such images in one split",
        "taken out of train (or val)",
    ),
    "duplicate": Kind(
        NOTE,
        "images that are there more than once",
        "nothing: they stay in one split; each counts as often as it is there",
        "equal files kept once",
    ),
    "one-scene": Kind(
        LOWERS,
        "images that are nearly all the same, as from a fixed camera: scores hold for this scene",
        "add other scenes, unless the model is for this one; name the parts of films (split.group)",
    ),
    "group-leak": Kind(
        LOWERS,
        "groups in two splits: scores would flatter",
        "keep each group in one split (split.by=group)",
    ),
    "ground-leak": Kind(
        LOWERS,
        "ground on the map that two splits show: scores would flatter",
        "keep overlapping tiles in one split (split.group), or cut tiles that do not overlap",
    ),
    "tied-groups": Kind(
        LOWERS,
        "groups that are split as one, for images of both are nearly the same",
        "take one of the two images out, or name the groups alike",
    ),
    "class-not-in-split": Kind(
        LOWERS,
        "classes that a split lacks",
        "draw the split so that each has all classes (--set split.by=stratified)",
    ),
    "thin-split": Kind(
        LOWERS,
        "a split of one or two images, or of one group: its scores mean little",
        "test on all in turns (--set split.folds=5, or the number of groups; split.fold=0, …)",
    ),
    "few-test": Kind(
        NOTE,
        "a test split of few images or groups: its scores will have wide intervals",
        "label more, or set more apart (--set split.by=random --set split.test=0.3)",
    ),
    "no-pairs": Kind(STOPS, "no pair that can be used", "mend what is named here, or add pairs"),
    "too-few": Kind(STOPS, "too few images to train on", "add images, or mend those left out"),
    "few-images": Kind(LOWERS, "very few images", "label more: 30 are a beginning"),
}
