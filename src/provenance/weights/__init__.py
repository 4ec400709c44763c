"""Weights: checkpoints as streams of tensors, never loaded whole, never unpickled.

- `provenance.weights.dtypes`: the element types of safetensors, and how each becomes float32.
- `provenance.weights.header`: one file's header, checked before a byte of it is believed.
- `provenance.weights.hints`: what a model's own metadata says of its geometry.
- `provenance.weights.tensor`: one tensor, read by ranges of rows, and the file it lies in.
- `provenance.weights.checkpoint`: a file, a sharded checkpoint or a model folder as one set of named tensors.
- `provenance.weights.gguf`: GGUF files, their header checked before a byte of it is believed.
- `provenance.weights.families`: which tensor names play which role, architecture by architecture, as data.
- `provenance.weights.roles`: the parts that a checkpoint's tensors play in its network.
"""
