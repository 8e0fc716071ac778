"""A small C lexer: enough to tell code from comments and strings, and where functions begin and end."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)"""
    r"""|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""",
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True)
class Comment:
    line: int
    text: str


@dataclass(frozen=True)
class Function:
    name: str
    line: int  # of its name
    line_count: int  # from there to the closing brace


@dataclass(frozen=True)
class Source:
    code: str  # comments and the insides of strings are spaces; lines and columns are as in the file
    comments: list
    includes: list  # (line, "store/key.h", is_quoted)


def parse(text):
    comments = []

    def blank(match):
        if match.group("comment"):
            comments.append(Comment(text.count("\n", 0, match.start()) + 1, match.group()))
            return re.sub(r"[^\n]", " ", match.group())
        quoted = match.group()
        return quoted[0] + " " * (len(quoted) - 2) + quoted[-1]

    code = _TOKEN.sub(blank, text)
    includes = []
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            includes.append((number, match.group(2), match.group(1) == '"'))
    return Source(code, comments, includes)


def functions(code):
    """Function definitions: a name, parentheses and a brace at the outermost level."""
    found = []
    depth = 0
    start = None  # (name, line) of the function that is open
    line = 1
    statement = ""  # outermost code since the last ; or }
    statement_line = 1
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: "\n" * m.group().count("\n"), code, flags=re.M)
    for char in code:
        if char == "{":
            if depth == 0:
                match = re.search(r"([A-Za-z_]\w*)\s*\([^{}]*\)\s*$", statement)
                start = (match.group(1), statement_line) if match else None
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0 and start:
                found.append(Function(start[0], start[1], line - start[1] + 1))
                start = None
        if depth == 0 and char in ";}":
            statement = ""
        elif depth == 0:
            if not statement.strip():
                statement_line = line
            statement += char
        if char == "\n":
            line += 1
    return found
