"""Sources fetch windows from the outside: Prometheus, files, pandas frames."""
