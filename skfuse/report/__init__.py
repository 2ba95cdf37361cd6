"""A comparison as a page to read, a text to paste, tables and JSON."""

from skfuse.report._write import ReportError, write_report

__all__ = ["ReportError", "write_report"]
