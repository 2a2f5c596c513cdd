"""The HTML pages: self-contained, escaped, the same bytes for the same results."""
