"""Networks that see every pixel: encoders, decoders, and what their outputs mean."""
