"""The method by which sketches are drawn, apart from what draws them: asking whether there is a sketch loads no numerics."""

METHOD = "sameinit-sketch@2"
"""Only sketches of one method can be compared."""
