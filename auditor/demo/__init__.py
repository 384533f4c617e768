"""The whole thing on one machine, with no account: a built-in Studio and its nights."""
