"""A synthetic market behind the vendors' wire formats, on loopback; the default source.

Every number follows from a seed and a date. Nothing here is, or is fitted to, vendor data.
"""
