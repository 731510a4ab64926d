"""Whole builds, one file per topic: write, build, assert exactly what ran, build again."""
