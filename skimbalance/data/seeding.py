"""Seed the nested estimators, samplers and splitters of a fit whose ``random_state`` is None."""


def seed_nested(part, rng):
    """Seed every ``random_state`` that is None, of an estimator and of all objects nested in it, in place.

    scikit-learn's ensembles do so for their estimators. Splitters that shuffle, and estimators in lists and parameter
    grids, are seeded as well: without a seed, they draw from NumPy's global generator.

    Parameters
    ----------
    part : object
        Estimator or sampler that the fit owns (a clone); or a parameter of one: a splitter, or a list, tuple or dict.
    rng : numpy.random.Generator
        Source of the seeds.
    """
    if isinstance(part, list | tuple | dict):
        for one in part.values() if isinstance(part, dict) else part:
            seed_nested(one, rng)
    elif hasattr(part, "get_params") and not isinstance(part, type):
        for name, value in sorted(part.get_params(deep=False).items()):
            if name == "random_state" and value is None:
                part.set_params(random_state=int(rng.integers(2**31 - 1)))
            else:
                seed_nested(value, rng)
    elif getattr(part, "random_state", 0) is None and getattr(part, "shuffle", True):
        part.random_state = int(rng.integers(2**31 - 1))
