"""Measurements: one command each, side by side in one run, printed as a table."""
