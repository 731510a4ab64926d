"""The page of this example: what it says, and its pictures."""
