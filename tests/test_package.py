"""What does a user of the package see before they fit anything?"""

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
import tomllib
import typing
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator

ROOT = Path(__file__).parents[1]


def run(code, *arguments):
    """Run code in a fresh interpreter: (stdout, stderr)."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_import_does_not_load_tensorflow_and_completion_works():
    out, _ = run(
        "import sys, skimbalance\n"
        "names = dir(skimbalance)\n"
        "assert 'ImbalancedKerasClassifier' in names and 'Strategy' in names, names\n"
        "assert {n for n in names if n[:2] != '__'} == set(skimbalance.__all__) - {'__version__'}, names\n"
        "print([m for m in ('tensorflow', 'keras', 'sklearn', 'scikeras') if m in sys.modules])"
    )
    assert out.strip() == "[]"


def test_stub_for_editors_names_what_the_package_imports_lazily():
    import skimbalance

    body = ast.parse((ROOT / "skimbalance/__init__.pyi").read_text(encoding="utf-8")).body
    imported = {alias.name: node.module for node in body if isinstance(node, ast.ImportFrom) for alias in node.names}
    lazy = {name: f"skimbalance.{module}" if module else "skimbalance" for name, module in skimbalance._PUBLIC.items()}
    assert imported == lazy
    (public,) = (node.value for node in body if isinstance(node, ast.Assign))
    assert ast.literal_eval(public) == skimbalance.__all__ == sorted({*lazy, "__version__"})
    assert (ROOT / "skimbalance/py.typed").exists()


def functions_of(public):
    """Return the functions of this package behind a public object: itself, or the public methods of a class."""
    found = [public]
    if inspect.isclass(public):
        members = {name: of for parent in public.__mro__[::-1] for name, of in vars(parent).items()}
        found = [of for name, of in members.items() if name == "__init__" or name[0] != "_"]
    found = [getattr(of, "__func__", getattr(of, "fget", of)) for of in found]
    return [of for of in found if inspect.isfunction(of) and of.__module__.startswith("skimbalance")]


def test_public_signatures_are_annotated():
    import skimbalance
    from skimbalance import ensemble, strategies

    public = [getattr(skimbalance, name) for name in skimbalance.__all__]
    public += [ensemble.Forest, ensemble.Boosting, *strategies.STRATEGIES.values()]
    functions = {of for one in public for of in functions_of(one)}
    assert {skimbalance.audit, skimbalance.ImbalancedKerasClassifier.fit, strategies.Focal.__init__} < functions
    for function in functions:
        for signature in map(inspect.signature, typing.get_overloads(function) or [function]):
            annotations = [one.annotation for one in signature.parameters.values() if one.name not in ("self", "cls")]
            assert signature.empty not in (*annotations, signature.return_annotation), function


def test_html_links_each_parameter_to_its_page(monkeypatch):
    from sklearn.base import BaseEstimator

    from skimbalance import ImbalancedKerasClassifier, _documentation, strategies
    from skimbalance.ensemble import Boosting, Forest

    pages = (ROOT / "docs/api/index.md").read_text(encoding="utf-8")
    monkeypatch.setattr(_documentation, "site", lambda: "")
    assert ImbalancedKerasClassifier()._get_doc_link() == ""  # rather than a link to nowhere
    monkeypatch.setattr(_documentation, "site", lambda: "https://example.org/stable")
    for name, estimator in {
        "ImbalancedKerasClassifier": ImbalancedKerasClassifier(),
        "ensemble.Boosting": Boosting(),
        "ensemble.Forest": Forest(),
        "strategies.Focal": strategies.Focal(),
    }.items():
        assert f"   {name}\n" in pages
        link, html = f"https://example.org/stable/api/generated/skimbalance.{name}.html", estimator._repr_html_()
        assert f'href="{link}"' in html
        if "doc_link" in inspect.signature(getattr(BaseEstimator, "_get_params_html", lambda: None)).parameters:
            assert [one for one in estimator.get_params() if f"{link}#:~:text={one},-" not in html] == []


def test_fitted_attributes_come_in_the_order_of_the_documentation(rare):
    from skimbalance import ImbalancedKerasClassifier

    clf = ImbalancedKerasClassifier("mlp", epochs=1).fit(*rare)
    assert {"classes_", "threshold_", "columns_"} < set(dir(clf))
    assert not {"X_dtype_", "target_encoder_", "initialized_"} & set(dir(clf))
    if hasattr(BaseEstimator, "_get_fitted_attr_html"):  # scikit-learn 1.9
        found = list(clf._get_fitted_attr_html())
        assert found[:4] == ["classes_", "pos_label_", "threshold_", "prior_"]
        assert found[-2:] == ["n_classes_", "n_features_in_"]


def test_unknown_attribute_names_the_known_ones():
    import skimbalance

    with pytest.raises(AttributeError, match="ImbalancedKerasClassifier"):
        skimbalance.KerasClasifier  # noqa: B018


def test_a_fit_prints_nothing_and_leaves_switches_alone():
    """Of fits with XLA, without, and eagerly: no chatter, no variable, no global state changed.

    SciKeras leaves TensorFlow's determinism on after the first seeded fit, and every unseeded random operation raises.
    """
    out, err = run(
        "import logging, os, random\n"
        "import numpy as np\n"
        "from skimbalance import ImbalancedKerasClassifier\n"
        "before = dict(os.environ)\n"  # importing TensorFlow sets some, whoever does it
        "import tensorflow as tf\n"
        "python, numpy = random.getstate(), np.random.get_state()[1].copy()\n"
        "levels = {n: logging.getLogger(n).level for n in ('tensorflow', 'absl')}\n"
        "X = np.random.default_rng(0).normal(size=(600, 3)); y = X[:, 0] > 1\n"
        "for name in ('mlp', 'realmlp'):\n"  # 25 steps an epoch: enough of them for XLA
        "    clf = ImbalancedKerasClassifier(name, epochs=20, batch_size=16, random_state=0).fit(X, y)\n"
        "    clf.predict_proba(X)\n"
        "ImbalancedKerasClassifier('mlp', epochs=1, run_eagerly=True).fit(X[:99], y[:99])\n"
        "assert dict(os.environ) == before\n"
        "assert random.getstate() == python and (np.random.get_state()[1] == numpy).all()\n"
        "assert levels == {n: logging.getLogger(n).level for n in levels}\n"
        "from tensorflow.python.framework import config\n"
        "assert not config.is_op_determinism_enabled()\n"
        "assert float(tf.random.normal([1])[0]) != float(tf.random.normal([1])[0])\n"
        "print('done')"
    )
    assert (out.strip(), err) == ("done", "")


def test_other_messages_on_standard_error_are_passed_on(capfd):
    from skimbalance._keras.startup import quiet

    with quiet():
        os.write(2, b"I0000 00:00:1 1 port.cc:1] chatter\n")
        os.write(2, b"a real problem\n")
    assert capfd.readouterr().err == "a real problem\n"


def test_saved_network_loads_where_a_class_is_imported(rare, tmp_path):
    import numpy as np

    from skimbalance import ImbalancedKerasClassifier

    X, y = rare
    clf = ImbalancedKerasClassifier(strategy="focal", epochs=2, random_state=0).fit(X, y)
    path = tmp_path / "network.keras"
    clf.model_.save(path)
    np.save(tmp_path / "X.npy", X)
    out, _ = run(
        "from skimbalance import Strategy\nimport keras, sys, numpy as np\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "print(repr(float(np.asarray(model(np.load(sys.argv[2]))).sum())))",
        str(path),
        str(tmp_path / "X.npy"),
    )
    assert float(out) == pytest.approx(float(np.asarray(clf.model_(X)).sum()), rel=1e-5)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="no process is forked there by itself")
def test_forked_processes_get_an_error_instead_of_a_hang_and_a_grid_says_what_to_do():
    out, _ = run(
        "import os, numpy as np\n"
        "from joblib import parallel_config\n"
        "from sklearn.model_selection import GridSearchCV\n"
        "from skimbalance import ImbalancedKerasClassifier\n"
        "X = np.random.default_rng(0).normal(size=(60, 2)); y = (X[:, 0] > 0).astype(int)\n"
        "clf = ImbalancedKerasClassifier('mlp', epochs=1, random_state=0).fit(X, y)\n"
        "read, write = os.pipe()\n"
        "if os.fork() == 0:\n"
        "    for work in (lambda: clf.fit(X, y), lambda: clf.predict(X)):\n"
        "        try:\n"
        "            work()\n"
        "        except RuntimeError as error:\n"
        "            os.write(write, str(error).encode())\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "print(os.read(read, 4096).decode())\n"
        "search = GridSearchCV(clf, {'strategy': ['none', 'focal']}, cv=2, n_jobs=2)\n"
        "with parallel_config(backend='multiprocessing'):\n"
        "    try:\n"
        "        search.fit(X, y)\n"
        "    except ValueError as error:\n"
        "        print('grid:', error)"
    )
    forked, _, grid = out.partition("grid:")
    assert forked.count("forked after TensorFlow") == 2
    assert "spawn" in forked
    assert "Use joblib's default backend" in grid


def test_the_scope_of_several_devices_is_refused_before_anything_is_built():
    """Loading builds a network as well; predicting does not, nor training one that was made in such a scope."""
    out, _ = run(
        "import pickle, numpy as np, tensorflow as tf, keras\n"
        "from skimbalance import ImbalancedKerasClassifier\n"
        "cpu = tf.config.list_physical_devices('CPU')[0]\n"
        "tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)\n"
        "X = np.random.default_rng(0).normal(size=(60, 2)); y = (X[:, 0] > 0).astype(int)\n"
        "with tf.distribute.OneDeviceStrategy('CPU:0').scope():\n"
        "    clf = ImbalancedKerasClassifier('mlp', epochs=1, random_state=0).fit(X, y)\n"
        "expected = clf.predict_proba(X)\n"
        "with tf.distribute.MirroredStrategy(['CPU:0', 'CPU:1']).scope():\n"
        "    new = ImbalancedKerasClassifier('mlp')\n"
        "    for work in (lambda: new.fit(X, y), lambda: clf.fit(X, y), lambda: pickle.loads(pickle.dumps(clf))):\n"
        "        try:\n"
        "            work()\n"
        "        except RuntimeError as error:\n"
        "            print(error)\n"
        "    assert not hasattr(new, 'classes_')\n"
        "    assert np.array_equal(clf.predict_proba(X), expected)\n"
        "    made = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation='sigmoid')])\n"
        "ImbalancedKerasClassifier(made, epochs=1).fit(X, y).predict(X)"
    )
    assert out.count("in the scope of a tf.distribute.MirroredStrategy, but a network here trains on one device") == 3
    assert "n_jobs" in out


def test_every_public_object_has_a_page_with_an_example():
    import skimbalance

    listed = set(
        re.findall(r"^   ([\w.]+)$", (ROOT / "docs/api/index.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    modules = {"deployment", "ensemble", "importance", "networks", "strategies"}
    assert set(skimbalance.__all__) - modules - {"__version__"} <= listed, "docs/api/index.md lacks a public name"
    for name in listed:
        module, _, attribute = f"skimbalance.{name}".rpartition(".")
        documented = getattr(importlib.import_module(module), attribute)
        assert "\n    Examples\n    --------\n" in documented.__doc__, f"{name} shows no example"


def test_links_of_the_readme_lead_to_pages_and_pictures():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    pages = re.findall(rf"{re.escape(urls['Documentation'])}/([\w/]+)\.html", text)
    assert len(pages) > 10
    missing = [page for page in pages if not (ROOT / f"docs/{page}.md").exists() and page != "auto_examples/index"]
    assert missing == []
    files = re.findall(
        rf"(?:{re.escape(urls['Repository'])}/blob|raw\.githubusercontent\.com/[\w/]+)/main/([\w./]+)", text
    )
    assert {"docs/images/quality_time.png", "CONTRIBUTING.md"} <= set(files)
    assert [file for file in files if not (ROOT / file).exists()] == []
    assert re.findall(r"(?:\]\(|(?:src|href)=\")(?!https://)", text) == []  # a package index shows it without the files


def test_what_is_stated_twice_is_stated_alike():
    import skimbalance

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ruff = {r for r in project["optional-dependencies"]["test"] if r.startswith("ruff==")}
    assert len(ruff) == 1
    assert set(re.findall(r"ruff==[\w.]+", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))) == ruff
    assert f"\nversion: {skimbalance.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_text_is_read_and_written_as_utf_8():
    """Where nothing is said, Windows takes another encoding."""
    folders = ("skimbalance", "tests", "examples", ".ci")
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    for path in (path for path in files if "benchmarks" not in path.parts):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and not any(word.arg in ("encoding", None) for word in node.keywords):
                is_method, called = isinstance(node.func, ast.Attribute), getattr(node.func, "attr", "")
                opens = getattr(node.func, "id", "") == "open"
                mode = next((of.value for of in node.args[1:2] if isinstance(of, ast.Constant)), "r")
                is_text = (opens and "b" not in mode) or (is_method and called in ("read_text", "write_text"))
                assert not is_text, f"{path.name}:{node.lineno} names no encoding"
