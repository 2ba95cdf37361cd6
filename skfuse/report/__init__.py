"""A result as a page to read, a text to paste, tables and JSON."""

from skfuse.report._lesion_write import write_lesion_report
from skfuse.report._subtype_write import write_subtype_report
from skfuse.report._write import ReportError, write_report

__all__ = ["ReportError", "write_lesion_report", "write_report", "write_subtype_report"]
