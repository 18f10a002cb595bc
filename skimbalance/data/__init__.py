"""Turn a table into rows of numbers and hold out some of them, with NumPy, SciPy and scikit-learn alone."""
