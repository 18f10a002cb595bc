"""How does a table become rows, and which of them are held out? NumPy, SciPy and scikit-learn alone."""
