"""Similarity network fusion beside its peers, each in an environment of its own."""
