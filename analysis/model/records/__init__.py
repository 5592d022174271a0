"""Records that travel between packages: one type, one reader and one writer each."""
