"""What changed, who owns it and how much it matters: pure functions, no I/O, no clock."""
