"""Screens that are read from the same profiles: hits, dose response, and others of their kind."""
