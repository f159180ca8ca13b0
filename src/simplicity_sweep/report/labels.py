"""What measurements and settings are called where people read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from simplicity_sweep.report.results import Results

Kind = Literal["performance", "complexity", "sensitivity", "other"]

CONTROLS = {"shuffled": "outputs shuffled", "true_labels": "true labels", "initial": "before training"}
"""Null controls, in their order, and what they are called."""

_ORDER: Sequence[Kind] = ("performance", "complexity", "sensitivity", "other")
_SHORT = 30  # characters of a setting's name that a figure has room for


@dataclass(frozen=True)
class Label:
    """What a measurement is called.

    Attributes:
        text: its name for people.
        unit: what it is counted in.
        kind: what it says something about.
    """

    text: str
    unit: str
    kind: Kind

    @property
    def axis(self) -> str:
        """Name and unit, as an axis has them."""
        return f"{self.text} ({self.unit})" if self.unit else self.text


_LABELS = {
    "accuracy": Label("test accuracy", "share", "performance"),
    "r2": Label("test R²", "share of variance", "performance"),
    "macro_f1": Label("test macro F1", "share", "performance"),
    "label_accuracy": Label("test accuracy of single labels", "share", "performance"),
    "subset_accuracy": Label("test accuracy of whole sets", "share", "performance"),
    "mae": Label("mean absolute error", "standard deviations", "performance"),
    "mae_in_units": Label("mean absolute error", "the targets' units", "performance"),
    "loss": Label("test loss", "", "performance"),
    "lz76_path": Label("path complexity", "LZ76 components", "complexity"),
    "lz76_labels": Label("label-sequence complexity", "LZ76 components", "complexity"),
    "lz76_errors": Label("error complexity", "LZ76 components", "complexity"),
    "deflate_logits": Label("compressed logits", "bytes", "complexity"),
    "noise_l2_logits": Label("noise response, logits", "L2 norm", "sensitivity"),
    "noise_l2_probabilities": Label("noise response, probabilities", "L2 norm", "sensitivity"),
    "jacobian_norm_logits": Label("Jacobian norm, logits", "Frobenius norm", "sensitivity"),
    "jacobian_norm_probabilities": Label("Jacobian norm, probabilities", "Frobenius norm", "sensitivity"),
    "noise_relative": Label("relative noise response", "ratio", "sensitivity"),
    "bin_change_rate": Label("bins changed by noise", "share", "sensitivity"),
    "label_set_change_rate": Label("sets of labels changed by noise", "share", "sensitivity"),
    "noise_l2_outputs": Label("noise response, outputs", "L2 norm", "sensitivity"),
    "jacobian_norm_outputs": Label("Jacobian norm, outputs", "Frobenius norm", "sensitivity"),
    "flip_rate": Label("labels flipped by noise", "share", "sensitivity"),
    "worst_case_flip": Label("labels flipped by attack", "share", "sensitivity"),
    "degenerate": Label("degenerate", "share", "other"),
}
_KINDS: Sequence[tuple[str, Kind]] = (
    ("lz", "complexity"),
    ("deflate", "complexity"),
    ("noise", "sensitivity"),
    ("jacobian", "sensitivity"),
    ("flip", "sensitivity"),
    ("boolean_sensitivity", "sensitivity"),
    ("worst_case", "sensitivity"),
)


def label(measurement: str) -> Label:
    """What a measurement is called; one that is not known here keeps its own name.

    Example:
        >>> label("lz76_path").axis
        'path complexity (LZ76 components)'
        >>> label("noise_l1_logits")
        Label(text='noise_l1_logits', unit='', kind='sensitivity')
    """
    known = _LABELS.get(measurement)
    kind: Kind = next((kind for start, kind in _KINDS if measurement.startswith(start)), "other")
    return known or Label(measurement, "", kind)


def on_validation(objective: str) -> str:
    """What an objective of a search is called; its figures are those on the validation set.

    Example:
        >>> on_validation("val/accuracy"), on_validation("val/lz76_path")
        ('accuracy', 'path complexity')
    """
    return label(objective.removeprefix("val/")).text.removeprefix("test ")


def measured(results: Results, kind: Kind) -> list[str]:
    """The measurements of a kind for which there is a number, the best known first.

    A measurement of no known kind that has null controls is a complexity.
    """
    return [name for name in in_order(results) if _kind(results, name) == kind and _has_value(results, name)]


def in_order(results: Results) -> list[str]:
    """All measurements: of performance, of complexity, of sensitivity, others; in each the best known first."""
    known = list(_LABELS)
    places = {name: known.index(name) if name in known else len(known) for name in results.measurements}
    return sorted(places, key=lambda name: (_ORDER.index(_kind(results, name)), places[name], name))


def controls(results: Results, measurement: str) -> list[str]:
    """The null controls of a measurement for which there is a number, in their order."""
    start = f"null/{measurement}/"
    names = {
        name.removeprefix(start) for job in results.finished.values() for name in job.figures if name.startswith(start)
    }
    known = [name for name in CONTROLS if name in names]
    ordered = [*known, *sorted(names - set(CONTROLS))]
    return [name for name in ordered if any(results.values(setting, start + name) for setting in results.settings)]


def short_names(settings: Sequence[str]) -> dict[str, str]:
    """By setting, a name that a figure has room for, different for each.

    Where every name is a list of the same keys, such as `activation=tanh optim.lr=0.1`, the values remain.

    Example:
        >>> list(short_names(["activation=tanh optim.lr=0.1", "activation=relu optim.lr=0.1"]).values())
        ['tanh, 0.1', 'relu, 0.1']
        >>> list(short_names(["base", "<a name that is too long for a figure>"]).values())
        ['base', '<a name that is…g for a figure>']
    """
    shared = bool(common_keys(settings))
    names = {setting: _values(setting) if shared else " ".join(setting.split()) for setting in settings}
    cut = {setting: _cut(name) for setting, name in names.items()}
    if len(set(cut.values())) == len(cut):
        return cut
    return {setting: f"{number}: {name}" for number, (setting, name) in enumerate(cut.items(), 1)}


def common_keys(settings: Sequence[str]) -> str:
    """What the values of `short_names` belong to, e.g. `activation, optim.lr`; empty where the names are whole."""
    keys = {tuple(word.partition("=")[0] for word in setting.split()) for setting in settings}
    assigned = all("=" in word for setting in settings for word in setting.split())
    return ", ".join(keys.pop()) if len(keys) == 1 and assigned else ""


def counted(count: int, noun: str) -> str:
    """A number of things.

    Example:
        >>> counted(1, "seed"), counted(3, "seed")
        ('1 seed', '3 seeds')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def over_seeds(counts: Iterable[int]) -> str:
    """From how many seeds figures are, for a caption.

    Example:
        >>> over_seeds([5, 5]), over_seeds([5, 3, 0])
        ('n = 5 seeds', 'n = 3 to 5 seeds')
    """
    found = sorted({count for count in counts if count})
    if len(found) > 1:
        return f"n = {found[0]} to {found[-1]} seeds"
    return f"n = {counted(found[0], 'seed')}" if found else "no result"


def _kind(results: Results, measurement: str) -> Kind:
    kind = label(measurement).kind
    return "complexity" if kind == "other" and controls(results, measurement) else kind


def _has_value(results: Results, measurement: str) -> bool:
    return any(results.values(setting, f"test/{measurement}") for setting in results.settings)


def _values(setting: str) -> str:
    return ", ".join(word.partition("=")[2] for word in setting.split())


def _cut(name: str) -> str:
    half = _SHORT // 2
    return name if len(name) <= _SHORT else f"{name[:half]}…{name[-half:]}"
