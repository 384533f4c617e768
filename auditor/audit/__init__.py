"""One run: its targets, their results, the report and the messages."""
