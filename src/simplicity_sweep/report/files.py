"""A report as files."""

from __future__ import annotations

from collections.abc import Mapping

from simplicity_sweep.report.decision.choice import Decision, decide
from simplicity_sweep.report.decision.requirements import Requirements
from simplicity_sweep.report.effects import effects
from simplicity_sweep.report.figures import as_files, figures
from simplicity_sweep.report.findings.verdicts import findings
from simplicity_sweep.report.importance import importances
from simplicity_sweep.report.page import Report, page
from simplicity_sweep.report.results import ReportError, Results
from simplicity_sweep.report.search.importance import search_importances
from simplicity_sweep.report.table import as_csv, as_latex, table

PAGE = "report.html"
CSV = "table.csv"
LATEX = "table.tex"


def report_files(results: Results, requirements: Requirements | str, rebuild: str) -> dict[str, bytes]:
    """The report's files by their paths: the page, which needs none of the others, the table, and each figure as PNG
    and PDF. Equal results give equal bytes.

    Args:
        results: of the sweep.
        requirements: what is asked of a setting; or why nothing is, in words.
        rebuild: the command that makes the report again.
    """
    rows, drawn = table(results), figures(results)
    pictures = {f"figures/{name}": data for picture in drawn.pictures for name, data in as_files(picture).items()}
    files = {CSV: as_csv(rows).encode(), LATEX: as_latex(results, rows).encode(), **pictures}
    report = Report(
        results=results,
        decision=_decision(results, requirements),
        rows=rows,
        figures=drawn,
        effects=effects(results),
        findings=findings(results),
        importances=importances(results),
        sought=search_importances(results.search) if results.search else (),
        rebuild=rebuild,
        files=_descriptions(files),
    )
    return {PAGE: page(report).encode(), **files}


def _decision(results: Results, requirements: Requirements | str) -> Decision | str:
    if isinstance(requirements, str):
        return requirements
    try:
        return decide(results, requirements)
    except ReportError as error:
        return str(error)


def _descriptions(files: Mapping[str, bytes]) -> dict[str, str]:
    kinds = {CSV: "the table, every number in full", LATEX: "the table for a paper"}
    return {name: kinds.get(name, "a figure for a paper") for name in files}
