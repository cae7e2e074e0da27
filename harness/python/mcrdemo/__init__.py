# SPDX-License-Identifier: MIT
"""The demonstration that harness/demo runs: acts.py is the story, run.py begins and ends it."""
