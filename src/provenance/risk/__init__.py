"""Risk: policy, propagation of flags along the lineage, explanation, gate."""
