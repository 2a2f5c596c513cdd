"""Adapters to general tools: used when the user has installed one and has its weights. Nothing is ever downloaded."""
