"""The report as one HTML page that needs nothing else."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from simplicity_sweep.report.caveats import caveats
from simplicity_sweep.report.decision.choice import Decision
from simplicity_sweep.report.decision.requirements import Limit, Objective, Requirements, Wish
from simplicity_sweep.report.effects import Effect, Effects
from simplicity_sweep.report.figures import Figures, as_svgs
from simplicity_sweep.report.findings.verdicts import METHOD, Finding
from simplicity_sweep.report.importance import Importances
from simplicity_sweep.report.labels import counted, in_order, label, on_validation
from simplicity_sweep.report.results import Results
from simplicity_sweep.report.rounding import rounded
from simplicity_sweep.report.search.importance import SearchImportance
from simplicity_sweep.report.statistics import Difference
from simplicity_sweep.report.table import Row, main_rows

_SIGNS = {
    "holds": "✓",
    "does not hold": "✗",
    "undecided": "?",
    "meaningless": "∅",
    "not tested": "–",
    "higher": "↑",
    "lower": "↓",
    "no difference shown": "≈",
    "degenerate": "†",
    "undefined": "–",
    "recommended": "★",
    "admissible": "✓",
    "inadmissible": "✗",
    "unfinished": "–",
}
_MOST_NAMED = 12  # settings in a sentence


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that a page shows.

    Attributes:
        results: of the sweep.
        decision: what to choose; or why nothing is recommended, in words.
        rows: of the summary table.
        figures: what is drawn.
        effects: against the base.
        findings: of the source study's claims.
        importances: of hyperparameters.
        sought: what they decide of a search's objectives; empty where there is no search.
        rebuild: the command that makes this page again.
        files: what lies beside the page, by name, and what each is.
    """

    results: Results
    decision: Decision | str
    rows: Sequence[Row]
    figures: Figures
    effects: Effects
    findings: Sequence[Finding]
    importances: Importances
    sought: Sequence[SearchImportance]
    rebuild: str
    files: Mapping[str, str]


def page(report: Report) -> str:
    """The page as HTML, the same for equal reports; everything that a user named is escaped."""
    rows = main_rows(report.rows)
    measurements = list(dict.fromkeys(row.measurement for row in rows))
    return _template().render(
        report=report,
        results=report.results,
        decision=None if isinstance(report.decision, str) else report.decision,
        no_decision=report.decision if isinstance(report.decision, str) else "",
        caveats=caveats(report.results, report.effects.undefined),
        asked="" if isinstance(report.decision, str) else asked(report.decision.requirements),
        compared=_compared(report.results),
        trained=_trained(report.results),
        measurements=measurements,
        cells={(row.setting, row.measurement): row for row in rows},
        effects={(effect.setting, effect.measurement): effect for effect in report.effects.rows},
        tested=_tested(report),
        claims=_by_claim(report.findings),
        method=METHOD,
        pictures=[(picture, [Markup(svg) for svg in as_svgs(picture)]) for picture in report.figures.pictures],
        style=Markup(_text("page.css")),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(counted=counted, label=label, on_validation=on_validation)
    environment.filters.update(
        sign=_sign, percent=_percent, change=_change, difference=_difference, p=_p, coded=_coded, chosen=_chosen
    )
    return environment.get_template("page.html")


def _text(name: str) -> str:
    return files("simplicity_sweep.report").joinpath(name).read_text(encoding="utf-8")


def _compared(results: Results) -> str:
    """Which settings: their names, or how many where there are too many to name."""
    if len(results.settings) > _MOST_NAMED:
        return f"{len(results.settings)} settings, against {results.base}"
    return f"{counted(len(results.settings), 'setting')}: {', '.join(results.settings)}"


def _trained(results: Results) -> str:
    """On which data, how long, and how often."""
    about = results.about
    parts = [
        about.get("data", "data that is not recorded"),
        f"{about['epochs']} epochs" if "epochs" in about else "",
        _repeated(len(results.seeds)),
    ]
    return ", ".join(part for part in parts if part)


def _repeated(seeds: int) -> str:
    if seeds <= 1:
        return "each setting trained once"
    return f"each setting trained {seeds} times, each time with other random numbers ({seeds} seeds)"


def _tested(report: Report) -> list[str]:
    """The measurements that have effects, in the order of the table."""
    tested = {effect.measurement for effect in report.effects.rows}
    return [name for name in in_order(report.results) if name in tested]


def _by_claim(findings: Sequence[Finding]) -> list[tuple[str, list[Finding]]]:
    """Each claim's findings, and how many of its definitions have which verdict."""
    names = dict.fromkeys(finding.claim.name for finding in findings)
    grouped = [[finding for finding in findings if finding.claim.name == name] for name in names]
    return [(_tally([finding.verdict for finding in of]), of) for of in grouped]


def _tally(verdicts: Sequence[str]) -> str:
    """How often each verdict, in the order of their first.

    Example:
        >>> _tally(["holds", "undecided", "holds"])
        '✓ holds under 2, ? undecided under 1 of 3 definitions'
    """
    said = ", ".join(f"{_sign(verdict)} {verdict} under {count}" for verdict, count in Counter(verdicts).items())
    return f"{said} of {counted(len(verdicts), 'definition')}"


def asked(requirements: Requirements) -> str:
    """What is asked, in words.

    Example:
        >>> from simplicity_sweep.report.decision.requirements import parse
        >>> asked(parse(["accuracy >= best - 0.01"], ["minimise flip_rate weight 2", "lz76_path >= 3"]))
        'test accuracy at least the best − 0.01; labels flipped by noise as low as possible (weight 2); preferably \
path complexity at least 3'
    """
    return "; ".join([*map(_limit, requirements.require), *map(_objective, requirements.prefer)])


def _objective(of: Objective) -> str:
    weight = f" (weight {of.weight:g})" if of.weight != 1 else ""
    if isinstance(of, Wish):
        return f"{label(of.metric).text} as {'low' if of.aim == 'minimise' else 'high'} as possible{weight}"
    return f"preferably {_limit(of.limit)}{weight}"


def _limit(of: Limit) -> str:
    bound = str(of).partition(of.side)[2].strip().replace("best", "the best").replace("-", "−")
    return f"{label(of.metric).text} {'at least' if of.side == '>=' else 'at most'} {bound}"


def _chosen(value: object) -> str:
    """What a search chose; of a number between others four digits.

    Example:
        >>> _chosen(0.00123456), _chosen("tanh"), _chosen(3)
        ('0.001235', 'tanh', '3')
    """
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _coded(text: str) -> Markup:
    """Text with what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))


def _sign(word: str) -> str:
    return _SIGNS.get(word, "")


def _percent(share: float | None) -> str:
    """In whole percent, but never 0 or 100 where it is not.

    Example:
        >>> _percent(0.9996), _percent(0.123), _percent(None)
        ('> 99 %', '12 %', '–')
    """
    if share is None:
        return "–"
    if 0 < share < 0.005:
        return "< 1 %"
    return "> 99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


def _change(effect: Effect) -> str:
    """How large an effect is: as a share of the base where there is one."""
    if effect.relative is None:
        return _difference(effect.difference)
    size = abs(effect.relative)
    decimals = 0 if size >= 0.1 else 1 if size >= 0.001 else 2
    return f"{100 * effect.relative:+.{decimals}f} %".replace("-", "−")


def _difference(of: Difference) -> str:
    """A difference with half its interval's width."""
    return "–" if math.isnan(of.mean) else rounded(of.mean, of.low, of.high).plain.replace("-", "−")


def _p(value: float | None) -> str:
    return "–" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"
