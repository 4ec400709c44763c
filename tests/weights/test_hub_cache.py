"""A snapshot in the hub client's cache is a folder of links into its sibling ``blobs``: it is read, and no other link out is."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from provenance.errors import ContentError
from provenance.weights.checkpoint import Checkpoint


def test_the_weights_of_a_snapshot_are_read_through_its_links(tmp_path: Path) -> None:
    cache = tmp_path / "models--org--name"
    snapshot = cache / "snapshots" / "4f2c"
    snapshot.mkdir(parents=True)
    (cache / "blobs").mkdir()
    save_file({"w": np.ones((2, 2), np.float32)}, cache / "blobs" / "aa11")
    (snapshot / "model.safetensors").symlink_to("../../blobs/aa11")
    assert list(Checkpoint.open(snapshot).tensors) == ["w"]


def test_the_same_link_from_a_folder_that_is_no_snapshot_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "name" / "snapshots" / "4f2c"
    folder.mkdir(parents=True)
    (tmp_path / "name" / "blobs").mkdir()
    save_file({"w": np.ones((2, 2), np.float32)}, tmp_path / "name" / "blobs" / "aa11")
    (folder / "model.safetensors").symlink_to("../../blobs/aa11")
    with pytest.raises(ContentError, match="leads out of"):
        Checkpoint.open(folder)
