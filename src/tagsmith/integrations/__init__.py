"""tagsmith inside other libraries: a module for each, which nothing imports until it is asked for."""
