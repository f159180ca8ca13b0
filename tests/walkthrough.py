"""A page of docs/ as a reader follows it: the files that it shows, and the commands that it gives."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from tests.conftest import PROJECT


@dataclass(frozen=True)
class Walkthrough:
    """What a page tells its reader to do.

    Attributes:
        files: by name, what is in each; a block that is one says its name in its first line, `# conf/model/wide.yaml`.
        commands: each line of the blocks without a language, as the words that a shell makes of it; one that ends in a
            backslash goes on in the next.
    """

    files: dict[str, str]
    commands: list[list[str]]

    @classmethod
    def of(cls, page: str, section: str | None = None) -> Walkthrough:
        """That of a page of docs/, or of one of its sections."""
        text = (PROJECT / "docs" / page).read_text()
        if section is not None:
            text = text.split(f"\n## {section}\n")[1].partition("\n## ")[0]
        blocks = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
        code = [(language, dedent(block)) for language, block in blocks]
        files = {found[1]: block for language, block in code if language and (found := re.match(r"# (\S+)\n", block))}
        lines = [line for language, block in code if not language for line in block.replace("\\\n", " ").splitlines()]
        return cls(files, [shlex.split(line, comments=True) for line in lines if line.strip()])

    def write(self, folder: Path) -> None:
        """Writes the files, where the reader would, into a folder."""
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
