"""The OME-Zarr plate store: its metadata, field commits and labels."""
