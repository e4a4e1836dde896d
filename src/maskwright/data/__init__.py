"""Files on disk to batches: labels, folders, images, splits, views, augmentation."""
