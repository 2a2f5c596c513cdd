"""What each metric is called and tells, in words for a biologist."""

from __future__ import annotations

from dataclasses import dataclass

from platewise.report.numbers import fixed, is_number, significant


@dataclass(frozen=True)
class Metric:
    """A metric in words. ``claim`` says what a value means, with ``{value}`` in it; empty where no sentence fits."""

    label: str
    explanation: str
    claim: str = ""
    share: bool = True

    def number(self, value: float) -> str:
        """Write a value with the digits that suit the metric."""
        return fixed(value) if self.share else significant(value)


BASELINES = {
    "cell_count": "cell count alone",
    "position": "well position alone",
    "shuffled": "shuffled labels",
}

_SCORES = {
    "map_moa": Metric(
        "MOA mAP",
        "Mean average precision: rank all others by similarity to one perturbation; do those of its mechanism come "
        "first? 1 is perfect.",
        "ranked by similarity, perturbations of the same mechanism come near the top with a mean average precision of "
        "{value}, where 1 is perfect",
    ),
    "map_moa_significant": Metric(
        "Share that find their mechanism",
        "Share of perturbations whose own mechanism is found above chance.",
    ),
    "map_replicate": Metric(
        "Replicate mAP",
        "Mean average precision of finding a perturbation's replicates among negative controls of the same plate: is "
        "there a phenotype at all? 1 is perfect.",
    ),
    "map_replicate_significant": Metric(
        "Share active",
        "Share of perturbations whose replicates are told from negative controls, doses together: how many are active.",
    ),
    "enrichment": Metric(
        "Enrichment",
        "How many times higher the odds of sharing a mechanism are among the most similar {at} % of pairs than among "
        "the rest. 1 is no better than chance.",
        "among the {at} % most similar pairs, the odds of sharing a mechanism are {value} times those of the other "
        "pairs, where 1 is chance",
        share=False,
    ),
    "dp_enrichment": Metric(
        "Enrichment, DeepProfiler's variant",
        "Per query, the odds of a shared mechanism in its own top 1 % against the rest, averaged over queries. For "
        "comparison with published tables.",
        share=False,
    ),
    "nsc": Metric(
        "NSC",
        "Not-same-compound: share of treatments whose nearest neighbour, the same compound left out, has the same "
        "mechanism. Treatments whose mechanism no other compound has are not scored.",
        "the nearest neighbour of a treatment, its own compound left out, has the same mechanism in a share of {value} "
        "of cases",
    ),
    "nscb": Metric(
        "NSCB",
        "Not-same-compound-or-batch: as NSC, with every treatment of the same batch left out as well. What batches "
        "alone explain cannot help here.",
        "the nearest neighbour of a treatment, its own compound and batch left out, has the same mechanism in a share "
        "of {value} of cases",
    ),
    "percent_replicating": Metric(
        "Replicating",
        "Share of treatments whose replicates correlate better than 95 % of sets of as many wells of other "
        "perturbations. "
        "0.05 is chance.",
    ),
}

_BATCHES = {
    "silhouette_batch": Metric(
        "Silhouette by batch",
        "How far batches form separate clusters. What it is where nothing tells batches apart is noted: below 0, the "
        "more so the fewer wells and directions there are.",
    ),
    "kbet_acceptance": Metric("kBET acceptance", "Share of neighbourhoods whose batches are mixed as in the whole."),
    "ilisi": Metric("iLISI", "How many batches a neighbourhood effectively holds.", share=False),
    "pcr_batch": Metric("PC regression by batch", "Share of the variance of profiles that batches explain."),
    "silhouette_perturbation": Metric(
        "Silhouette by perturbation", "How far perturbations form clusters of their own: biology that should survive."
    ),
    "map_replicate": Metric("Replicate mAP", "Biology that should survive: replicates found among controls."),
    "map_replicate_across_batches": Metric(
        "Replicate mAP across batches", "Biology that should survive: replicates of other batches found among controls."
    ),
    "map_moa": Metric("MOA mAP", "Biology that should survive: perturbations of one mechanism found near one another."),
    "probe_batch": Metric(
        "Batch probe", "Balanced accuracy of a linear probe that names the batch of wells it has not seen."
    ),
    "probe_plate": Metric(
        "Plate probe", "Balanced accuracy of a linear probe that names the plate of wells it has not seen."
    ),
}


def score_metric(name: str) -> Metric:
    """Return the words of a score; ``enrichment@2`` has its share filled in, an unknown one keeps its own name."""
    stem, _, at = name.partition("@")
    found = _SCORES.get(stem)
    if found is None:
        return _SCORES.get(name) or Metric(name, "", share=False)
    if not at:
        return found
    label = f"{found.label}, top {at} %"
    return Metric(label, found.explanation.replace("{at}", at), found.claim.replace("{at}", at), found.share)


def batch_metric(name: str) -> Metric:
    """Return the words of a batch metric; an unknown one keeps its own name."""
    return _BATCHES.get(name) or Metric(name, "", share=False)


def baseline_words(name: str) -> str:
    """Return a baseline in words."""
    return BASELINES.get(name, name.replace("_", " "))


def score_order(name: str) -> tuple[int, str]:
    """Sort key: metrics in the order of this module, unknown ones after them by name."""
    stems = list(_SCORES)
    stem = name.partition("@")[0]
    return (stems.index(stem) if stem in stems else len(stems), name)


def interval(metric: Metric, low: float, high: float) -> str:
    """Write a 95 % interval; empty without one."""
    if not (is_number(low) and is_number(high)):
        return ""
    return f"{metric.number(low)} to {metric.number(high)}"
