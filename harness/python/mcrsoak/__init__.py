# SPDX-License-Identifier: MIT
"""Endurance: streams, changes and faults for as long as you like; see harness/python/README.md."""

from .run import LAB, soak

__all__ = ["LAB", "soak"]
