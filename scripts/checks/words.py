"""What is "not here": functions that invite faults, unfinished work, and paths of one machine."""

import re

import c_source
from tree import Finding, top_folder

# Names that no code calls, and why.
_CALLS = {
    "strcpy|strcat|sprintf|vsprintf|gets|stpcpy": "writes without a bound: use buf_*, arena_* or snprintf",
    "strncpy|strncat": "leaves texts unterminated or cut: use snprintf or the arena",
    "atoi|atol|atoll|atof": "cannot tell a fault from zero: use a parser that can",
    "alloca": "the stack has no bound to check: use the arena",
    "system|popen": "runs a shell: use fork and exec with an argument list",
    "strtok|localtime|gmtime|ctime|asctime|strerror|rand|srand|random": "has hidden global state: use the _r form or util/",
    "sleep|usleep|nanosleep|clock_nanosleep": "waits by the clock: wait for the event, with a deadline",
    "pipe|dup|dup2|accept|creat|epoll_create|inotify_init|eventfd0": "leaves the descriptor open across exec: use the form with CLOEXEC",
    "malloc|calloc|realloc|strdup|strndup": "may return NULL: use must_alloc & co. or the arena",
    "setlocale": "makes printing and parsing depend on the environment",
}
# Calls that make a descriptor, and the flag that must be among their arguments.
_CLOEXEC = {
    "open": "O_CLOEXEC",
    "openat": "O_CLOEXEC",
    "open_by_handle_at": "O_CLOEXEC",
    "mkostemp": "O_CLOEXEC",
    "socket": "SOCK_CLOEXEC",
    "socketpair": "SOCK_CLOEXEC",
    "accept4": "SOCK_CLOEXEC",
    "pipe2": "O_CLOEXEC",
    "dup3": "O_CLOEXEC",
    "epoll_create1": "EPOLL_CLOEXEC",
    "eventfd": "EFD_CLOEXEC",
    "timerfd_create": "TFD_CLOEXEC",
    "signalfd": "SFD_CLOEXEC",
    "inotify_init1": "IN_CLOEXEC",
    "memfd_create": "MFD_CLOEXEC",
}
# What may use a name although others may not: one file, or all below a folder.
_EXEMPT = {
    "util/check.c": {"malloc", "calloc", "realloc", "strdup"},  # they are wrapped there
    "tests/": {"malloc", "calloc", "realloc", "strdup", "strndup", "strerror", "pipe", "dup", "dup2", "rand"},
}
_UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|not (yet )?implemented|unimplemented", re.IGNORECASE)
_MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:work|home/\w+|root|Users)/[\w.]")
_CODE_IN_COMMENT = re.compile(
    r"^(?:(?:return\b[^.]*|break|continue|goto \w+|[\w.>\-\[\]*&]+ (?:[-+|&^*/]|<<|>>)?= .+|\w+\(.*\));"
    r"|(?:if|for|while|switch) \(.*\) \{|\} else .*\{|#\s*(?:if|define|include)\b.*)\s*$"
)
_HIDDEN_FLOW = re.compile(r"\b(return|goto|break|continue)\b")


def check(tree):
    findings = []
    for path in tree.paths(".c", ".h", ".def"):
        source = c_source.parse(tree.text(path))
        findings += _check_calls(path, source.code)
        findings += _check_macros(path, source.code)
        findings += _check_comments(path, source.comments)
    for path in tree.paths():
        if path.startswith("scripts/checks/") or top_folder(path) == "docs":
            continue  # the rules and the house style name what they forbid
        if _is_text(path):
            findings += _check_text(path, tree.text(path))
    return findings


def _is_text(path):
    return not path.endswith((".png", ".bin", ".gz")) and "/corpus/" not in path


def _line_of(code, offset):
    return code.count("\n", 0, offset) + 1


def _arguments(code, opening):
    """The text between the parenthesis at `opening` and its partner."""
    depth = 0
    for at in range(opening, len(code)):
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        if depth == 0:
            return code[opening + 1 : at]
    return code[opening + 1 :]


def _check_calls(path, code):
    findings = []
    exempt = next((names for start, names in _EXEMPT.items() if path.startswith(start)), set())
    for names, why in _CALLS.items():
        for match in re.finditer(rf"(?<![\w.>])({names})\s*\(", code):
            if match.group(1) not in exempt:
                findings.append(Finding(path, _line_of(code, match.start()), f"{match.group(1)}() {why}"))
    for name, flag in _CLOEXEC.items():
        for match in re.finditer(rf"(?<![\w.>]){name}\s*\(", code):
            if flag not in _arguments(code, match.end() - 1):
                findings.append(Finding(path, _line_of(code, match.start()), f"{name}() without {flag}"))
    return findings


def _check_macros(path, code):
    findings = []
    for match in re.finditer(r"^[ \t]*#[ \t]*define\b(?:[^\n]*\\\n)*[^\n]*", code, re.MULTILINE):
        hidden = _HIDDEN_FLOW.search(match.group())
        is_table = re.match(r'\s*#\s*include\s+"[^"]*"', code[match.end() :])  # a row's meaning, in plain sight
        if hidden and not is_table:
            line = _line_of(code, match.start())
            findings.append(Finding(path, line, f"a macro hides {hidden.group()}"))
    for match in re.finditer(r"^[ \t]*#[ \t]*if[ \t]+0\b", code, re.MULTILINE):
        findings.append(Finding(path, _line_of(code, match.start()), "dead code behind #if 0"))
    return findings


def _check_comments(path, comments):
    """Code that was commented out. An example is indented by four spaces or more and passes."""
    findings = []
    for comment in comments:
        for number, line in enumerate(comment.text.split("\n")):
            text = re.sub(r"^\s*(/\*+|//+|\*)?", "", line).rstrip().removesuffix("*/").rstrip()
            if not text.startswith("    ") and _CODE_IN_COMMENT.match(text.strip()):
                findings.append(Finding(path, comment.line + number, f"commented-out code: {text.strip()}"))
    return findings


def _check_text(path, text):
    findings = []
    for number, line in enumerate(text.split("\n"), 1):
        match = _UNFINISHED.search(line)
        if match:
            findings.append(Finding(path, number, f"unfinished work: '{match.group()}'"))
        match = _MACHINE_PATH.search(line)
        if match:
            findings.append(Finding(path, number, f"a path of one machine: '{match.group()}...'"))
    return findings
