"""Does the classifier keep scikit-learn's contract, and imbalanced-learn's?"""

import pytest
import sklearn
from imblearn.utils import estimator_checks as imblearn_checks
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks
from sklearn.utils.fixes import parse_version

from skimbalance import ImbalancedKerasClassifier

_HAS_MORE_ROWS = parse_version("1.7")  # the release in which that check was given more rows

_DRAWS_BY_ROW = (
    "The sampler draws rows by their number, so that a repeated row is drawn more often than one of weight 2; the "
    "weights follow the rows drawn."
)
_MAKES_UP_ROWS = "SMOTE generates rows, for which there is no weight, so unequal weights are refused."
_TOO_FEW = "SMOTE needs six rows of each class, and this check has fewer: that is the error it raises."
# As the classifier takes categories, these round the numbers of which they then make labels.
_ROUNDED = [
    "check_dont_overwrite_parameters",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_dict_unchanged",
    "check_fit2d_predict1d",
    "check_f_contiguous_array_estimator",
]
_EQUIVALENCE = [
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
    "check_sample_weights_invariance",
]

_WHICH_IS_POSITIVE = (
    "The check's two labels are not 0 and 1, and a strategy that treats both classes differently asks which is "
    "positive."
)

# Before scikit-learn 1.7, checks of two labels call them as the first row is called, and the one after it.
_OTHER_LABELS = [
    "check_dict_unchanged", "check_dont_overwrite_parameters", "check_dtype_object", "check_estimator_sparse_array",
    "check_estimator_sparse_matrix", "check_estimators_fit_returns_self", "check_estimators_overwrite_params",
    "check_estimators_partial_fit_n_features", "check_estimators_pickle", "check_f_contiguous_array_estimator",
    "check_fit2d_predict1d", "check_fit_check_is_fitted", "check_methods_sample_order_invariance",
    "check_methods_subset_invariance", "check_pipeline_consistency", "check_readonly_memmap_input", *_EQUIVALENCE,
]  # fmt: skip

EXPECTED_FAILURES = {
    "asymmetric_focal": dict.fromkeys(
        [
            *(_OTHER_LABELS if parse_version(sklearn.__version__) < _HAS_MORE_ROWS else []),
            "check_estimators_dtypes",
            "check_sample_weights_pandas_series",
            "check_sample_weights_not_an_array",
            "check_sample_weights_shape",
            "check_sample_weights_not_overwritten",
            "check_classifier_data_not_an_array",
            "check_classifiers_classes",
        ],
        _WHICH_IS_POSITIVE,
    ),
    "random_oversample": dict.fromkeys(_EQUIVALENCE, _DRAWS_BY_ROW),
    "random_undersample": dict.fromkeys(_EQUIVALENCE, _DRAWS_BY_ROW),
    "smote": {
        **dict.fromkeys(_EQUIVALENCE, _TOO_FEW),
        "check_sample_weights_not_overwritten": _MAKES_UP_ROWS,
        **dict.fromkeys([*_ROUNDED, "check_fit2d_1feature"], _TOO_FEW),
        **(
            {"check_n_features_in_after_fitting": _TOO_FEW}
            if parse_version(sklearn.__version__) < _HAS_MORE_ROWS
            else {}
        ),
    },
}


#: Weights, batches, samplers that repeat and make up rows, and a loss of two classes; the default's is by the prior.
ONE_OF_EACH_KIND = ["class_weight", "balanced_batches", "random_oversample", "smote", "asymmetric_focal"]


def expected_failures(classifier):
    """Say which checks cannot hold for a strategy, and why; none for the default."""
    return EXPECTED_FAILURES.get(classifier.strategy, {})


@pytest.mark.usefixtures("two_small_members")
@parametrize_with_checks([ImbalancedKerasClassifier()])
def test_sklearn_checks_of_the_default(estimator, check):
    check(estimator)


# One check puts class weights on top of the remedy, of which this warning rightly warns.
@pytest.mark.filterwarnings("ignore:.*moves the class prior more than once:UserWarning")
@parametrize_with_checks(
    [ImbalancedKerasClassifier("mlp", strategy=name, epochs=40) for name in ONE_OF_EACH_KIND],
    expected_failed_checks=expected_failures,
)
def test_sklearn_checks_of_one_strategy_of_each_kind(estimator, check):
    check(estimator)


@pytest.mark.usefixtures("two_small_members")
@pytest.mark.parametrize(
    "check",
    [check for _, check in imblearn_checks.estimator_checks_generator(ImbalancedKerasClassifier())],
    ids=lambda check: check.func.__name__,
)
def test_imblearn_checks(check):
    check(ImbalancedKerasClassifier())


@pytest.mark.parametrize(
    "check",
    [estimator_checks.check_param_validation, estimator_checks.check_dataframe_column_names_consistency],
    ids=lambda check: check.__name__,
)
def test_sklearn_checks_that_no_generator_yields(check):
    """scikit-learn runs these two on its own estimators alone."""
    check("ImbalancedKerasClassifier", ImbalancedKerasClassifier("mlp", epochs=1))


def test_the_default_expects_no_failure():
    assert expected_failures(ImbalancedKerasClassifier()) == {}


@pytest.mark.parametrize("name", sorted(EXPECTED_FAILURES))
def test_every_exception_names_a_check_there_is(name):
    """So that none is left over once scikit-learn has renamed or removed it."""
    classifier = ImbalancedKerasClassifier("mlp", strategy=name)
    known = {check.func.__name__ for _, check in estimator_checks_generator(classifier)} | {
        "check_sample_weights_invariance"
    }
    assert set(EXPECTED_FAILURES[name]) <= known
