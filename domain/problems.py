"""The base of what can be wrong with what people hand in."""


class Problem(ValueError):
    """Something that the person who handed it in can put right; the text says how."""
