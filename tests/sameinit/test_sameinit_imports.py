"""Importing the package costs no numerics; those come with the first comparison."""

import subprocess
import sys

import pytest


def test_importing_the_package_loads_no_numerics() -> None:
    script = "import sys, provenance.sameinit as s; assert 'numpy' not in sys.modules; s.compare; print('scipy.stats' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    import provenance.sameinit

    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = provenance.sameinit.nothing
