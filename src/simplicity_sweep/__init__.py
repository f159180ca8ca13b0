"""Sweeps over activation, depth and learning rate, with complexity and sensitivity measured for every run."""
