"""Classification of a source: measure, assign classes, results.csv, read results back."""
