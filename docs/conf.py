"""How is the site built? ``sphinx-build -W docs docs/_build`` after ``pip install -e ".[docs]"``, without a network."""

import importlib
import inspect
import os
import re
import runpy
from importlib.metadata import metadata
from pathlib import Path

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

import skimbalance
from skimbalance.strategies import STRATEGIES

ROOT = Path(__file__).parents[1]
#: The repository's address, where [project.urls] of pyproject.toml has a "Repository"; links to source need it.
REPOSITORY = dict(url.split(", ", 1) for url in metadata("skimbalance").get_all("Project-URL", [])).get("Repository")

project = "skimbalance"
author = copyright = "the skimbalance developers"
release = version = skimbalance.__version__
extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.linkcode" if REPOSITORY else "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "sg_execution_times.rst", "auto_examples/sg_execution_times.rst"]
templates_path = ["_templates"]
default_role = "py:obj"
smartquotes = False
toc_object_entries_show_parents = "hide"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_title = "skimbalance"
html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_math_renderer = "mathml"
html_css_files = ["site.css"]
html_show_sourcelink = False
html_sidebars = {"index": [], "get_started": [], "strategies": []}
html_theme_options = {
    "logo": {"text": "skimbalance"},
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    **({"github_url": REPOSITORY} if REPOSITORY else {}),
}

# The inventories of other projects come from the network, without which a build must neither fail nor warn. So links
# into them are made only where somebody asks for them: INTERSPHINX=1 sphinx-build ...
intersphinx_mapping = {
    "imblearn": ("https://imbalanced-learn.org/stable", None),
    "matplotlib": ("https://matplotlib.org/stable", None),
    "numpy": ("https://numpy.org/doc/stable", None),
    "pandas": ("https://pandas.pydata.org/docs", None),
    "python": ("https://docs.python.org/3", None),
    "sklearn": ("https://scikit-learn.org/stable", None),
} if os.environ.get("INTERSPHINX") else {}  # fmt: skip

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "run_stale_examples": True,  # the library may have changed where the example has not
    "gallery_dirs": "auto_examples",
    "ignore_pattern": r"serve_",  # scripts for another environment than this one
    "backreferences_dir": "api/backreferences",
    "doc_module": ("skimbalance",),
    "reference_url": {"skimbalance": None},
    "subsection_order": [f"../examples/{name}" for name in ("probabilities", "decisions", "tuning", "data", "extend")],
    "within_subsection_order": "FileNameSortKey",
    "reset_modules": ("matplotlib",),
    "capture_repr": ("_repr_html_",),
    "image_srcset": ["2x"],
    "thumbnail_size": (600, 420),
    "min_reported_time": 0,
    "remove_config_comments": True,
    "show_memory": False,
    "write_computation_times": False,
}
numpydoc_show_class_members = False
autodoc_typehints = "none"
autosummary_generate = True

#: Methods that a page of the reference shows; all others are for the package itself.
METHODS = {
    "skimbalance.GainDisplay": "from_estimator, from_predictions, plot",
    "skimbalance.HistoryDisplay": "from_estimator, plot",
    "skimbalance.ImbalancedKerasClassifier": "fit, partial_fit, initialize, predict, predict_proba, predict_log_proba, "
    "decision_function, get_params, set_params",
    "skimbalance.NetBenefitDisplay": "from_estimator, from_predictions, plot",
    "skimbalance.ReliabilityDisplay": "from_estimator, from_predictions, plot",
    "skimbalance.Strategy": "fit_resample, batch_prior, class_weight, loss",
    "skimbalance.StrategyComparison": "best, versus, summary, in_words, plot, report",
    "skimbalance.ThresholdDisplay": "from_estimator, from_predictions, plot",
    "skimbalance.probability.links.Link": "inverse, link",
    "skimbalance.networks.Encode": "of, adapt",
    "skimbalance.networks.RobustScale": "adapt",
    "skimbalance.networks.Standardize": "adapt",
    "skimbalance.ensemble.Boosting": "fit, predict_proba",
    "skimbalance.ensemble.Forest": "fit, predict_proba",
    "skimbalance.strategies.LogitsLoss": "call, link, predict_proba, initial_logits",
}


def examples_of_strategies():
    """Return, for each strategy's class, the examples that take it by its name, which sphinx-gallery does not see."""
    examples = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "examples").rglob("plot_*.py"))}
    return {
        f"skimbalance.strategies.{strategy.__name__}": [
            f"../{path.relative_to(ROOT).as_posix()}"
            for path, text in examples.items()
            if re.search(rf'"{name}\b', text)
        ]
        for name, strategy in STRATEGIES.items()
    }


autosummary_context = {"shown_methods": METHODS, "shown_examples": examples_of_strategies()}


def linkcode_resolve(domain, info):
    """Return the address of an object's lines in the repository."""
    try:
        of = importlib.import_module(info["module"])
        for name in info["fullname"].split("."):
            of = getattr(of, name)
        path = Path(inspect.getsourcefile(inspect.unwrap(of))).relative_to(ROOT)
        lines, first = inspect.getsourcelines(inspect.unwrap(of))
    except (AttributeError, OSError, TypeError, ValueError):  # a property or a constant, or a base class of others
        return None
    return f"{REPOSITORY}/blob/v{release}/{path.as_posix()}#L{first}-L{first + len(lines) - 1}"


def _write_mathml(as_block):
    """Return a visitor that writes a formula as MathML, which browsers show without scripts or fonts from elsewhere."""

    def visit(translator, node):
        translator.body.append(tex2mathml(node.astext(), as_block=as_block))
        raise SkipNode

    return visit


def _sign(app, what, name, of, options, signature, return_annotation):
    """Return the signature of a class: of its constructor, where Keras hides it; none where it is not for users."""
    if what != "class":
        return None
    if "Parameters\n    ---" not in of.__doc__:
        return "", None
    parameters = list(inspect.signature(of.__init__).parameters.values())[1:]
    return str(inspect.Signature([one.replace(annotation=one.empty) for one in parameters])), None


def _drop_progress(app, docname, source):
    """Drop from what examples print the lines that a terminal would have overwritten."""
    source[0] = re.sub(r"^ *\d+/\d+ (fits|epochs) \|.*\n", "", source[0], flags=re.MULTILINE)


def setup(app):
    """Show formulas as MathML, and classes with the parameters that they document."""
    app.connect("source-read", _drop_progress)
    app.connect("autodoc-process-signature", _sign)
    regroup = runpy.run_path(str(ROOT / "docs" / "parameter_groups.py"))["regroup"]
    app.connect("autodoc-process-docstring", regroup, priority=900)  # after numpydoc
    app.add_html_math_renderer("mathml", (_write_mathml(as_block=False), None), (_write_mathml(as_block=True), None))
