"""Statements about runs that others can check with tools that are not ours: in-toto, SLSA, SSH
signatures, RO-Crate, CycloneDX.
"""
