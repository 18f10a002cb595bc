"""How do logits become probabilities, and these a decision? NumPy, SciPy and scikit-learn alone."""
