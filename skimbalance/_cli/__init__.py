"""The command line: read a file, compare strategies, print the result."""


class Refusal(Exception):
    """What keeps a command from being run, in sentences for the person in front of the terminal."""
