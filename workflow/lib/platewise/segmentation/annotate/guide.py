"""What a person is told who opens an exported folder."""

GUIDE = """\
Images to annotate, exported by platewise
=========================================

queue.csv lists the images; the first ones teach a model the most. For each image NAME:

  images/NAME.tif          the image; do not change it
  labels/NAME.tif          what was found: 0 is background, every other number is one object
  outlines/NAME.geojson    the same as outlines, for QuPath
  unsure/NAME.csv          places to look at first, if any (y and x in pixels), the most unsure in front

Correct EITHER the label OR the outlines of an image, not both. Look at the whole image: objects that are missed or
drawn wrongly elsewhere are learned as well. What touches the border belongs to it. Two objects that touch have
different numbers.

napari
------
1. Drag images/NAME.tif, labels/NAME.tif and unsure/NAME.csv into the window, or start it with
     napari images/NAME.tif labels/NAME.tif unsure/NAME.csv
   The label opens as a labels layer, the places as points.
2. Click on the labels layer. Its tools are paint, fill, pick a number and erase; the key M takes the next free number:
   press it before you paint a new object. A number that is on several pieces becomes several objects on import.
3. With the labels layer chosen: File, Save Selected Layers, and save over labels/NAME.tif.

QuPath (0.4 or later)
---------------------
1. Drag images/NAME.tif into the window, then outlines/NAME.geojson. Unsure objects are orange, and sorted by the
   measurement "Uncertainty" in Measure, Show annotation measurements. Yellow points: something may have been missed.
2. Brush (B), wand (W) and polygon (P) add and change objects; with Alt held, the brush takes away. Delete removes a
   chosen object. Keep the names: they are the numbers of the objects; new ones need none.
3. File, Export objects as GeoJSON: all objects, as FeatureCollection, not zipped; save over outlines/NAME.geojson.

When an image is finished
-------------------------
An image whose label or outlines were changed is taken. Write into the column "done" of queue.csv: yes, if you looked
at an image and nothing had to be changed; no, if you have begun but it is not finished. Then:

  platewise annotate import FOLDER annotations/index.csv

adds the finished images to the annotated images that `train_segmenter` learns from. It may be repeated: images that
are there already are brought up to date.

The column "group" says which images must stay on one side when a model is trained on some and tested on others: images
of one plate, or crops of one field. Correct it where you know better. "image_class" is the kind of image.
"""
