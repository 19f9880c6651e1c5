"""The figures, one module a section: `collect` the numbers (tested), word them, draw them.

A plot function takes a run and gives a `Plot`, or None where the run has nothing to draw.
"""
