"""What profiles say in words, and what learned features have to do with engineered ones."""
