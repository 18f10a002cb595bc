"""Convert TensorFlow operations to ONNX, by one function each or by a name."""

import numpy as np

#: Operations that are one operator of ONNX on the same inputs.
_ALIKE = {
    "Abs": "Abs", "Acos": "Acos", "Add": "Add", "AddN": "Sum", "AddV2": "Add", "Asin": "Asin", "Atan": "Atan",
    "BiasAdd": "Add", "Ceil": "Ceil", "Cos": "Cos", "Cosh": "Cosh", "Elu": "Elu", "Equal": "Equal", "Erf": "Erf",
    "Exp": "Exp", "Floor": "Floor", "Greater": "Greater", "GreaterEqual": "GreaterOrEqual", "IsInf": "IsInf",
    "IsNan": "IsNaN", "Less": "Less", "LessEqual": "LessOrEqual", "Log": "Log", "LogicalAnd": "And",
    "LogicalNot": "Not", "LogicalOr": "Or", "Maximum": "Max", "Minimum": "Min", "Mul": "Mul", "Neg": "Neg",
    "Pow": "Pow", "RealDiv": "Div", "Reciprocal": "Reciprocal", "Relu": "Relu", "Rint": "Round", "Round": "Round",
    "Selu": "Selu", "Sigmoid": "Sigmoid", "Sign": "Sign", "Sin": "Sin",
    "Sinh": "Sinh", "Softsign": "Softsign", "Sqrt": "Sqrt", "Sub": "Sub", "Tan": "Tan", "Tanh": "Tanh",
}  # fmt: skip
#: Operations that give back what they are given.
_NOTHING = {"EnsureShape", "Identity", "IdentityN", "PreventGradient", "Snapshot", "StopGradient"}
_REDUCTIONS = {"Max": "ReduceMax", "Mean": "ReduceMean", "Min": "ReduceMin", "Prod": "ReduceProd", "Sum": "ReduceSum"}


class Translation:
    """Nodes of ONNX for operations of TensorFlow.

    Parameters
    ----------
    nodes : Nodes
        Where they are added.
    given : dict of str to str
        Input of ONNX for each placeholder.
    stand_ins : dict of str to callable
        What adds the nodes that an operation of `stand_in` stands for: ``(nodes, input) -> output``, by its name.
    """

    def __init__(self, nodes, given, stand_ins):
        self.nodes, self._given, self._stand_ins = nodes, given, stand_ins
        self._names, self._values = {}, {}

    def add(self, operations, wanted):
        """Add the operations that tensors need; return the names that these have in ONNX.

        Parameters
        ----------
        operations : list of Operation
            Operations, in an order in which they can run.
        wanted : list of str
            Names of tensors.

        Raises
        ------
        ValueError
            If an operation is not supported.
        """
        needed = set(wanted)
        for operation in reversed(operations):
            if needed.intersection(operation.outputs):
                needed.update(operation.inputs)
        for operation in operations:
            if needed.intersection(operation.outputs):
                self._add(operation)
        return [self._name(tensor) for tensor in wanted]

    def _add(self, op):
        """Add one operation."""
        if op.value is not None:
            self._values[op.outputs[0]] = op.value
            return
        if op.kind in _NOTHING:
            for source, target in zip(op.inputs, op.outputs, strict=True):
                known = self._values if source in self._values else self._names
                known[target] = known[source]
            return
        if op.kind == "Placeholder":
            made = self._given[op.name]
        elif op.kind == "StandIn":
            made = self._stand_ins[op.name](self.nodes, self._name(op.inputs[0]))
        elif op.kind in _ALIKE:
            made = self.nodes.add(_ALIKE[op.kind], *map(self._name, op.inputs))
        elif op.kind in _REDUCTIONS:
            made = self._reduce(_REDUCTIONS[op.kind], op)
        elif (write := getattr(self, f"_{op.kind}", None)) is not None:
            made = write(op, *map(self._name, op.inputs))
        else:
            raise ValueError(
                f"The network computes with TensorFlow's operation {op.kind!r} ({op.name}), which is not known to the "
                'export to ONNX; take format="saved_model", or build the network of other layers.'
            )
        self._names.update(zip(op.outputs, [made] if isinstance(made, str) else made, strict=True))

    def _name(self, tensor):
        """Return the name that a tensor has in ONNX."""
        if tensor not in self._names:
            self._names[tensor] = self.nodes.constant(self._values[tensor])
        return self._names[tensor]

    def _value(self, op, i):
        """Return an input that has to be a constant, as integers."""
        if op.inputs[i] not in self._values:
            raise ValueError(
                f"The network's operation {op.kind!r} ({op.name}) takes its input {i} from the rows, which the export "
                'to ONNX does not know; take format="saved_model".'
            )
        return np.asarray(self._values[op.inputs[i]], dtype=np.int64)

    def _whole(self, *values):
        """Return integers as a constant, (n,)."""
        return self.nodes.constant(np.array(values, dtype=np.int64).ravel())

    def _like(self, op, value):
        """Return a number as a constant of the type of an operation's output."""
        return self.nodes.constant(value, op.dtypes[0])

    # --- numbers ---

    def _NotEqual(self, op, a, b):
        return self.nodes.add("Not", self.nodes.add("Equal", a, b))

    def _Square(self, op, x):
        return self.nodes.add("Mul", x, x)

    def _SquaredDifference(self, op, a, b):
        return self._Square(op, self.nodes.add("Sub", a, b))

    def _Rsqrt(self, op, x):
        return self.nodes.add("Reciprocal", self.nodes.add("Sqrt", x))

    def _Relu6(self, op, x):
        return self.nodes.add("Clip", x, self._like(op, 0), self._like(op, 6))

    def _LeakyRelu(self, op, x):
        return self.nodes.add("LeakyRelu", x, alpha=float(op.attribute("alpha")))

    def _FloorDiv(self, op, a, b):
        quotient = self.nodes.add("Div", a, b)
        return quotient if np.issubdtype(op.dtypes[0], np.integer) else self.nodes.add("Floor", quotient)

    def _FloorMod(self, op, a, b):
        if np.issubdtype(op.dtypes[0], np.integer):
            return self.nodes.add("Mod", a, b)
        whole = self.nodes.add("Mul", b, self.nodes.add("Floor", self.nodes.add("Div", a, b)))
        return self.nodes.add("Sub", a, whole)

    def _Erfc(self, op, x):
        return self.nodes.add("Sub", self._like(op, 1), self.nodes.add("Erf", x))

    def _IsFinite(self, op, x):
        return self.nodes.add("Not", self.nodes.add("Or", self.nodes.add("IsInf", x), self.nodes.add("IsNaN", x)))

    def _SelectV2(self, op, condition, a, b):
        if op.dtypes[0] is not np.bool_:
            return self.nodes.add("Where", condition, a, b)
        otherwise = self.nodes.add("And", self.nodes.add("Not", condition), b)  # onnxruntime has no Where of booleans
        return self.nodes.add("Or", self.nodes.add("And", condition, a), otherwise)

    def _Select(self, op, condition, a, b):
        if op.ranks_in[0] != op.ranks_in[1] and op.ranks_in[0]:
            raise ValueError(f'The export to ONNX does not know the form of {op.name}; take format="saved_model".')
        return self._SelectV2(op, condition, a, b)

    def _Xlogy(self, op, x, y):
        product = self.nodes.add("Mul", x, self.nodes.add("Log", y))
        zero = self._like(op, 0)
        return self.nodes.add("Where", self.nodes.add("Equal", x, zero), zero, product)

    def _Expm1(self, op, x):
        """Return tanh(x / 2) (exp(x) + 1), which is exact near 0."""
        one, half = self._like(op, 1), self._like(op, 0.5)
        tangent = self.nodes.add("Tanh", self.nodes.add("Mul", x, half))
        return self.nodes.add("Mul", tangent, self.nodes.add("Add", self.nodes.add("Exp", x), one))

    def _Log1p(self, op, x):
        """Return log(u) x / (u - 1) with u = 1 + x, in which the rounding of u cancels (Kahan)."""
        one = self._like(op, 1)
        u = self.nodes.add("Add", x, one)
        quotient = self.nodes.add("Div", self.nodes.add("Log", u), self.nodes.add("Sub", u, one))
        return self.nodes.add("Where", self.nodes.add("Equal", u, one), x, self.nodes.add("Mul", quotient, x))

    def _Softplus(self, op, x):
        """Return max(x, 0) + log1p(exp(-|x|))."""
        small = self.nodes.add("Exp", self.nodes.add("Neg", self.nodes.add("Abs", x)))
        return self.nodes.add("Add", self.nodes.add("Max", x, self._like(op, 0)), self._Log1p(op, small))

    def _Softmax(self, op, x):
        return self.nodes.add("Softmax", x, axis=-1)

    def _LogSoftmax(self, op, x):
        return self.nodes.add("LogSoftmax", x, axis=-1)

    def _Cast(self, op, x):
        return self.nodes.cast(x, op.dtypes[0])

    # --- products and sums ---

    def _MatMul(self, op, a, b):
        return self._product(op, a, b, "transpose_a", "transpose_b")

    def _BatchMatMulV2(self, op, a, b):
        return self._product(op, a, b, "adj_x", "adj_y")

    def _product(self, op, a, b, of_a, of_b):
        """Return a matrix product, of which either side may be turned."""
        sides = []
        for x, rank, turns in ((a, op.ranks_in[0], of_a), (b, op.ranks_in[1], of_b)):
            axes = [*range(rank - 2), rank - 1, rank - 2]
            sides.append(self.nodes.add("Transpose", x, perm=axes) if op.attribute(turns) else x)
        return self.nodes.add("MatMul", *sides)

    def _Einsum(self, op, *inputs):
        return self.nodes.add("Einsum", *inputs, equation=op.attribute("equation").decode())

    def _reduce(self, kind, op):
        """Return a sum, mean, ... over axes."""
        axes = self._whole(self._value(op, 1))
        return self.nodes.add(kind, self._name(op.inputs[0]), axes, keepdims=int(op.attribute("keep_dims")))

    def _All(self, op, x, axes):
        return self._of_flags("ReduceMin", op, x)

    def _Any(self, op, x, axes):
        return self._of_flags("ReduceMax", op, x)

    def _of_flags(self, kind, op, x):
        """Return whether all, or any, hold over axes."""
        axes, keepdims = self._whole(self._value(op, 1)), int(op.attribute("keep_dims"))
        return self.nodes.cast(self.nodes.add(kind, self.nodes.cast(x, np.int32), axes, keepdims=keepdims), bool)

    def _ArgMax(self, op, x, axis, kind="ArgMax"):
        return self.nodes.cast(self.nodes.add(kind, x, axis=int(self._value(op, 1)), keepdims=0), op.dtypes[0])

    def _ArgMin(self, op, x, axis):
        return self._ArgMax(op, x, axis, "ArgMin")

    def _Cumsum(self, op, x, axis):
        how = {name: int(op.attribute(name)) for name in ("exclusive", "reverse")}
        return self.nodes.add("CumSum", x, self._whole(self._value(op, 1)), **how)

    def _Conv2D(self, op, x, kernel):
        kernel = self.nodes.add("Transpose", kernel, perm=[3, 2, 0, 1])
        return self._over_windows(op, "Conv", x, kernel, dilations=list(op.attribute("dilations"))[1:3])

    def _MaxPool(self, op, x):
        return self._over_windows(op, "MaxPool", x, kernel_shape=list(op.attribute("ksize"))[1:3])

    def _AvgPool(self, op, x):
        return self._over_windows(op, "AveragePool", x, kernel_shape=list(op.attribute("ksize"))[1:3])

    def _over_windows(self, op, kind, x, *others, **attributes):
        """Return what is computed of windows of an image; ONNX has channels in front."""
        padding = {b"SAME": "SAME_UPPER", b"VALID": "VALID"}.get(op.attribute("padding"))
        if op.attribute("data_format") != b"NHWC" or padding is None:
            raise ValueError(f'The export to ONNX does not know the form of {op.name}; take format="saved_model".')
        strides = list(op.attribute("strides"))[1:3]
        x = self.nodes.add("Transpose", x, perm=[0, 3, 1, 2])
        made = self.nodes.add(kind, x, *others, strides=strides, auto_pad=padding, **attributes)
        return self.nodes.add("Transpose", made, perm=[0, 2, 3, 1])

    # --- shapes ---

    def _Shape(self, op, x):
        return self.nodes.cast(self.nodes.add("Shape", x), op.dtypes[0])

    def _Reshape(self, op, x, shape):
        return self.nodes.add("Reshape", x, self._as_shape(op, 1, shape))

    def _as_shape(self, op, i, name):
        """Return a shape as ONNX takes it."""
        return self._whole(self._value(op, i)) if op.inputs[i] in self._values else self.nodes.cast(name, np.int64)

    def _ExpandDims(self, op, x, axis):
        return self.nodes.add("Unsqueeze", x, self._whole(self._value(op, 1)))

    def _Squeeze(self, op, x):
        axes = op.attribute("squeeze_dims")
        return self.nodes.add("Squeeze", x, *([self._whole(axes)] if axes else []))

    def _Transpose(self, op, x, axes):
        return self.nodes.add("Transpose", x, perm=self._value(op, 1).tolist())

    def _ConcatV2(self, op, *inputs):
        return self.nodes.add("Concat", *inputs[:-1], axis=int(self._value(op, -1)))

    def _Pack(self, op, *inputs):
        axis = int(op.attribute("axis"))
        parts = [self.nodes.add("Unsqueeze", x, self._whole(axis)) for x in inputs]
        return self.nodes.add("Concat", *parts, axis=axis)

    def _Unpack(self, op, x):
        axis, n = int(op.attribute("axis")), len(op.outputs)
        parts = [x] if n == 1 else self.nodes.add("Split", x, self._whole([1] * n), n=n, axis=axis)
        return [self.nodes.add("Squeeze", part, self._whole(axis)) for part in parts]

    def _Split(self, op, axis, x):
        n = len(op.outputs)
        return self.nodes.add("Split", x, n=n, axis=int(self._value(op, 0)), num_outputs=n)

    def _SplitV(self, op, x, sizes, axis):
        n = len(op.outputs)
        return self.nodes.add("Split", x, self._whole(self._value(op, 1)), n=n, axis=int(self._value(op, 2)))

    def _Tile(self, op, x, repeats):
        return self.nodes.add("Tile", x, self._as_shape(op, 1, repeats))

    def _BroadcastTo(self, op, x, shape):
        return self.nodes.add("Expand", x, self._as_shape(op, 1, shape))

    def _Fill(self, op, shape, value):
        return self.nodes.add("Expand", value, self._as_shape(op, 0, shape))

    def _ZerosLike(self, op, x, value=0):
        return self.nodes.add("Expand", self._like(op, value), self.nodes.add("Shape", x))

    def _OnesLike(self, op, x):
        return self._ZerosLike(op, x, 1)

    def _Range(self, op, *limits):
        return self.nodes.add("Range", *limits)

    # --- parts ---

    def _GatherV2(self, op, x, index, axis):
        axis, n_shared = int(self._value(op, 2)), int(op.attribute("batch_dims"))
        if not n_shared:
            return self.nodes.add("Gather", x, index, axis=axis)
        if (n_shared, axis, *op.ranks_in[:2]) == (1, 1, 2, 2):
            return self.nodes.add("GatherElements", x, index, axis=1)
        return self.nodes.add("GatherND", x, self.nodes.add("Unsqueeze", index, self._whole(-1)), batch_dims=n_shared)

    def _GatherNd(self, op, x, index):
        return self.nodes.add("GatherND", x, self.nodes.cast(index, np.int64))

    def _ReverseV2(self, op, x, axes):
        axes = self._value(op, 1).ravel()
        last = np.iinfo(np.int64).max
        limits = ([-1] * len(axes), [-last] * len(axes), axes, [-1] * len(axes))
        return self.nodes.add("Slice", x, *map(self._whole, limits))

    def _TopKV2(self, op, x, k):
        values, index = self.nodes.add("TopK", x, self._whole(self._value(op, 1)), n=2)
        return [values, self.nodes.cast(index, op.dtypes[1])]

    def _OneHot(self, op, index, depth, on, off):
        values = self.nodes.add("Concat", *(self.nodes.add("Unsqueeze", v, self._whole(0)) for v in (off, on)), axis=0)
        depth, index = self._whole(self._value(op, 1)), self.nodes.cast(index, np.int64)
        # ONNX counts negative places from the end, where TensorFlow has none.
        is_none = self.nodes.add("Less", index, self.nodes.constant(0, np.int64))
        index = self.nodes.add("Where", is_none, self.nodes.add("Squeeze", depth), index)
        return self.nodes.add("OneHot", index, depth, values, axis=int(op.attribute("axis")))

    def _Slice(self, op, x, begin, size):
        begin, size = self._value(op, 1), self._value(op, 2)
        ends = np.where(size < 0, np.iinfo(np.int64).max, begin + size)
        return self.nodes.add("Slice", x, *map(self._whole, (begin, ends, range(len(begin)))))

    def _StridedSlice(self, op, x, *limits):
        begin, end, strides = (self._value(op, i) for i in (1, 2, 3))
        masks = {
            name: {i for i in range(len(begin)) if op.attribute(f"{name}_mask") >> i & 1}
            for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
        }
        n_axes = len(begin) - len(masks["new_axis"]) - len(masks["ellipsis"])
        parts, added, dropped, source, target = [], [], [], 0, 0
        for i in range(len(begin)):
            if i in masks["ellipsis"]:
                source, target = source + op.ranks_in[0] - n_axes, target + op.ranks_in[0] - n_axes
            elif i in masks["new_axis"]:
                added.append(target)
                target += 1
            else:
                parts.append((source, *_limits(i, begin, end, strides, masks)))
                if i in masks["shrink_axis"]:
                    dropped.append(source)
                else:
                    target += 1
                source += 1
        parts = [part for part in parts if part[1:] != (0, np.iinfo(np.int64).max, 1)]
        if parts:
            axes, begins, ends, steps = zip(*parts, strict=True)
            x = self.nodes.add("Slice", x, *map(self._whole, (begins, ends, axes, steps)))
        if dropped:
            x = self.nodes.add("Squeeze", x, self._whole(dropped))
        return self.nodes.add("Unsqueeze", x, self._whole(added)) if added else x

    def _PadV2(self, op, x, sizes, value):
        return self.nodes.add("Pad", x, self._whole(self._value(op, 1).T), value)

    def _Pad(self, op, x, sizes):
        return self._PadV2(op, x, sizes, self._like(op, 0))


def _limits(i, begin, end, strides, masks):
    """Return where a slice of an axis begins and ends, and its step."""
    last = np.iinfo(np.int64).max
    if i in masks["shrink_axis"]:
        return int(begin[i]), int(begin[i]) + 1 if begin[i] != -1 else last, 1
    step = int(strides[i])
    first = (0 if step > 0 else last) if i in masks["begin"] else int(begin[i])
    return first, (last if step > 0 else -last) if i in masks["end"] else int(end[i]), step
