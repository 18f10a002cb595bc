"""How is the documentation built? ``sphinx-build docs docs/_build`` after ``pip install -e ".[docs]"``."""

import skimbalance

project = "skimbalance"
author = copyright = "the skimbalance developers"
release = skimbalance.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.mathjax", "numpydoc", "myst_parser"]
autosummary_generate = True
numpydoc_show_class_members = False
html_theme = "alabaster"
exclude_patterns = ["_build"]
