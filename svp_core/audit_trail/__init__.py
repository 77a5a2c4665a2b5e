"""Audit trail: every change to data, models, profiles, reviews and reports, in one table with a keyed hash chain."""
