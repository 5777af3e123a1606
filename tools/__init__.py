"""What the Makefile calls. Each package is a room; tools/import_contracts.py says which may use which.

Here, for every room: what the templates say (services, templates), the Makefile's options, and what is printed.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The repository."""
REGION = "eu-west-1"
"""The region of the local stack."""
