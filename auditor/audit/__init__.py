"""One run: who is audited, what each target came to, the report, the messages."""
