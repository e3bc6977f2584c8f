"""Lambda entry points, thin and alike."""
