"""What benchmarks share; no commands."""
