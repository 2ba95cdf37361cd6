"""The tables of a comparison, each made from held-out predictions."""
