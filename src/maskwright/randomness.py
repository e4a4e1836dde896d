"""Randomness as an argument: every draw is a function of (purpose, seed, and what it is for).

``default_rng((7, 0))`` equals ``default_rng((7, 0, 0))``, so each key begins with a purpose of its
own and has a fixed length for that purpose.
"""

from __future__ import annotations

import numpy as np

# Purposes: the first number of a key. Never reuse one.
SPLIT, ORDER, AUGMENT, PICTURES, SAMPLES, FOLD, BOOTSTRAP, CALIBRATE = 1, 2, 3, 4, 5, 6, 7, 8


def generator(purpose: int, seed: int, *key: int) -> np.random.Generator:
    """The random generator for one purpose, seed and place.

    >>> a = generator(ORDER, 7, 0).integers(100, size=3)
    >>> b = generator(ORDER, 7, 0).integers(100, size=3)
    >>> (a == b).all()
    np.True_
    """
    return np.random.default_rng((purpose, seed, *key))
