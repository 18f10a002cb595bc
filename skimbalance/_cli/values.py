"""What do the values of options mean? Each function reads one, or says what is allowed."""

import argparse
import math
import re

_FORMS = (
    'f1, mcc, accuracy, balanced_accuracy, a threshold such as 0.3, "precision>=0.8", "recall>=0.9" (either with a '
    'confidence: "precision>=0.8@0.95"), fbeta=2, rate=0.01 or top=100'
)
_FLOOR = re.compile(r"(precision|recall)\s*>=\s*([^@\s]+)\s*(?:@\s*(\S+))?")
_NAMED = re.compile(r"(fbeta|rate|top)\s*=\s*(\S+)")


def costs(text):
    """Return costs written as fp=1,fn=25."""
    try:
        parts = [part.split("=") for part in text.split(",")]
        found = {name.strip(): float(value) for name, value in parts}
    except ValueError:
        parts, found = [], {}
    if set(found) != {"fp", "fn"} or len(parts) != 2:
        raise argparse.ArgumentTypeError(f"{text!r} are not costs; write them as fp=1,fn=25")
    for name, value in found.items():
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError(f"{name}={value:g} is not a cost; it takes a finite number above zero")
    return found


def written_costs(of, between=","):
    """Return costs as `costs` reads them."""
    return between.join(f"{name}={value:g}" for name, value in of.items())


def decision(text):
    """Return a decision rule as the parameter `decision` of the classifier takes it."""
    from skimbalance.probability.rules import parse

    floor, named = _FLOOR.fullmatch(text.strip()), _NAMED.fullmatch(text.strip())
    if floor:
        found = (floor[1], *map(_number, filter(None, floor.groups()[1:])))
    elif named:
        found = (named[1], _number(named[2]))
    else:
        found = _number(text.strip())
    try:
        parse(found, [0, 1], 1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a decision rule; it takes {_FORMS}") from None
    return found


def _number(text):
    """Return a text as an int or a float, if it is one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def at_least(least):
    """Return a parser of integers of `least` or more."""

    def number(text):
        try:
            value = int(text.replace("_", ""))
        except ValueError:
            value = None
        if value is None or value < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not an integer of {least} or more")
        return value

    return number


def separator(text):
    """Return a separator of columns; a tab may be written as two characters."""
    text = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(text) != 1 or text in '"\r\n\0':
        raise argparse.ArgumentTypeError(f"{text!r} is not a separator; it takes one character, such as ';' or tab")
    return text


def encoding(text):
    """Return the name of a text encoding of Python."""
    try:
        "a".encode(text)
    except (LookupError, ValueError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an encoding of Python, such as utf-8, cp1252, latin-1 or utf-16"
        ) from None
    return text
