"""Style that all charts share."""

REFERENCE = "#7A8288"  # at least 3:1 on light and dark backgrounds
QUIET = {"displayModeBar": False}  # Plotly without its tool bar
