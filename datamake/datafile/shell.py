"""Where in a shell script a character stands: in quotes, a comment, a here-document or in the open.

Knows nothing of placeholders, and runs nothing. For a text that is no valid script the answer is
a guess; it never raises.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SPECIAL = r"""[\\'"`$(){}#<\n]"""
HEREDOC = r"""<<(-?)[ \t]*(?:'([^'\n]*)'|"([^"\n]*)"|\\?([^\s;&|<>()'"`]+))"""


def contexts(text: str, offsets: Sequence[int]) -> list[str]:
    """For each of the ascending `offsets` what it stands in.

    `""` in the open, `'`, `"` and a backquote within those, `#` in a comment, `<<` in a
    here-document, `((` in arithmetic. `$(...)` opens a context of its own.
    """
    scan = Scan(text, offsets)
    special = re.compile(SPECIAL)
    while len(scan.seen) < len(offsets):
        found = special.search(text, scan.at)
        if found is None:
            scan.reach(len(text))
            break
        scan.reach(found.start())
        scan.read(found[0])
    return scan.seen


class Scan:
    """One pass over a script. `frames` holds what is open: (context, what closes it)."""

    def __init__(self, text: str, offsets: Sequence[int]) -> None:
        self.text = text
        self.offsets = offsets
        self.seen: list[str] = []
        self.at = 0
        self.frames = [("", "")]
        self.backquoted = 0
        """The place among the frames of the one that a backquote opened, or 0."""
        self.heredocs: list[tuple[str, bool]] = []
        """Announced in this line: how each ends, and whether tabs before that are ignored."""

    def reach(self, end: int, context: str | None = None) -> None:
        """Go to `end`; what lies before it, or right there, is in `context`."""
        while len(self.seen) < len(self.offsets) and self.offsets[len(self.seen)] <= end:
            self.seen.append(self.context if context is None else context)
        self.at = end

    @property
    def context(self) -> str:
        """What the present place stands in."""
        return "`" if self.backquoted else self.frames[-1][0]

    def read(self, char: str) -> None:
        """Take in the special character at the present place."""
        context, close = self.frames[-1]
        if context == "'":
            self.quoted(char, escapes=close == "$'")
        elif char == "\\":
            self.at += 2
        elif char == "`":
            self.backquote()
        elif char == close:
            self.at += 1
            self.frames.pop()
        elif char == "$":
            self.dollar(context)
        elif char == '"':
            self.opened(1, '"', '"')
        elif context == '"':
            self.at += 1
        else:
            self.open(char, context, close)

    def quoted(self, char: str, *, escapes: bool) -> None:
        """Within single quotes."""
        if char == "'":
            self.frames.pop()
        self.at += 2 if escapes and char == "\\" else 1

    def backquote(self) -> None:
        """The first opens, the second closes, whatever was left open between them."""
        if self.backquoted:
            del self.frames[self.backquoted :]
            self.backquoted = 0
            self.at += 1
        else:
            self.backquoted = len(self.frames)
            self.opened(1, "", "`")

    def dollar(self, context: str) -> None:
        """What `$` begins."""
        rest = self.text[self.at + 1 : self.at + 3]
        if rest == "((":
            self.opened(3, "((", "))")
        elif rest.startswith("("):
            self.opened(2, "", ")")
        elif rest.startswith("{"):
            self.opened(2, context, "}")
        elif rest.startswith("'") and context != '"':
            self.opened(2, "'", "$'")
        else:
            self.at += 1

    def open(self, char: str, context: str, close: str) -> None:
        """In the open, or in arithmetic."""
        before = self.text[self.at - 1] if self.at else "\n"
        if char == "'":
            self.opened(1, "'", "'")
        elif char == "(":
            self.parenthesis(context)
        elif char == ")" and close == "))":
            self.arithmetic_end()
        elif char == "#" and before in " \t\n;&|()" and context == "":
            end = self.text.find("\n", self.at)
            self.reach(end if end >= 0 else len(self.text), "#")
        elif char == "<" and context == "":
            self.announced()
        elif char == "\n" and self.heredocs:
            self.documents()
        else:
            self.at += 1

    def parenthesis(self, context: str) -> None:
        """`(` opens a subshell, `((` arithmetic."""
        if context == "" and self.text.startswith("((", self.at):
            self.opened(2, "((", "))")
        else:
            self.opened(1, context, ")")

    def arithmetic_end(self) -> None:
        """`))` ends arithmetic; a single `)` shows that it was two subshells."""
        self.frames.pop()
        if self.text.startswith("))", self.at):
            self.at += 2
        else:
            self.opened(1, "", ")")

    def announced(self) -> None:
        """`<<WORD`: a here-document begins with the next line."""
        if self.text.startswith("<<<", self.at):
            self.at += 3
            return
        found = re.compile(HEREDOC).match(self.text, self.at)
        if found is None:
            self.at += 1
            return
        word = next(part for part in found.groups()[1:] if part is not None)
        self.heredocs.append((word, bool(found[1])))
        self.at = found.end()

    def documents(self) -> None:
        """Skip the here-documents that were announced in the line that ends here."""
        end = self.at + 1
        for word, tabs in self.heredocs:
            while end < len(self.text):
                line_end = self.text.find("\n", end)
                line_end = line_end if line_end >= 0 else len(self.text)
                line = self.text[end:line_end]
                end = line_end + 1
                if (line.lstrip("\t") if tabs else line) == word:
                    break
        self.heredocs.clear()
        self.reach(min(end, len(self.text)) - 1, "<<")
        self.at += 1

    def opened(self, width: int, context: str, close: str) -> None:
        """Go into a context of its own."""
        self.frames.append((context, close))
        self.at += width
