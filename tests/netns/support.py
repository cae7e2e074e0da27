# SPDX-License-Identifier: MIT
"""Import this first: it makes the harness's Python packages known, wherever the tests are started from."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "harness/python"))
