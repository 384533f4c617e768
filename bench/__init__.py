"""Benchmarks, run by hand."""

KEY_NAME = "BENCH_STUDIO_KEY"
"""The environment variable that holds the made-up project key."""
