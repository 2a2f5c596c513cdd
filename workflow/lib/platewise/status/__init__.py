"""How far a campaign is: read from its files, its logs and the queue, without writing anything."""
