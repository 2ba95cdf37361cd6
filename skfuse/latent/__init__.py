"""Joint spaces of modalities: what they share, and what each has alone."""
