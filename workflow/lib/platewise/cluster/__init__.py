"""What SLURM says: jobs in the queue, jobs that ended, partitions; and the checks and reports made from it."""
