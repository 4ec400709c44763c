"""How fast content is digested, beside plain reads of the same file in the same run, and what bounds it.

    python -m benchmarks.digest [--megabytes 500] [--repeats 9]

The file is random and its pages are in the page cache, so that the disk plays no part. Two floors: reading it into one buffer that is
used again and again, where the bytes stay in the processor's cache, and `Path.read_bytes`, where each lands in memory of its own. The
rows in italics take the digest apart: BLAKE3 over bytes that are in memory already, and mapping the file and looking at one byte of
each page.
"""

import argparse
import mmap
import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from blake3 import blake3

from benchmarks.measuring import MEGABYTE, in_turn, markdown, seconds, spread
from provenance.digests import DigestAlgorithm, digest_file

BLOCK = 1 << 20
WINDOW = 256 << 20


def make_file(path: Path, megabytes: int) -> None:
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(MEGABYTE))


def read_plainly(path: Path) -> None:
    """Reads a file in blocks of 1 MiB into one buffer, and does nothing with them."""
    buffer = bytearray(BLOCK)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def touch_pages(path: Path) -> None:
    """Maps a file by windows and looks at one byte of each page."""
    size = path.stat().st_size
    with path.open("rb") as file:
        for start in range(0, size, WINDOW):
            length = min(WINDOW, size - start)
            with mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ, offset=start) as window:
                window[:: mmap.PAGESIZE]


def methods(path: Path) -> dict[str, Callable[[], object]]:
    content = path.read_bytes()
    return {
        "plain read, one 1 MiB buffer": lambda: read_plainly(path),
        "plain read, `read_bytes`": path.read_bytes,
        "**BLAKE3, `digest_file`**": lambda: digest_file(path),
        "SHA-256, `digest_file`": lambda: digest_file(path, DigestAlgorithm.SHA256),
        "*BLAKE3 of bytes in memory, one core*": lambda: blake3(content),
        "*BLAKE3 of bytes in memory, all cores*": lambda: blake3(content, max_threads=blake3.AUTO),
        "*map, one byte a page*": lambda: touch_pages(path),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=500, help="size of the file")
    parser.add_argument("--repeats", type=int, default=9, help="how often each is measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.bin"
        make_file(path, options.megabytes)
        works = methods(path)
        taken = in_turn(
            {name: lambda work=work: seconds(work) for name, work in works.items()}, options.repeats
        )
    middle = {name: statistics.median(values) for name, values in taken.items()}
    buffered, whole, *_ = middle.values()
    rows = [
        (
            name,
            f"{options.megabytes / middle[name]:,.0f}",
            f"{buffered / middle[name]:.0%}",
            f"{whole / middle[name]:.0%}",
            spread(values),
        )
        for name, values in taken.items()
    ]
    columns = ("", "MB/s", "of the read into a buffer", "of `read_bytes`", "least to greatest time")
    print(markdown(columns, rows))


if __name__ == "__main__":
    main()
