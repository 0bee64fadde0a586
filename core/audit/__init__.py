"""The audit: proves the promises from the rows themselves, on a live database, without changing anything."""

from core.audit.report import Finding, Report
from core.audit.run import AuditError, audit

__all__ = ["AuditError", "Finding", "Report", "audit"]
