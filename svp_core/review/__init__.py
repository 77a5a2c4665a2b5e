"""Review of labels: decision log, current labels, batches, leases, audits, exports of the history."""
