"""The command line: read a file, compare strategies, print the result."""


class Refusal(Exception):
    """Error of the command line, whose message is printed without a traceback."""
