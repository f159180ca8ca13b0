"""How much of the space of objectives some settings dominate."""

from __future__ import annotations

from collections.abc import Sequence


def hypervolume(losses: Sequence[Sequence[float]], worst: Sequence[float]) -> float:
    """The volume of what is worse than one of some points and better than a reference, in the product of the units.

    By slices along the last objective (Fonseca, Paquete & López-Ibáñez 2006 without their bookkeeping): exact, and
    quick for the few points of a front.

    Args:
        losses: of each point, by objective; less is better. Points that are not better than `worst` add nothing.
        worst: the reference.

    Example:
        Two boxes of 2 × 1 and 1 × 2 share one of 1 × 1.

        >>> hypervolume([[0, 1], [1, 0]], [2, 2])
        3
    """
    points = [point for point in losses if all(loss < limit for loss, limit in zip(point, worst, strict=True))]
    if not points:
        return 0
    if len(worst) == 1:
        return worst[0] - min(point[0] for point in points)
    heights = sorted({point[-1] for point in points})
    slices = zip(heights, [*heights[1:], worst[-1]], strict=True)
    return sum(
        (top - low) * hypervolume([point[:-1] for point in points if point[-1] <= low], worst[:-1])
        for low, top in slices
    )
