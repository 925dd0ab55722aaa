"""An Axes and a result in, the Axes back."""
