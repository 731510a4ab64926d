"""Values in, text or pictures out: how plans, results, events and errors are shown.

Knows nothing of files or of how a value came about; only the command line prints.
"""
