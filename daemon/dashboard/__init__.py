"""The status page: one static page that reads /api/v1/status."""
