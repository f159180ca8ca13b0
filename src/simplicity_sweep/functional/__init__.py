"""Pure functions that measure how complex and how sensitive a network is.

They need torch and NumPy only; numba, where it is installed, makes the Lempel–Ziv parses fast.
"""

from simplicity_sweep.functional.attacks import fgsm, pgd, worst_case_flip
from simplicity_sweep.functional.boolean import (
    boolean_inputs,
    boolean_sensitivity,
    boolean_sensitivity_sampled,
    fourier_coefficients,
    fourier_weights,
    influences,
    noise_stability,
    truth_table,
)
from simplicity_sweep.functional.complexity import deflate_logits, lz76_errors, lz76_labels, lz76_path
from simplicity_sweep.functional.deflate import deflate, guan_bytes, raw_bytes
from simplicity_sweep.functional.degeneracy import degenerate, degenerate_outputs, distinct_predictions
from simplicity_sweep.functional.encoding import (
    binarised,
    by_true_class,
    labels,
    labels_along_paths,
    path_pairs,
    path_points,
)
from simplicity_sweep.functional.estimate import Estimate, mean_over_inputs, undefined
from simplicity_sweep.functional.evaluation import evaluating, outputs_of, rows_at_once, rows_in_memory
from simplicity_sweep.functional.hutchinson import jacobian_norm_differences, jacobian_norm_hutchinson
from simplicity_sweep.functional.jacobian import (
    jacobian_gram,
    jacobian_norm_logits,
    jacobian_norm_probabilities,
)
from simplicity_sweep.functional.lempel_ziv import lz76, lz76_batch, lz76_rate, lz76_relative, lz78, lz_dcl
from simplicity_sweep.functional.quantisation import quantile_edges, quantised
from simplicity_sweep.functional.sensitivity import (
    change_rate,
    disturbed_outputs,
    flip_rate,
    noise_l2,
    noise_relative,
    noise_rows,
    noisy_inputs,
    noisy_outputs,
    output_spread,
    with_noise,
)

__all__ = [
    "Estimate",
    "binarised",
    "boolean_inputs",
    "boolean_sensitivity",
    "boolean_sensitivity_sampled",
    "by_true_class",
    "change_rate",
    "deflate",
    "deflate_logits",
    "degenerate",
    "degenerate_outputs",
    "distinct_predictions",
    "disturbed_outputs",
    "evaluating",
    "fgsm",
    "flip_rate",
    "fourier_coefficients",
    "fourier_weights",
    "guan_bytes",
    "influences",
    "jacobian_gram",
    "jacobian_norm_differences",
    "jacobian_norm_hutchinson",
    "jacobian_norm_logits",
    "jacobian_norm_probabilities",
    "labels",
    "labels_along_paths",
    "lz76",
    "lz76_batch",
    "lz76_errors",
    "lz76_labels",
    "lz76_path",
    "lz76_rate",
    "lz76_relative",
    "lz78",
    "lz_dcl",
    "mean_over_inputs",
    "noise_l2",
    "noise_relative",
    "noise_rows",
    "noise_stability",
    "noisy_inputs",
    "noisy_outputs",
    "output_spread",
    "outputs_of",
    "path_pairs",
    "path_points",
    "pgd",
    "quantile_edges",
    "quantised",
    "raw_bytes",
    "rows_at_once",
    "rows_in_memory",
    "truth_table",
    "undefined",
    "with_noise",
    "worst_case_flip",
]
