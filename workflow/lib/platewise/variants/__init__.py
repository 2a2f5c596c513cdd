"""What a variant changes against its wild type, from images."""
