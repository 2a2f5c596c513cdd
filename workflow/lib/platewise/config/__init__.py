"""The config as typed models, one file a section. Imports nothing heavy."""
