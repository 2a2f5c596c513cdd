"""A campaign checked and forecast before anything is submitted: images, jobs, cluster, space. Nothing is written."""
