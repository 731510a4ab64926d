"""The command line: options, one call, one renderer.

Knows nothing of how things are done; it alone prints and ends with an exit status.
"""
