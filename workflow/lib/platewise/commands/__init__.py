"""The commands of `platewise`, one module each: what is not a rule of the workflow."""
