"""The parents that a mergekit configuration names.

The format (mergekit's ``mergekit_config.yml``): ``merge_method``, an optional ``base_model``, and one of ``models`` (each with
``parameters``), ``slices`` (each with ``sources``) or ``modules`` (each with ``models`` or ``slices``). A model is written
``path@revision+adapter@revision``, or as a mapping with ``model`` and ``lora``, of which each may be a mapping with ``path``.
"""

from collections.abc import Iterator, Mapping, Sequence

from provenance.intake.documents import Value

MERGE_CONFIG_NAMES = ("mergekit_config.yml", "mergekit_config.yaml", "mergekit-config.yml")
# Far beyond any weight in use, and far below where sums of floats go wrong.
_MAX_WEIGHT = 1e6


def merge_parents(config: Mapping[str, Value]) -> dict[str | None, float | None]:
    """The models and adapters that went into a merge, each with its share where the configuration settles it.

    A share is settled by the linear method alone, when every weight is one number: there the result is the sum of the parents,
    each times its weight over the sum of the weights. Other methods mix by direction or by sign, layer by layer.

    Returns:
        Name to share in [0, 1] or None. A model that is given by anything but text has the name None.
    """
    parents: dict[str | None, float | None] = {}
    for reference in _references(config):
        for name in _names(reference):
            parents.setdefault(name, None)
    parents.update(_linear_shares(config))
    return parents


def _references(config: Mapping[str, Value]) -> Iterator[Value]:
    if config.get("base_model") is not None:
        yield config["base_model"]
    for entry in _mappings(config.get("models")):
        yield entry.get("model")
    for output in _mappings(config.get("slices")):
        if output.get("base_model") is not None:
            yield output["base_model"]
        for source in _mappings(output.get("sources")):
            yield source.get("model")
    modules = config.get("modules")
    for module in modules.values() if isinstance(modules, Mapping) else ():
        if isinstance(module, Mapping):
            # A module holds models or slices, and no modules of its own.
            yield from _references({key: value for key, value in module.items() if key != "modules"})


def _names(reference: Value) -> Iterator[str | None]:
    """The names in one reference: the model's, then its adapter's; None where no text is found."""
    if isinstance(reference, str):
        for part in reference.split("+", maxsplit=1):
            yield part.partition("@")[0]
    elif isinstance(reference, Mapping):
        yield _path(reference.get("model", reference))
        if reference.get("lora") is not None:
            yield _path(reference["lora"])
    else:
        yield None


def _path(value: Value) -> str | None:
    path = value.get("path") if isinstance(value, Mapping) else value
    return path.partition("@")[0] if isinstance(path, str) else None


def _linear_shares(config: Mapping[str, Value]) -> dict[str | None, float | None]:
    if config.get("merge_method") != "linear":
        return {}
    weights: dict[str | None, float] = {}
    for entry in _mappings(config.get("models")):
        parameters = entry.get("parameters")
        weight = parameters.get("weight") if isinstance(parameters, Mapping) else None
        names = list(_names(entry.get("model")))
        if len(names) != 1 or not isinstance(weight, int | float) or not 0 <= weight <= _MAX_WEIGHT:
            return {}
        weights[names[0]] = weights.get(names[0], 0.0) + weight
    total = sum(weights.values())
    options = config.get("parameters")
    normalized = not isinstance(options, Mapping) or options.get("normalize") is not False
    if not normalized or total == 0:
        return {}
    return {name: weight / total for name, weight in weights.items()}


def _mappings(value: Value) -> Sequence[Mapping[str, Value]]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    return [entry for entry in value if isinstance(entry, Mapping)]
