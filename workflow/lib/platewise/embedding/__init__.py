"""Deep features of single cells: networks, their training, and the embedding of crops."""
