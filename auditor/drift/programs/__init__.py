"""Training scripts as programs: parsed, compared, and what changed between two in words."""
