"""What the targets of this example do; one module each."""
