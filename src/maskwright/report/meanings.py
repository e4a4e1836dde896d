"""Why each kind of finding matters, for those who did not make the dataset."""

from __future__ import annotations

# Kinds as in data/kinds.py. Notes whose title says it all have no entry.
MEANINGS = {
    "image-without-mask": "Nothing says what is to be seen in them, so nothing can be learnt.",
    "mask-without-image": "They are not used: labels that someone drew do not reach the model.",
    "several-candidates": "It cannot be told which of the files is meant.",
    "affix": "Each name was found to mean the same as that of one image. The pictures show "
    "whether that is right.",
    "case": "Some systems take such names for the same, others do not.",
    "listed-missing": "The list promises more than the folder holds.",
    "listed-twice": "An image that is listed twice counts twice; in two splits, the model would "
    "be tested on what it was trained on.",
    "name-encoding": "They were written on a system of another encoding, and lists of files, which "
    "are UTF-8, could not name them.",
    "missing": "The names are there, the pictures are not.",
    "forbidden": "What may not be read cannot be looked at or trained on.",
    "empty-file": "Nothing is in them, as after a download or a copy that was broken off.",
    "unreadable": "Whatever they hold, it is no picture of a kind that can be opened.",
    "truncated": "Only a part of the picture is there, as after a download that was broken off. "
    "Training would stop at such a file.",
    "too-large": "Decoded, they take more memory than most machines have.",
    "bands": "A network takes images of one number of bands.",
    "cmyk": "The colours of print look different beside those of a screen, so that what is learnt "
    "from one kind does not hold for the other.",
    "depth": "Side by side, images of 8 and of 16 bits can come out at different brightness.",
    "several-frames": "One picture is used of each; the mask may have been drawn on another.",
    "blank-image": "There is nothing to see, so whatever the mask says cannot be learnt.",
    "orientation": "The camera stored them lying and noted how to turn them. Masks must have been "
    "drawn on the image as turned; the pictures show whether they were.",
    "mask-orientation": "The camera stored the image lying and noted how to turn it. Viewers turn "
    "it, training as well; the mask was drawn on the image as stored, so it lies across.",
    "size": "Objects in them have another size in pixels than in the others.",
    "mask-size": "Pixels of mask and image are not in one place. Mostly the mask was drawn on a "
    "smaller copy, or the image was resized afterwards.",
    "mask-shape": "Such a mask cannot lie on its image: it was cut, was turned, or belongs to "
    "another image.",
    "mask-kind": "Their pixels cannot be looked up in the class table of the others.",
    "mask-copy": "A photograph stands where the classes of its pixels should. Mostly the image "
    "was copied into the folder of masks.",
    "mask-damaged": "JPEG and smooth resizing blend classes along their borders into values that "
    "mean nothing or, worse, another class.",
    "mask-scale": "Object and background are told by 0 and 1 in some files and by 0 and 255 in "
    "others; read in one way, the others are empty or unknown.",
    "outside-table": "Nobody has said which class these pixels are.",
    "one-value": "Every pixel is of the same class, so there is nothing to learn.",
    "no-classes": "It cannot be told which values are classes.",
    "flipped": "Colours and edges of the image agree better with the mask in another placement. "
    "A model trained on such pairs learns that classes lie anywhere.",
    "shifted": "The edges of the image agree better with those of the mask when it is moved. "
    "A model trained on such pairs learns borders beside the true ones.",
    "same-mask": "Different pictures hardly ever have one and the same mask. One of the two was "
    "probably saved under a wrong name.",
    "empty-mask": "Images of nothing teach a model what nothing looks like. But a mask that was "
    "begun and never drawn looks the same.",
    "ignored-mask": "Nothing is learnt from them, and nothing is measured.",
    "one-class": "That may be so; or one thing was drawn and the rest forgotten.",
    "rare-class": "A model sees too little of them to learn them, and a score of so few pixels is "
    "chance.",
    "absent-class": "A class that nothing shows cannot be learnt; it only takes room.",
    "leak": "The model is tested on what it was trained on: it may remember instead of recognise, "
    "and scores look better than they are.",
    "near-leak": "The model is tested on almost what it was trained on, such as the next frame of "
    "a film: scores look better than they are.",
    "group-leak": "What belongs together is alike. The model is tested on groups that it was "
    "trained on: scores look better than they are.",
    "ground-leak": "The model is tested on ground that it was trained on, seen in another tile: "
    "scores look better than they are. Tiles that overlap stay in one split, unless that is most "
    "of them.",
    "off-map": "Image and mask are put on each other by rows and columns, whatever their places on "
    "the map. Where these differ, one of the two may show other ground.",
    "tied-groups": "Such images stay in one split, and their groups with them: it may become much "
    "larger than was asked for.",
    "class-not-in-split": "Without it in the training images a class is not learnt, without it in "
    "the test images it is not measured.",
    "too-few": "A split needs images for training and others for measuring.",
    "float": "Without a range it cannot be told which number is black and which is white.",
    "no-pairs": "There is nothing left to train on.",
    "one-scene": "They are too much alike to tell which of them are copies, so they are dealt to "
    "train, val and test as if they were not. What is learnt holds for such images, and nobody "
    "knows how well for others.",
    "thin-split": "A mean over one or two images, or one group, says how hard these are, not how "
    "good a model is.",
    "few-test": "With so few, a score depends much on which they are. Its interval is wide, and "
    "still rather too narrow; two runs must differ much before one can be called better.",
    "few-images": "What a model learns from so few holds for these, and its scores are chance.",
}
