# SPDX-License-Identifier: MIT
"""Scenarios in a lab of network namespaces: see harness/README.md."""

from .payload import payload
from .relay import RpcError
from .runner import main, scenario
from .scenario import Failure, Skip, wait_until

__all__ = ["Failure", "RpcError", "Skip", "main", "payload", "scenario", "wait_until"]
