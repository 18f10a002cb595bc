"""A frame of scores that shows three decimals and all columns, whatever pandas is set to."""

import pandas as pd


class ScoreFrame(pd.DataFrame):
    """A pandas DataFrame that is shown to three decimals, with all columns; it holds all digits."""

    @property
    def _constructor(self):
        """What a selection of rows or columns is."""
        return ScoreFrame

    def __repr__(self):
        """Return the frame as text."""
        with _as_scores():
            return super().__repr__()

    def _repr_html_(self):
        """Return the frame as HTML, for notebooks."""
        with _as_scores():
            return super()._repr_html_()


def _as_scores():
    """Set, for as long as a frame is written, how."""
    return pd.option_context(
        "display.max_columns", None, "display.float_format", "{:.3f}".format, "display.max_colwidth", 60
    )
