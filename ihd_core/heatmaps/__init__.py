"""Prediction to Heatmap, and heatmaps to pictures."""
