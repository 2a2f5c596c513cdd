"""From fields to paired nuclei and cells: engines, scores and the block task."""
