"""Publishing: audit gate, exports with manifest and brief, served database, retention."""
