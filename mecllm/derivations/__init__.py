"""Every derivation of the paper, kept once in SymPy and imported by chapters and tests."""
