"""What a campaign consists of, read from the small sheets before any job runs. Imports nothing heavy."""
