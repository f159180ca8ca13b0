"""Whether stacking leaves every member's bits as they are, on a CPU, however many are stacked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import fx

from simplicity_sweep.fused.peephole import VIEWS, shape_of

aten = torch.ops.aten

# Elements that torch's elementwise kernels do at a time: two vectors, with AVX-512 of 16 each. It is also two cache
# lines of float32, at which the operands of a matrix product must start.
_AT_A_TIME = 32
# Below this many multiply-adds torch's bmm does not call the matrix library that a network alone calls.
_SMALLEST_PRODUCT = 400
# One correctly rounded operation an element, or sums within a member: the same wherever in the stack an element lies.
_ANYWHERE = {
    aten._to_copy.default,
    aten.abs.default,
    aten.argmax.default,
    aten.clone.default,
    aten.div.Scalar,
    aten.div.Tensor,
    aten.div_.Scalar,
    aten.eq.Tensor,
    aten.gather.default,
    aten.ge.Scalar,
    aten.gt.Scalar,
    aten.le.Scalar,
    aten.lt.Scalar,
    aten.mean.dim,
    aten.mul.Scalar,
    aten.mul.Tensor,
    aten.ne.Scalar,
    aten.neg.default,
    aten.relu.default,
    aten.reshape.default,
    aten.scatter.value,
    aten.scatter_add.default,
    aten.sgn.default,
    aten.sign.default,
    aten.sum.dim_IntList,
    aten.threshold_backward.default,
    aten.where.self,
    torch.full,
}
# Computed in vectors, and what is left over one by one, which rounds differently: the same only if no member leaves
# any over.
_IN_VECTORS = {
    aten._log_softmax.default,
    aten._log_softmax_backward_data.default,
    aten.add.Scalar,
    aten.add.Tensor,
    aten.cos.default,
    aten.elu.default,
    aten.elu_backward.default,
    aten.erf.default,
    aten.exp.default,
    aten.expm1.default,
    aten.gelu.default,
    aten.gelu_backward.default,
    aten.leaky_relu.default,
    aten.leaky_relu_backward.default,
    aten.log.default,
    aten.log1p.default,
    aten.pow.Tensor_Scalar,
    aten.rsub.Scalar,
    aten.sigmoid.default,
    aten.sigmoid_backward.default,
    aten.silu.default,
    aten.sin.default,
    aten.softplus.default,
    aten.softplus_backward.default,
    aten.sqrt.default,
    aten.sub.Scalar,
    aten.sub.Tensor,
    aten.tanh.default,
    aten.tanh_backward.default,
}


def keeps_bits(graph: fx.Graph, aligned: Sequence[fx.Node]) -> bool:
    """Whether each member of the stacked step gets the bits that it would get in a stack of one.

    It is enough that the operations are known to work so, and that every member's part of a tensor fills whole
    vectors.

    Args:
        graph: the stacked step.
        aligned: inputs of which every member's part starts at a cache line, whatever its size.
    """
    lines = {
        node for node in graph.nodes if node in aligned or (hasattr(node.meta.get("val"), "shape") and _fills(node))
    }
    for node in graph.nodes:
        if node.op == "call_function" and node.target in VIEWS and node.all_input_nodes[0] in lines:
            lines.add(node)
    return all(_keeps(node, lines) for node in graph.nodes if node.op == "call_function" and node.target not in VIEWS)


def _fills(node: fx.Node) -> bool:
    """Whether a member's part is a single number or whole vectors."""
    part = math.prod(shape_of(node)[1:])
    return part == 1 or part % _AT_A_TIME == 0


def _keeps(node: fx.Node, lines: set[fx.Node]) -> bool:
    if node.target in _IN_VECTORS:
        return node in lines
    if node.target in (aten.bmm.default, aten.baddbmm.default):
        left, right = cast(tuple[fx.Node, fx.Node], node.args[-2:])
        size = math.prod(shape_of(left)[1:]) * shape_of(right)[2]
        return size >= _SMALLEST_PRODUCT and lines.issuperset({node, left, right})
    return node.target in _ANYWHERE
