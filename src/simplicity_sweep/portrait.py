"""What a data set is, kept with the runs that are trained on it: its fingerprint, counts and a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from simplicity_sweep import artifacts
from simplicity_sweep.build import build_data
from simplicity_sweep.data import Parts, TensorData
from simplicity_sweep.tracking import Run

_SHOWN = 12  # images, or columns
_BINS = 30


def data_tags(data: TensorData) -> dict[str, str]:
    """The tags of a run that say what it is trained on: `data.fingerprint`, and `data.class_weights` if there are any.

    The fingerprint is computed once for all runs of a process that share their tensors.
    """
    tags = {"data.fingerprint": data.parts.fingerprint}
    if data.loss_weights is not None:
        names = data.parts.names or tuple(map(str, range(len(data.loss_weights))))
        pairs = zip(names, data.loss_weights, strict=True)
        tags["data.class_weights"] = ", ".join(f"{name} {weight:.4g}" for name, weight in pairs)
    return tags


def keep_portraits(run: Run, configs: Iterable[Mapping[str, Any]]) -> None:
    """Keeps the portrait of every data set that the configurations name, each once, with `run`: a sweep's."""
    seen = set()
    for config in configs:
        if (mark := repr(config["data"])) not in seen:
            seen.add(mark)
            keep_portrait(run, build_data(config).parts)


def keep_portrait(run: Run, parts: Parts) -> None:
    """Keeps a data set's picture and description as artifacts of `run`, in the folder `data`."""
    with TemporaryDirectory() as name:
        picture, text = (Path(name, f"{parts.fingerprint}.{ending}") for ending in ("png", "yaml"))
        drawn(parts).savefig(picture, dpi=100)
        text.write_text(yaml.safe_dump(described(parts), sort_keys=False, allow_unicode=True), encoding="utf-8")
        for path in (picture, text):
            run.log_file(path, artifacts.DATA)


def described(parts: Parts) -> dict[str, Any]:
    """The data set in plain values: fingerprint, sizes, the classes' names and counts, what was done to it."""
    return {
        "fingerprint": parts.fingerprint,
        "input": list(parts.train.inputs.shape[1:]),
        "examples": {name: len(split) for name, split in parts.by_name().items()},
        **({"classes": _counts(parts)} if parts.train.is_classes else {"targets": parts.outputs}),
        **({"columns": list(parts.columns)} if parts.columns else {}),
        "notes": list(parts.notes),
    }


def drawn(parts: Parts) -> Figure:
    """A picture: how many examples of each class each part has, and examples or the columns' distributions."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    halves: Any = figure.subfigures(1, 2, width_ratios=[2, 3])
    left, right = halves
    figure.suptitle(f"Data set {parts.fingerprint}")
    _draw_answers(left.subplots(), parts)
    axes = list(right.subplots(3, 4).flat)
    if parts.train.inputs.ndim in (3, 4):
        _draw_images(axes, parts)
    else:
        _draw_columns(axes, parts)
    return figure


def _counts(parts: Parts) -> dict[str, dict[str, int]]:
    """By class, how many examples each part has."""
    names = parts.names or tuple(map(str, range(parts.outputs)))
    counts = {
        part: torch.bincount(split.labels, minlength=parts.outputs).tolist() for part, split in parts.by_name().items()
    }
    return {name: {part: count[label] for part, count in counts.items()} for label, name in enumerate(names)}


def _draw_answers(axes: Axes, parts: Parts) -> None:
    if not parts.train.is_classes:
        for part, split in parts.by_name().items():
            axes.hist(split.labels[:, 0].numpy(), bins=_BINS, histtype="step", label=part)
        axes.set_xlabel("first target")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
        return
    counts = _counts(parts)
    start = [0] * len(counts)
    for part in parts.by_name():
        width = [count[part] for count in counts.values()]
        axes.barh(range(len(counts)), width, left=start, label=part)
        start = [before + more for before, more in zip(start, width, strict=True)]
    axes.set_yticks(range(len(counts)), list(counts))  # names that are digits would be taken for mistaken numbers
    axes.invert_yaxis()
    axes.set_xlabel("examples")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)


def _draw_images(axes: Sequence[Axes], parts: Parts) -> None:
    """The first training image of each class, then others."""
    labels = parts.train.labels
    if parts.train.is_classes:
        firsts = [int((labels == label).nonzero()[0]) for label in torch.unique(labels)[:_SHOWN]]
    else:
        firsts = []
    places = [*firsts, *(place for place in range(len(labels)) if place not in set(firsts))][:_SHOWN]
    for axis, place in zip(axes, places, strict=False):
        axis.imshow(_seen(parts.train.inputs[place]), cmap="gray")
        if parts.train.is_classes:
            label = int(labels[place])
            axis.set_title(parts.names[label] if parts.names else str(label), fontsize=8)
    for axis in axes:
        axis.set_axis_off()


def _seen(image: Tensor) -> Any:
    """The image from 0 to 1, colours last."""
    scaled = (image - image.min()) / (image.max() - image.min()).clamp(min=1e-12)
    if scaled.ndim == 3:
        return (scaled.permute(1, 2, 0) if len(scaled) == 3 else scaled[0]).numpy()
    return scaled.numpy()


def _draw_columns(axes: Sequence[Axes], parts: Parts) -> None:
    """The standardised values of the first columns in the training and the test part."""
    shown = {name: split.inputs.flatten(1)[:, :_SHOWN] for name, split in parts.by_name().items() if name != "val"}
    inputs = {name: values.clone() for name, values in shown.items()}  # they may lie in a file, which is read once
    names = parts.columns or tuple(f"inputs[:, {place}]" for place in range(inputs["train"].shape[1]))
    for place, (axis, name) in enumerate(zip(axes, names, strict=False)):
        for values in inputs.values():
            axis.hist(values[:, place].numpy(), bins=_BINS, density=True, histtype="step")
        axis.set_title(name, fontsize=8)
        axis.set_yticks([])
    for axis in axes[len(names) :]:
        axis.set_axis_off()
