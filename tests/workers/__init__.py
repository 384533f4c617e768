"""Runs whose requests several machines share."""
