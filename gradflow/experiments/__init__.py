"""Experiments that the book looks into; none of them imports the visualizer, and it imports none of them."""
