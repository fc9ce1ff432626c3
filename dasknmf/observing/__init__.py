"""What a run tells machines: log records as JSON, and metrics for Prometheus."""
