"""Multiple kernel learning beside its peers."""
