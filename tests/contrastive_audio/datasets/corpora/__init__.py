"""Published data sets, on small but faithful copies."""
