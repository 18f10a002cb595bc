"""Which page documents an estimator? scikit-learn's HTML representation links to it, parameter by parameter."""

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
