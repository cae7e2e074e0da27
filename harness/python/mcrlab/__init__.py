# SPDX-License-Identifier: MIT
"""Scenarios in a lab of network namespaces: see harness/python/README.md."""

from . import fault
from .expect import Failure, Skip, wait_until
from .payload import payload
from .relay import RpcError
from .runner import main, scenario
from .slow import scaled

__all__ = ["Failure", "RpcError", "Skip", "fault", "main", "payload", "scaled", "scenario",
           "wait_until"]
