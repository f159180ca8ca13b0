"""The source study's claims, tested under each definition of the measurement."""
