"""What the paper and others published, regenerated: tables, standardised walltime, costs at scale, figure data."""
