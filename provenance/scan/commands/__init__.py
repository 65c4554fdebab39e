"""Faces of the scans on the command line (``scan_command.Face``): arguments, and reports that people can read."""
