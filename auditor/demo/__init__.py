"""A demo on one machine without an account: a built-in Studio and three audits."""
