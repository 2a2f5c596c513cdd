"""Crops: small images of single cells, centred on their nuclei."""
