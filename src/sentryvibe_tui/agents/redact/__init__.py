"""Masks secrets in what a reader reports, before it leaves the process. Counted by kind.

Shapes that issuers gave their keys, and values that a name says are secret; what else is secret own patterns can name.
What is found and what is not: docs/redaction.md.
"""

from .reader import Redacted
from .redactor import Redactor

__all__ = ["Redacted", "Redactor"]
