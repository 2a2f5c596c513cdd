"""platewise: high-content microscopy screens from images to decisions."""

__version__ = "0.1.0"
