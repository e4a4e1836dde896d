"""Measures: pure functions of arrays, each with its definition, its paper and its conventions."""
