"""Lineage: the graph of artifacts, kinship by weights, the evidence that stands, and what is missing in an ancestry."""
