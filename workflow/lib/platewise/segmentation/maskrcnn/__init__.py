"""Mask R-CNN (He 2017, doi:10.1109/ICCV.2017.322), small and in plain torch: a box around each nucleus, then its mask.

Boxes are float32 rows ``(y0, x0, y1, x1)`` in pixels of the image that the network sees, measured at the pixels' edges:
the box of the single pixel (3, 5) is (3, 5, 4, 6). What says nothing else works on any device.
"""
