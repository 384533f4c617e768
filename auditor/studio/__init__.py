"""Reads learn blocks over Studio's API."""
