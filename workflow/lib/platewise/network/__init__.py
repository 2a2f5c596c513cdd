"""The compound network: similarities, their significance, and the exported graph."""
