"""What people and programs read: JSON, plain text, HTML, mail subjects, the reports folder."""
