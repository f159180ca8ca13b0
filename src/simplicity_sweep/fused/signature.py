"""Which members may be stepped together, and why one cannot be."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from simplicity_sweep.fused.contents import contents
from simplicity_sweep.fused.member import Member, Work
from simplicity_sweep.fused.optimizers import SUPPORTED, unsupported_option

# Lightning calls these around every step; the stacked step does not, so a module that overrides one is not fused.
STEP_HOOKS = (
    "backward",
    "configure_gradient_clipping",
    "on_after_backward",
    "on_before_backward",
    "on_before_optimizer_step",
    "on_before_zero_grad",
    "on_train_batch_end",
    "on_train_batch_start",
    "optimizer_step",
    "optimizer_zero_grad",
    "transfer_batch_to_device",
    "on_before_batch_transfer",
    "on_after_batch_transfer",
)
_PART_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
# What nn.Module and LightningModule keep for themselves; none of it reaches the mathematics of a step.
INTERNAL = frozenset(vars(nn.Module())) | {
    "_compiler_ctx",
    "_current_fx_name",
    "_device_mesh",
    "_example_input_array",
    "_fabric",
    "_fabric_optimizers",
    "_hparams",
    "_hparams_initial",
    "_hparams_name",
    "_log_hyperparams",
    "_metric_attributes",
    "_param_requires_grad_state",
    "_strict_loading",
    "_trainer",
    "allow_zero_length_dataloader_with_multiple_devices",
    "prepare_data_per_node",
}


def why_not_fusable(member: Member) -> str | None:
    """Why `member` cannot be part of a stacked program, in a sentence, or None if it can, as far as one sees.

    Whether its `training_step` can be stacked is only known once it has been traced.

    >>> module = nn.Linear(2, 2)
    >>> why_not_fusable(Member(module, torch.optim.Adagrad(module.parameters())))
    'the optimiser is Adagrad; Adam, AdamW and SGD can be stacked'
    """
    for reason in (_optimizer_problem, _parameter_problem, _hook_problem, _part_problem, _state_problem):
        if problem := reason(member):
            return problem
    return None


def signature(member: Member, work: Work) -> Hashable:
    """A key; members with equal keys may be stepped together, on equally many batches of equal shape.

    It holds what the stacked program is made of: the module's classes, its parameters and buffers, the constants that
    its parts hold, the training flags, the optimiser's class, and the shapes of the data. What may differ between the
    members of a group is left out: the values of the parameters, the optimiser's hyper-parameters, and attributes and
    `hparams` of their names. Where a step reads one of those, `settings` belongs to the key too.
    """
    return structure(member), shape(work)


def shape(work: Work) -> Hashable:
    """The part of `signature` that does not depend on the member."""
    data = (work.inputs.shape[1:], work.inputs.dtype, work.labels.shape[1:], work.labels.dtype)
    return (work.batch_size, len(work.order), data, str(work.inputs.device), str(work.where))


def structure(member: Member) -> Hashable:
    """The part of `signature` that does not depend on the work."""
    module, optimizer = member.module, member.optimizer
    ignored = hyper_parameters(member)
    return (
        type(optimizer),
        bool(optimizer.defaults.get("fused")),
        tuple(_tensors(module)),
        tuple(
            (
                path,
                type(part),
                part.training,
                part.extra_repr(),
                _constants(part, ignored if not path else frozenset()),
            )
            for path, part in _own_parts(module)
        ),
    )


def hyper_parameters(member: Member) -> frozenset[str]:
    """Names of what may differ between the members of a group."""
    return frozenset(member.optimizer.defaults) | {"seed"}


def _tensors(module: nn.Module) -> list[Hashable]:
    named = [*module.named_parameters(), *module.named_buffers()]
    return [(name, tensor.shape, tensor.dtype, str(tensor.device)) for name, tensor in named]


def _own_parts(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """By path, the parts of `module` that a step may compute with: all but metrics of torchmetrics, whose state changes
    from validation to validation. A step that updates one is refused when it is traced."""
    return ((path, part) for path, part in module.named_modules() if not hasattr(part, "add_state"))


def _constants(part: nn.Module, ignored: frozenset[str]) -> Hashable:
    """The attributes of `part` that a trace would take for constants; for the outermost module also its `hparams`."""
    own = {name: value for name, value in vars(part).items() if name not in INTERNAL}
    own.update(vars(part).get("_hparams") or {})
    return contents(own, ignored)


def _optimizer_problem(member: Member) -> str | None:
    optimizer = member.optimizer
    if type(optimizer) not in SUPPORTED:
        return f"the optimiser is {type(optimizer).__name__}; Adam, AdamW and SGD can be stacked"
    if len(optimizer.param_groups) != 1:
        return f"the optimiser has {len(optimizer.param_groups)} parameter groups; one can be stacked"
    held = optimizer.param_groups[0]["params"]
    own = list(member.module.parameters())
    if {id(p) for p in held} != {id(p) for p in own} or len(held) != len(own):
        return "the optimiser does not hold exactly the parameters of the module"
    return unsupported_option(optimizer.param_groups[0])


def _state_problem(member: Member) -> str | None:
    """The parameters must have made equally many steps, which they have not after a time in which some were frozen."""
    states = [member.optimizer.state.get(p, {}) for p in member.optimizer.param_groups[0]["params"]]
    if _steps_differ(states):
        return "the optimiser has made more steps with some parameters than with others"
    return None


def _steps_differ(states: Sequence[Mapping[str, Any]]) -> bool:
    if len({frozenset(name for name, value in state.items() if value is not None) for state in states}) > 1:
        return True
    counts = [state["step"] for state in states if isinstance(state.get("step"), Tensor)]
    return bool(counts) and len(set(torch.stack(counts).tolist())) > 1


def _parameter_problem(member: Member) -> str | None:
    named = list(member.module.named_parameters(remove_duplicate=False))
    if not named:
        return "the module has no parameters"
    if len({id(p) for _, p in named}) < len(named):
        return "two names of the module share one parameter"
    if frozen := [name for name, p in named if not p.requires_grad]:
        return f"the parameter {frozen[0]} is frozen"
    first = named[0][1]
    if not first.is_floating_point():
        return f"the parameters are {first.dtype}; real floating-point numbers can be stacked"
    for name, p in named:
        if (p.dtype, p.device) != (first.dtype, first.device):
            return f"the parameter {name} differs in dtype or device from {named[0][0]}"
        if p._backward_hooks:
            return f"the parameter {name} has a gradient hook"
    return None


def _hook_problem(member: Member) -> str | None:
    kind = type(member.module)
    base = next((c for c in kind.__mro__ if c.__name__ == "LightningModule"), None)
    for hook in STEP_HOOKS if base else ():
        if getattr(kind, hook, None) is not getattr(base, hook, None):
            return f"the module overrides {hook}, which the stacked step does not call"
    return None


def _part_problem(member: Member) -> str | None:
    for path, part in _own_parts(member.module):
        if any(vars(part)[hooks] for hooks in _PART_HOOKS):
            return f"{path or 'the module'} has a forward or backward hook"
        for name, value in vars(part).items():
            if name not in INTERNAL and (held := _held_tensor(value)):
                where = f"{path}.{name}" if path else name
                return f"{held} in {where} is neither a parameter nor a buffer; use register_buffer"
    return None


def _held_tensor(value: object) -> str | None:
    """What `value` holds, in plain containers too, that a program would take for a constant; None if nothing."""
    if isinstance(value, Tensor):
        return "the tensor"
    if isinstance(value, nn.Module) and any(True for _ in itertools.chain(value.parameters(), value.buffers())):
        return "the module"
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple | deque) else ()
    return next(filter(None, map(_held_tensor, items)), None)
