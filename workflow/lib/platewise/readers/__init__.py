"""Readers of microscope exports, one file a format, and of the image files themselves."""
