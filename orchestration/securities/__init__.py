"""Which lines of holdings files are one security, and which files can be compared: pure functions of what was read."""
