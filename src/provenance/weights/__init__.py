"""Weights: checkpoints as streams of tensors, never loaded whole, never unpickled.

- `provenance.weights.dtypes`: the element types of safetensors, and how each becomes float32.
- `provenance.weights.header`: one file's header, checked before a byte of it is believed.
- `provenance.weights.hints`: what a model's own metadata says of its geometry.
- `provenance.weights.tensor`: one tensor, read by ranges of rows, and the file it lies in.
- `provenance.weights.checkpoint`: a file, a sharded checkpoint or a model folder as one set of named tensors.
- `provenance.weights.gguf`: GGUF files, their header checked before a byte of it is believed.
- `provenance.weights.onnx`: ONNX weights as a network has them; `provenance.weights.onnx_file`: the file, its tensors left where they are;
  `provenance.weights.onnx_wire`: its bytes, field by field.
- `provenance.weights.computed`: tensors that are made of stored ones as they are read.
- `provenance.weights.packed`: quantised safetensors, by the formula of the library that wrote them.
- `provenance.weights.adapters`: low-rank adapters, merged into their base as rows are read.
- `provenance.weights.families`: which tensor names play which role, architecture by architecture, as data.
- `provenance.weights.roles`: the parts that a checkpoint's tensors play in its network; `provenance.weights.recognition`,
  `provenance.weights.geometry` and `provenance.weights.series` find them.
- `provenance.weights.network`: a checkpoint together with these parts.
"""
