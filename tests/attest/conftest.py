"""Makes the helper module beside this file importable."""

from __future__ import annotations
