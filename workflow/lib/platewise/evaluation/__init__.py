"""How well the profiles and the network agree with what is known."""
