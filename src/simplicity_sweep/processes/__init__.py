"""Jobs of a sweep in processes of their own, on one machine; what `hydra/launcher=processes` is made of.

The sweep's process starts `worker` processes, hands each one job and collects what it returned, or how it died.
"""
