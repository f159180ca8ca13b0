"""The figures of a report: numbers first, drawing second."""

from simplicity_sweep.report.figures.collection import Figures, figures
from simplicity_sweep.report.figures.picture import Panel, Picture, as_files, as_svgs

__all__ = ["Figures", "Panel", "Picture", "as_files", "as_svgs", "figures"]
