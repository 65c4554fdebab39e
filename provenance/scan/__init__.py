"""Scans: what a deposited file holds, found out in a confined subprocess."""
