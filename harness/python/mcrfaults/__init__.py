# SPDX-License-Identifier: MIT
"""Faults under traffic: how each is injected, and what it cost; see harness/python/README.md."""
