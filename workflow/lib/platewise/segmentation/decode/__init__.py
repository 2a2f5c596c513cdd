"""From maps to labels: one module a way of reading objects from what a network says of every pixel."""
