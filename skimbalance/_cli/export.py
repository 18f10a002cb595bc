"""``skimbalance export``: write a trained classifier for other runtimes."""

import warnings
from importlib.util import find_spec
from pathlib import Path

from skimbalance._cli import Refusal
from skimbalance._cli.console import say, show
from skimbalance._cli.files import check_file
from skimbalance._cli.model_file import need_skops, read_about, read_classifier, version_notes

#: Format, and the packages that it needs, by the end of the file's name.
_FORMATS = {
    ".onnx": ("onnx", ("onnx", "onnxruntime")),
    ".tflite": ("litert", ("ai_edge_litert",)),
    "": ("saved_model", ()),
}


def run(options):
    """Export; whatever can be refused is, before TensorFlow is imported."""
    need_skops()
    suffix = Path(options.out).suffix.lower()
    if suffix not in _FORMATS:
        raise Refusal(f"--out={options.out} ends in {suffix!r}; it takes .onnx, .tflite, or a folder without a suffix.")
    format, packages = _FORMATS[suffix]
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise Refusal(f"{suffix} needs {' and '.join(missing)}: pip install 'skimbalance[export]'.")
    if suffix:
        check_file(options.out, options.model, "export")
    elif not Path(options.out).parent.is_dir():
        raise Refusal(f"--out={options.out} cannot be written; its folder does not exist.")
    about = read_about(options.model)
    classifier = read_classifier(options.model)
    from skimbalance import export

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            export(classifier, options.out, format=format)
        except (ValueError, FileExistsError, ImportError) as error:
            raise Refusal(f"{options.model} cannot be exported. {error}") from None
    say(version_notes(about) + [str(one.message) for one in heard])
    show(f"Inputs: {', '.join(map(str, classifier.columns_.names))}.")
    dates = [column["name"] for column in about["columns"] if column["kind"] == "date"]
    if dates:
        show(f"Dates ({', '.join(dates)}) are given by their parts, as --dates expand makes them.")
    show(f"It predicts as the model does, compared on made-up rows. Written to {options.out}")
    return 0
