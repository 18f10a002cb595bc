"""Which page documents an estimator? scikit-learn's HTML representation links to it, parameter by parameter."""

import inspect
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata


@cache
def site():
    """Return the address of the documentation, the "Documentation" of [project.urls] in pyproject.toml, or ""."""
    try:
        urls = metadata("skimbalance").get_all("Project-URL", [])
    except PackageNotFoundError:  # a folder on the path, which was not installed
        return ""
    return dict(url.split(", ", 1) for url in urls).get("Documentation", "").rstrip("/")


class LinkedToDocumentation:
    """Mixin of estimators that have a page in the reference."""

    _doc_link_module = "skimbalance"

    @property
    def _doc_link_template(self):
        """Address of a page; empty, which makes no link, where the documentation has none."""
        return f"{site()}/api/generated/{{page}}.html" if site() else ""

    def _doc_link_url_param_generator(self):
        """Return the page of this class: its public name, in the package or in one of its folders."""
        package, *folders, _ = type(self).__module__.split(".")
        return {"page": ".".join([package, *folders[:1], type(self).__name__])}

    def _get_fitted_attr_html(self, doc_link=""):
        """Return fitted attributes in the order in which they are documented; called by scikit-learn from 1.9 on."""
        found, documented = super()._get_fitted_attr_html(doc_link), _documented(type(self))
        found.data = dict(sorted(found.data.items(), key=lambda item: documented.get(item[0], len(documented))))
        return found


@cache
def _documented(kind):
    """Return the places of the attributes that a class documents, by name."""
    found = re.search(r"^Attributes\n-+\n(.*?)(^\S[^\n]*\n-+\n|\Z)", inspect.getdoc(kind) or "", re.M | re.S)
    names = re.findall(r"^(\w[\w, ]*) : ", found[1] if found else "", re.M)
    return {name: place for place, name in enumerate(", ".join(names).split(", "))}
