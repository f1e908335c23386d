"""Whether a program failed because of its GPU, by what it wrote."""

from __future__ import annotations

from reprobox.engine.gpu.vendors import VENDORS


def named(stderr: str) -> str:
    """A sentence for the GPU's failure and one for what to do; empty where stderr has no sign of
    one. None of the program's own text is in it.
    """
    for vendor in VENDORS.values():
        for failure in vendor.failures:
            if failure.mark.search(stderr):
                return f"{failure.what} Next: {failure.next_step}."
    return ""
