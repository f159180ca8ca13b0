"""A traced step, made ready to be run many times."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from simplicity_sweep.fused import peephole
from simplicity_sweep.fused.invariance import keeps_bits
from simplicity_sweep.fused.liveness import peak_bytes
from simplicity_sweep.fused.member import NotFusable

aten = torch.ops.aten


@dataclass(frozen=True)
class Draw:
    """Random numbers that a step needs: a tensor, stacked or not, every member's part from its own generator."""

    method: Callable[..., Tensor]
    shape: torch.Size
    dtype: torch.dtype
    arguments: tuple[Any, ...]

    def fill(self, numbers: Tensor, generator: torch.Generator) -> None:
        """Draws the numbers of one member, as a step of that member alone would."""
        self.method(numbers, *self.arguments, generator=generator)


@dataclass(frozen=True)
class Program:
    """A traced step of `K` stacked networks, or of one.

    Args:
        setup: takes the parameters, the buffers, the inputs, the labels, the draws and the gradients, all stacked or
            none, and all memory that stays in place, and returns what `body` takes. Called once.
        body: the step: writes the gradients, and returns the buffers in `rewritten`, the logged values, and the loss,
            each `[K]` or a scalar. Called at every step.
        draws: what must be drawn anew before each step.
        rewritten: indices of the buffers that a step changes.
        logs: by name, the index among the logged values, or the number that is always logged.
        options: by name, the keywords that came with the logged value.
        scratch_bytes: what `body` allocates at most at a time.
        invariant: whether, on a CPU, a member's bits depend neither on the others nor on how many they are.
    """

    setup: Callable[..., tuple[Tensor, ...]]
    body: Callable[..., tuple[Tensor, ...]]
    draws: tuple[Draw, ...]
    rewritten: tuple[int, ...]
    logs: dict[str, int | float]
    options: dict[str, dict[str, Any]]
    scratch_bytes: int
    invariant: bool


def compile_step(
    graph: fx.Graph,
    params: Sequence[str],
    buffers: int,
    logged: Mapping[str, Tensor | float],
    options: dict[str, dict[str, Any]],
) -> Program:
    """The program of a traced step.

    Args:
        graph: (parameters, buffers, inputs, labels) → (gradients, buffers, logged values, loss), all stacked or none.
        params: the names of the parameters.
        buffers: how many buffers there are.
        logged: what the step logs; a number is the same at every step.
        options: by name, the keywords that came with the logged value.

    Raises:
        NotFusable: if a parameter gets no gradient, or the step draws random numbers in a way that cannot be stacked.
    """
    inputs = [node for node in graph.nodes if node.op == "placeholder"]
    draws = _lift_draws(graph)
    graph.eliminate_dead_code()
    while peephole.drop_no_ops(graph) or peephole.merge_biases(graph):
        pass
    peephole.forget_strides(graph)
    peephole.fill_by_shape(graph)
    results: list[fx.Node] = list(graph.output_node().args[0])  # type: ignore[arg-type]
    grads, new = results[: len(params)], results[len(params) : len(params) + buffers]
    _refuse_missing(params, grads)
    rewritten = tuple(i for i, node in enumerate(new) if node is not inputs[len(params) + i])
    values = [_lasting(graph, node) for node in results[len(params) + buffers :]]
    kept = [*(new[i] for i in rewritten), *values]
    invariant = keeps_bits(graph, inputs[: len(params)])
    peephole.write_into(graph, grads, _gradient_inputs(graph, inputs[: len(params)]), kept)
    tensors = [name for name, value in logged.items() if isinstance(value, Tensor)]
    logs = {n: tensors.index(n) if isinstance(v, Tensor) else float(v) for n, v in logged.items()}
    setup, body = _split(graph)
    return Program(_function(setup), _function(body), draws, rewritten, logs, options, peak_bytes(body), invariant)


_DRAWS: dict[Any, Callable[..., Tensor]] = {
    aten.bernoulli.p: Tensor.bernoulli_,
    aten.rand_like.default: Tensor.uniform_,
    aten.randn_like.default: Tensor.normal_,
    aten.rand.default: Tensor.uniform_,
    aten.randn.default: Tensor.normal_,
}


def _lift_draws(graph: fx.Graph) -> tuple[Draw, ...]:
    """Makes every draw of random numbers an input of the step, so that each member's come from its own generator."""
    draws = []
    last = next(node for node in reversed(graph.nodes) if node.op == "placeholder")
    for node in list(graph.nodes):
        if node.op != "call_function" or torch.Tag.nondeterministic_seeded not in getattr(node.target, "tags", ()):
            continue
        if node.target not in _DRAWS:
            raise NotFusable(f"training_step draws random numbers by {node.target}")
        value: Tensor = node.meta["val"]
        arguments = (node.args[1],) if node.target is aten.bernoulli.p else ()
        draws.append(Draw(_DRAWS[node.target], value.shape, value.dtype, arguments))
        with graph.inserting_after(last):
            last = graph.placeholder(f"draw_{len(draws)}")
        last.meta = dict(node.meta)
        node.replace_all_uses_with(last)
        graph.erase_node(node)
    return tuple(draws)


def _refuse_missing(params: Sequence[str], grads: Sequence[fx.Node]) -> None:
    """An optimiser passes over a parameter without a gradient; the stacked one would update it with zeros."""
    for name, grad in zip(params, grads, strict=True):
        if grad.target is torch.full:
            raise NotFusable(f"the loss does not depend on the parameter {name}")


def _gradient_inputs(graph: fx.Graph, params: Sequence[fx.Node]) -> list[fx.Node]:
    """One more input for each parameter: the memory of its gradient."""
    last = next(node for node in reversed(graph.nodes) if node.op == "placeholder")
    made: list[fx.Node] = []
    for param in params:
        with graph.inserting_after(last):
            last = graph.placeholder(f"grad_{len(made)}")
        last.meta = dict(param.meta)
        made.append(last)
    return made


def _lasting(graph: fx.Graph, node: fx.Node) -> fx.Node:
    """`node`, or a copy of it where it may be memory that the next step writes into."""
    changed = getattr(getattr(node.target, "_schema", None), "is_mutable", False)
    if node.op == "call_function" and not changed and node.target not in (*peephole.VIEWS, aten.reshape.default):
        return node
    with graph.inserting_before(graph.output_node()):
        copy = graph.call_function(aten.clone.default, (node,))
    copy.meta = dict(node.meta)
    return copy


def _split(graph: fx.Graph) -> tuple[fx.Graph, fx.Graph]:
    """The graph in two: what is the same at every step, and what is to be done at every step."""
    fixed = peephole.fixed_nodes(graph)
    used = [n for n in graph.nodes if n in fixed and any(user not in fixed for user in n.users)]
    setup, body = fx.Graph(), fx.Graph()
    first: dict[fx.Node, fx.Node] = {}
    second: dict[fx.Node, fx.Node] = {n: body.placeholder(f"fixed_{i}") for i, n in enumerate(used)}
    for node in graph.nodes:
        if node in fixed:
            first[node] = setup.node_copy(node, first.__getitem__)
        elif node.op == "output":
            body.output(tuple(second[n] for n in node.args[0]))
        else:
            second[node] = body.node_copy(node, second.__getitem__)
    setup.output(tuple(first[n] for n in used))
    for part in (setup, body):
        peephole.quicken(part)
    return setup, body


def _function(graph: fx.Graph) -> Callable[..., tuple[Tensor, ...]]:
    forward: Callable[..., tuple[Tensor, ...]] = fx.GraphModule({}, graph).forward
    return forward
