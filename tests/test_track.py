"""Does mlflow log what training shows, and read back the classifier that it was given?"""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skimbalance import ImbalancedKerasClassifier
from skimbalance.deployment import skops_types

# mlflow, not used here in any way of its own, warns of what pandas, Keras and pickle will change, and advises.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning", "ignore::ResourceWarning"
)


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    """The package, with all it writes in a folder of its own."""
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed: pip install .[track]")
    pytest.importorskip("mlflow.tensorflow", reason="mlflow.tensorflow does not import here")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    yield mlflow
    mlflow.set_tracking_uri(None)


@pytest.mark.parametrize("in_pipeline", [False, True], ids=["classifier", "pipeline"])
@pytest.mark.parametrize("form", ["cloudpickle", "skops"])
def test_a_logged_model_predicts_the_same(form, in_pipeline, mlflow, small_table):
    X, y = small_table
    trusts = {}
    if form == "skops":
        pytest.importorskip("skops", reason="skops writes the file; pip install skimbalance[export]")
        trusts = {"skops_trusted_types": skops_types()}
    clf = ImbalancedKerasClassifier("mlp", strategy="focal", epochs=2, decision="f1", random_state=0)
    model = (make_pipeline(StandardScaler(), clf) if in_pipeline else clf).fit(X, y)
    proba = model.predict_proba(X)
    with mlflow.start_run():
        uri = mlflow.sklearn.log_model(
            model, name="model", serialization_format=form, pyfunc_predict_fn="predict_proba",
            signature=mlflow.models.infer_signature(X, proba), pip_requirements=[], **trusts,
        ).model_uri  # fmt: skip
    loaded = mlflow.sklearn.load_model(uri)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    np.testing.assert_array_equal(loaded.predict_proba(X), proba)
    np.testing.assert_array_equal(mlflow.pyfunc.load_model(uri).predict(X), proba)


def test_the_callback_of_mlflow_logs_every_epoch(mlflow, small_table):
    with mlflow.start_run() as run:
        callback = mlflow.tensorflow.MlflowCallback()
        clf = ImbalancedKerasClassifier("mlp", epochs=3, validation_split=0.2, random_state=0)
        clf.fit(*small_table, callbacks=[callback])
    client = mlflow.MlflowClient()
    for name, values in clf.history_.items():
        logged = sorted(client.get_metric_history(run.info.run_id, name), key=lambda metric: metric.step)
        np.testing.assert_allclose([metric.value for metric in logged], values, rtol=1e-6)
