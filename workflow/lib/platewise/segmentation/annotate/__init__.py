"""Fields to a person and back: what is exported for correction, and the corrections as training pairs."""
