"""Choose the preset of BBBC021 without its mechanisms, and only then score every candidate.

    python benchmarks/bench_bbbc021.py             # what is chosen on: the mechanisms are not even read
    python benchmarks/bench_bbbc021.py --scores    # NSC, NSCB and MOA mAP of all candidates besides

The data are in PLATEWISE_DATA. docs/methods.md has the figures and the story.

First round, written down before any candidate of it was scored. (Known beforehand, from earlier tries with the labels in
sight: `none` 0.903 / 0.728, sphering with its shrinkage by plates 0.893 / 0.717, by batches 0.913 / 0.739, fixed at 0.5
0.922 / 0.750, and a hint of 0.93 / 0.80 for a pooled scale, 0.5 and mean consensus.)

- Numbers within a method are chosen by likelihood: how much a plate's scale is pulled to the campaign's, by held-out
  controls; the shrinkage of a sphering by its own kind of rows (controls, differences of replicates) on what is left
  out (plates or batches).
- Methods are held against each other by retrieval of replicates. For each treated well, wells of its treatment on other
  plates rank against wells of other treatments of the same batch on other plates (average precision; mean over the
  wells of a treatment, then over treatments). Other doses of the same compound count for neither side. All that is
  fitted is fitted without the batch that is judged, and so without its treatments. The batch has to be the same: each
  treatment lies in one batch, so against other batches the batch alone would find the partners. Each treatment lies in
  one well position too: position helps every candidate, and nothing in this screen can take that apart.
- All combinations: values as they are or asinh of them; features without those that correlate (limit 0.9), all, or of
  the first those that differ between treatments of one batch (F test at 0.05); correction none, sphering by controls
  (shrinkage by plates, by batches), by replicates, by both, by both and then weighed by reliability. ComBat and
  Harmony, which need all batches at once and cannot be held out, are beside them and not eligible.
- The highest mean is chosen; within 0.005 of it the one that comes first in the list, which goes from simple to
  involved. If more than one exceed 0.99, the mean distance between the cosines of partners and others, in standard
  deviations of the others, decides instead.
- Not decidable: mean, median or MODZ of replicates. With three replicates, one held out leaves two, of which all three
  are the same. It stays the mean, as before.
"""
