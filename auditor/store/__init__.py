"""The store: what was seen, found and sent, on SQLite or PostgreSQL."""
