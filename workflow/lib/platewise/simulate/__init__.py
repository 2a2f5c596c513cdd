"""Rendered campaigns: plates of five-channel Cell Painting fields whose every cell is known."""
