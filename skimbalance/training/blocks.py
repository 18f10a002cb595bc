"""Choose how many rows a compiled program takes at once, and whether XLA compiles it.

The rules depend on the fit alone, so that equal fits run equally whatever ran before them in the process.
"""

import numpy as np

from skimbalance._keras.keras_internals import layers_of

# Rows a compiled program takes at once, of one epoch or of several, and of all members. Few sizes, so that few shapes
# are compiled; small ones, so that small tables are not padded to large ones.
_BLOCK_ROWS = (4096, 16384, 65536)
PREDICTION_BLOCK_ROWS = (256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096)

# Up to so many rows, members are predicted without XLA, which takes half a second to compile: longer than the first row
# may take in a service that has just loaded a classifier, and what it saves on some fifty calls of so many rows. Their
# logits differ from those of more rows by rounding.
FEW_ROWS = 256
_SMALLEST_BLOCK = 32

# Columns up to which these rows fit into little memory; of a wider table, fewer rows are taken at once.
_NARROW = 64

# Multiplications that a call may take, about half a second on one core: until it returns, Ctrl-C is not heard.
_MAX_PRODUCTS_OF_A_CALL = 2_000_000_000

# Layers that treat each row by itself. The last batch of an epoch is filled up by rows of weight zero for networks of
# these, which makes all shapes static; a layer that mixes rows would see them. XLA needs static shapes. Random numbers
# it makes fifty times slower than the rest of a step together, so that it is not chosen for layers that draw some.
_DRAWS = {"Dropout", "GaussianDropout", "GaussianNoise", "AlphaDropout"}
_ROW_WISE = {
    "InputLayer", "Encode", "Standardize", "RobustScale", "PeriodicEmbedding", "MemberEmbedding", "MemberScale",
    "MemberDense", "RowsFirst",
    "Dense", "Activation", "Softmax", "ReLU", "LeakyReLU", "PReLU", "ELU", "Normalization", "Rescaling",
    "LayerNormalization", "Flatten", "Reshape", "Add", "Multiply", "Concatenate", "Functional", "Sequential",
}  # fmt: skip

# Optimizers that update every number of a variable by itself.
_BY_ELEMENT = {"SGD", "Adam", "AdamW", "RMSprop", "Nadam", "Adamax", "Adagrad", "Adadelta", "Ftrl", "Lion"}

# Groups of members that are trained side by side, each by a core. More of them cost more calls.
_MOST_GROUPS = 8

# XLA takes about 0.5 s longer to compile than a graph, and saves about 0.1 ms on every step, the time TensorFlow
# takes to start some thirty operations. From these many steps on it pays within a fit or two; and up to this
# many multiplications a step the operations are so small that starting them is most of the time. Steps of members
# take 0.4 to 0.6 ms with it and 0.9 to 1.5 ms without, for 1.5 to 2 s of compilation: it pays within a small grid. Of
# tables of more than 64 columns they save as much more as there are columns, and most of the memory of a step.
_XLA_MIN_STEPS = 1000
_XLA_MIN_STEPS_OF_MEMBERS = 400
_MAX_PRODUCTS = 16_000_000


def block_steps(network, batch_size):
    """Return the numbers of steps that a program of this network takes at once."""
    return [-(-narrowed(rows, network) // (batch_size * network.members.n)) for rows in _BLOCK_ROWS]


def narrowed(n_rows, network):
    """Return a number of rows, or steps, in proportion smaller for tables of more than 64 columns: as much is done."""
    inputs = getattr(network.model, "inputs", None)
    n_columns = inputs[0].shape[-1] or 0 if inputs else 0
    return n_rows if n_columns <= _NARROW else max(n_rows * _NARROW // n_columns, 1)


def most_steps(network, batch_size):
    """Return the largest number of steps of a call, which ends soon enough for Ctrl-C to be heard."""
    allowed = _MAX_PRODUCTS_OF_A_CALL // max(_products(network, batch_size), 1)
    return int(min(block_steps(network, batch_size)[-1], max(allowed, 1)))


def has_small_steps(network, batch_size):
    """Whether the operations of a step are so small that starting them is most of its time."""
    return _products(network, batch_size) <= _MAX_PRODUCTS


def _products(network, batch_size):
    """Return about how many multiplications the network takes for the rows of a step."""
    return batch_size * sum(int(np.prod(v.shape)) for v in network.model.trainable_variables)


def may_fill_up(network):
    """Whether all layers treat each row by itself, so that rows of weight zero change nothing.

    An activity regularizer looks at what a layer returns of all rows.
    """
    layers = layers_of(network.model)
    is_row_wise = {type(layer).__name__ for layer in layers} <= _ROW_WISE | _DRAWS
    return is_row_wise and all(getattr(layer, "activity_regularizer", None) is None for layer in layers)


def wants_xla(network, batch_size, n_steps):
    """Whether a fit of this many steps is quicker with XLA than as a graph."""
    draws = any(type(layer).__name__ in _DRAWS for layer in layers_of(network.model))
    least, gains = _XLA_MIN_STEPS, has_small_steps(network, batch_size)
    if network.members.are_layers:
        least, gains = narrowed(_XLA_MIN_STEPS_OF_MEMBERS, network), True
    return may_fill_up(network) and not draws and n_steps >= least and gains


def n_groups_of(network, optimizer):
    """Return in how many groups the members of a network are trained side by side, where that changes nothing.

    XLA computes the small products of members on one core. Each pair is a group of its own, but for many members: then
    eight cores train as many groups. Their number is that of no machine, and members round alike in any group of two or
    more, while one alone does not. With an optimizer that looks at whole variables, members are not independent.
    """
    clips = optimizer.clipnorm or optimizer.global_clipnorm
    if type(optimizer).__name__ not in _BY_ELEMENT or clips or network.members.in_pair == 1:
        return 1
    return max(n for n in range(1, _MOST_GROUPS + 1) if network.members.n_pairs % n == 0)


def prediction_rows(network):
    """Return how many rows XLA predicts at once."""
    most = narrowed(PREDICTION_BLOCK_ROWS[-1], network)
    return max([size for size in PREDICTION_BLOCK_ROWS if size <= most], default=PREDICTION_BLOCK_ROWS[0])


def to_block(X):
    """Fill up rows to predict to one of few sizes, each of which XLA compiles once."""
    return filled_up(X, next(size for size in (_SMALLEST_BLOCK, *PREDICTION_BLOCK_ROWS) if size >= len(X)))


def filled_up(a, n):
    """Return an array with as many zeros appended along its first axis as it takes to `n` there."""
    if len(a) == n:
        return a
    filled = np.zeros((n, *a.shape[1:]), a.dtype)
    filled[: len(a)] = a
    return filled
