"""Configuration-drift auditor for Edge Impulse learn blocks."""

__version__ = "0.1.0"
