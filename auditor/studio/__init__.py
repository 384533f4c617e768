"""Studio: reading learn blocks over its API. Import the modules; this one stays empty."""
