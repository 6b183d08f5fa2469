"""What tracing and observing cost, as ratios to plain PyTorch within one run."""
