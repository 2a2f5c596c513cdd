"""What moved between two runs of a campaign."""
