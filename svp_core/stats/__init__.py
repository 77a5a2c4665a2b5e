"""Statistics: intervals, agreement, paired comparison, counts."""
