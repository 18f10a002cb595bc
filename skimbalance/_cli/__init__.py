"""How does the command line ask, read and answer? What it computes is what users of Python call."""


class Refusal(Exception):
    """What keeps a command from being run, in sentences for the person in front of the terminal."""
