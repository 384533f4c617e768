"""Several machines share the requests of a run: jobs of Procrastinate in the PostgreSQL database.

Only the optional extra `workers` brings Procrastinate. See docs/scale.md.
"""
