"""The wide panel: one row per security and session, computed for thousands of securities over decades."""
