"""Disks for tests: file systems of their own, where they may be mounted."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager

import pytest


def done(*command):
    """Runs a command, or skips the test: only root may mount, or what runs under `unshare -rm`."""
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip(f"cannot `{command[0]}` here")


@contextmanager
def mounted(folder, kind, *options):
    """A file system in a folder, for a while."""
    done("mount", "-t", kind, *options, folder)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
