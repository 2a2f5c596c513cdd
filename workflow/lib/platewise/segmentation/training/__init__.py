"""Training of segmenters: pairs of images and labels in memory, augmentation, and one visible loop."""
