"""How far figures can be trusted: bootstrap, significance, overfitting, baselines, sensitivity to costs."""
