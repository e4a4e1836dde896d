"""From an image of any size to the square that the network sees, and back.

A view is one affine map, so that everything geometric (scale, padding, augmentation) costs one
resampling. Matrices are float64 [2, 3] and take (x, y) of a pixel's centre in the image to the
view, in OpenCV's convention: the centre of the first pixel is (0, 0).
"""

from __future__ import annotations

import cv2
import numpy as np

from maskwright.data.labels import IGNORE

cv2.setNumThreads(1)  # the parallel work is done by whole images


def view_matrix(height: int, width: int, size: int, fit: str) -> np.ndarray:
    """The map from an image of height × width to the centre of a view of size × size.

    ``fit`` "pad" scales both axes alike, "squash" makes each axis fill the view.

    >>> view_matrix(100, 200, 50, "pad")
    array([[ 0.25 ,  0.   , -0.375],
           [ 0.   ,  0.25 , 12.125]])
    """
    scale_x, scale_y = size / width, size / height
    if fit == "pad":
        scale_x = scale_y = min(scale_x, scale_y)
    # Centres map to centres: (x + 0.5 - width / 2) * scale + size / 2 - 0.5.
    shift_x = (0.5 - width / 2) * scale_x + size / 2 - 0.5
    shift_y = (0.5 - height / 2) * scale_y + size / 2 - 0.5
    return np.array([[scale_x, 0, shift_x], [0, scale_y, shift_y]], np.float64)


def warp_image(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """The view uint8 [size, size, 3] of image uint8 [H, W, 3]; outside it is reflected.

    Where the map shrinks an axis by two or more, whole blocks of pixels are averaged first, so
    that fine texture does not turn into noise.
    """
    height, width = image.shape[:2]
    scale = np.linalg.norm(matrix[:, :2], axis=0)  # of the image's x and y axis
    blocks = np.maximum(1, 1 / scale).astype(int)
    if blocks.max() >= 2:
        small = (max(1, round(width / blocks[0])), max(1, round(height / blocks[1])))
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        matrix = matrix @ _scale_about_corner(width / small[0], height / small[1])
    return cv2.warpAffine(
        image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )


def _scale_about_corner(scale_x: float, scale_y: float) -> np.ndarray:
    """[3, 3] from pixel centres of a smaller image to those of the image, corner on corner."""
    return np.array([[scale_x, 0, (scale_x - 1) / 2], [0, scale_y, (scale_y - 1) / 2], [0, 0, 1]])


def warp_mask(mask: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """The view uint8 [size, size] of class indices uint8 [H, W]; outside it is 255, ignore."""
    return cv2.warpAffine(
        mask,
        matrix,
        (size, size),
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(IGNORE,),
    )


def restore(scores: np.ndarray, matrix: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scores float32 [size, size, classes] of a view, back at the image's own height and width.

    The way back of ``warp_image`` with the same matrix: float32 [height, width, classes].
    """
    classes = scores.shape[2]
    # OpenCV takes four channels at once; two it would place only to the nearest 1/32 pixel.
    cuts = [*range(4, classes, 4), *([classes - 1] if classes % 4 == 2 else [])]
    return np.concatenate(
        [
            cv2.warpAffine(
                np.ascontiguousarray(part),
                matrix,
                (width, height),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            ).reshape(height, width, -1)
            for part in np.split(scores, cuts, axis=2)
        ],
        axis=2,
    )
