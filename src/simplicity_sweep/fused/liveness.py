"""How much memory a graph's intermediate results take."""

from __future__ import annotations

from torch import Tensor, fx

from simplicity_sweep.fused.peephole import VIEWS


def peak_bytes(graph: fx.Graph) -> int:
    """The most bytes that the results of `graph`'s operations take at a time, each being freed after its last use.

    Views take none, and neither does what is written into memory that was passed in.
    """
    last_use = {source: node for node in graph.nodes for source in node.all_input_nodes}
    live = peak = 0
    for node in graph.nodes:
        live += _allocated(node)
        peak = max(peak, live)
        live -= sum(_allocated(source) for source in node.all_input_nodes if last_use[source] is node)
    return peak


def _allocated(node: fx.Node) -> int:
    value = node.meta.get("val")
    if node.op != "call_function" or node.target in VIEWS or "out" in node.kwargs or not isinstance(value, Tensor):
        return 0
    return value.numel() * value.element_size()
