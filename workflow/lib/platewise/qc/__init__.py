"""Quality of images, fields and wells, said in words. Imports nothing heavy."""
