"""A zoo of small models whose kinship is known, and how well same-init tests tell it.

    python -m benchmarks.zoo build [--small]    # trains what is missing; kept under $PROVENANCE_ZOO or the user's cache
    python -m benchmarks.zoo judge [--small]    # compares, prints the tables, and writes them as JSON
    python -m benchmarks.zoo real               # real checkpoints, of which each is left out whose package is missing
    python -m benchmarks.zoo                    # all three

- `benchmarks.zoo.recipes`: how a model is made, as data with a digest.
- `benchmarks.zoo.models`: the architectures; weights and configuration as one value.
- `benchmarks.zoo.data`: what they are trained on: the standard library's own words, and scikit-learn's digits.
- `benchmarks.zoo.training`: from scratch, further, through an adapter, after a teacher.
- `benchmarks.zoo.compression`: quantised, pruned, merged, drowned in noise.
- `benchmarks.zoo.surgery`: other vocabularies, depths and experts; parts that are taken over.
- `benchmarks.zoo.anatomy`, `benchmarks.zoo.disguise`: the symmetries of each architecture, and what they hide.
- `benchmarks.zoo.building`: recipes to folders, once.
- `benchmarks.zoo.catalogue`: which models, and which pairs of them are related how.
- `benchmarks.zoo.judging`, `benchmarks.zoo.tables`: the comparisons, and what they amount to.
- `benchmarks.zoo.real`: checkpoints that others trained.
"""
