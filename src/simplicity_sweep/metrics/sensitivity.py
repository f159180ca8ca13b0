"""How far a network's outputs move when its inputs are disturbed."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from simplicity_sweep.functional import Estimate, flip_rate, noise_l2, noise_relative, undefined
from simplicity_sweep.metrics.arguments import FLOATS, Space, choice, matrix
from simplicity_sweep.metrics.estimate_metric import EstimateMetric
from simplicity_sweep.metrics.layout import agreed
from simplicity_sweep.metrics.moments import mean_of, merged, no_moments, with_inputs_of

Kind = Literal["noise_l2", "noise_relative", "flip_rate"]


class Sensitivity(EstimateMetric):
    """The mean answer of a network's outputs to a disturbance of its inputs, usually noise.

    The standard error is clustered on inputs: draws of one input are no independent inputs. ``"noise_l2"`` and
    ``"flip_rate"`` keep three numbers. ``"noise_relative"`` needs the distance of each output from the mean of all, so
    it keeps all outputs in float64, ``8·n·C·(1 + draws)`` bytes.

    Args:
        kind: ``"noise_l2"`` ``E‖f(x′) − f(x)‖₂``, which grows with the scale of the outputs; ``"noise_relative"`` the
            same over the outputs' own spread ``E‖f(x) − mean f‖₂``; ``"flip_rate"``
            ``P[argmax f(x′) ≠ argmax f(x)]``.
        space: of the outputs: ``"logits"``, as they are given, or ``"probabilities"``, their softmax. The two may
            rank networks in opposite ways.
        kwargs: those of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if an argument is none of these.

    References:
        ``"noise_l2"`` is the sensitivity of Guan et al. 2024.

    Example:
        Two inputs whose outputs move by 5 and by 1.

        >>> import torch
        >>> from simplicity_sweep.metrics import Sensitivity
        >>> metric = Sensitivity("noise_l2")
        >>> metric.update(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
        >>> metric.update(torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 2.0]]))
        >>> metric.compute(), metric.standard_error
        (tensor(3., dtype=torch.float64), 2.0)

        Noise on the inputs of a network that is the same everywhere:

        >>> from simplicity_sweep.functional import noisy_outputs, outputs_of
        >>> network, noise = torch.nn.Linear(2, 3), torch.Generator().manual_seed(0)
        >>> _ = torch.nn.init.zeros_(network.weight)
        >>> relative = Sensitivity("noise_relative", space="probabilities")
        >>> for inputs in torch.ones(6, 2).split(4):
        ...     relative.update(outputs_of(network, inputs), noisy_outputs(network, inputs, noise, draws=2))
        >>> relative.compute(), relative.reason
        (tensor(nan, dtype=torch.float64), 'the outputs are constant: they have no spread to compare with')
    """

    def __init__(self, kind: Kind = "noise_l2", space: Space = "logits", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = choice("kind", kind, Kind)
        self.space = choice("space", space, Space)
        # The names say what is held: a collection lets metrics whose states are called the same share them.
        self._state, self._layout = f"{kind}_{space}", f"{kind}_{space}_layout"
        if kind == "noise_relative":
            self._add_kept(self._state, torch.float64)
            self.add_state(self._layout, torch.zeros(3, dtype=torch.int64), dist_reduce_fx=agreed)
        else:
            self.add_state(self._state, no_moments(), dist_reduce_fx=merged)

    def update(self, outputs: Tensor, noisy: Tensor) -> None:
        """Adds a batch.

        Args:
            outputs: logits for the inputs as they are, shape ``[n, C]``.
            noisy: logits for the disturbed inputs, shape ``[n, C]`` or ``[draws, n, C]``, for example from
                :func:`simplicity_sweep.functional.noisy_outputs`.

        Raises:
            TypeError: if the outputs are no floating-point numbers.
            ValueError: if the shapes do not fit; for ``"noise_relative"`` also if the number of draws, the number of
                outputs or the dtype is not that of the batches before.
        """
        outputs, noisy = matrix("outputs", outputs), noisy.detach()
        noisy = noisy.unsqueeze(0) if noisy.dim() == 2 else noisy
        if self.space == "probabilities":
            outputs, noisy = outputs.softmax(dim=-1), noisy.softmax(dim=-1)
        estimate = (flip_rate if self.kind == "flip_rate" else noise_l2)(outputs, noisy)  # refuses what does not fit
        if self.kind == "noise_relative":
            layout = torch.tensor([len(noisy), outputs.shape[1], FLOATS.index(outputs.dtype)], device=self.device)
            setattr(self, self._layout, agreed(torch.stack([getattr(self, self._layout), layout])))
            self._keep(self._state, torch.cat([outputs[None], noisy]).transpose(0, 1))
        else:
            setattr(self, self._state, with_inputs_of(getattr(self, self._state), estimate))

    def _measured(self) -> Estimate:
        if self.kind != "noise_relative":
            return mean_of(getattr(self, self._state))
        draws, classes, dtype = getattr(self, self._layout).tolist()
        if draws == 0:
            return undefined("no inputs")
        answers = self._kept(self._state).view(-1, 1 + draws, classes).transpose(0, 1)
        # What is constant up to rounding depends on the dtype in which the outputs came.
        return noise_relative(answers[0].to(FLOATS[dtype]), answers[1:])
