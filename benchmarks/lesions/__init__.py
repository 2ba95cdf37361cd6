"""Lesion mapping and connectomes: speed, memory and agreement beside other packages."""
