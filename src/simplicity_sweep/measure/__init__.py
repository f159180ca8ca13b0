"""`python -m simplicity_sweep.measure`: measuring a network that exists already."""
