"""What a run is worth: metrics with intervals, the paper's tables, what every part brings."""
