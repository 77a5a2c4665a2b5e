"""Backup of a workspace as one file, and its restoring, which checks everything that it restores."""
