"""Jobs of a sweep on a Slurm cluster; what `hydra/launcher=slurm` is made of.

The sweep's process cuts its jobs into portions, hands each one to Slurm through submitit, and collects what they
returned or how they ended. What the two exchange are files in the sweep's folder, which all machines see.
"""
