"""The ASGI application: ingest, hydrate, watch."""
