"""The version of each stage's results.

A number here is raised by hand when a change of code changes that stage's results; outputs made under another number
are then made again. Golden-output tests (``tests/unit/golden``) of the stages that compute from pixels or profiles fail
when results change and the number does not. A hash of the source would instead resegment a whole campaign at every edit
of a comment.
"""

ALGORITHMS: dict[str, int] = {
    "inventory": 1,
    "illumination": 1,
    "annotations": 1,
    "segmenter": 1,
    "segment": 3,
    "segmentation_evaluation": 1,
    "measure": 2,
    "crop": 1,
    "embedding": 3,
    "profiles": 5,
    "correction": 1,
    "network": 4,
    "shortlist": 1,
    "evaluation": 5,
    "explanation": 2,
    "screens": 1,
    "ploidy": 1,
    "variants": 3,
    "qc": 1,
}
