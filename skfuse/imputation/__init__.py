"""Missing modalities filled, or predicted around."""
