"""Batch correction of profiles."""
