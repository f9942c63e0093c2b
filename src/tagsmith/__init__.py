"""tagsmith trains, evaluates and runs recurrent sequence taggers."""

__version__ = "0.1.0"
