"""Words of others in reports: made so that no terminal, viewer or parser finds anything in them to obey."""


def one_line(value: object) -> str:
    """A value as one line that a terminal obeys nowhere: line ends, escape codes and all that has no glyph stand escaped."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in str(value))
