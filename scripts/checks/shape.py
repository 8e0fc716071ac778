"""Sizes and outlines: functions, files, headers' guards and purposes, a README in every folder."""

import os
import re

import c_source
from tree import Finding, top_folder

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 500
_TESTS_FILE_LINES_MAX = 1000  # a test file is a list: long ones are read by name


def check(tree):
    findings = []
    for path in tree.paths(".c", ".h"):
        text = tree.text(path)
        source = c_source.parse(text)
        findings += _check_functions(path, source.code)
        if top_folder(path) != "tests":
            findings += _check_outline(tree, path, text, source)
    for path in tree.paths(".c", ".h", ".py", ".sh") + list(tree.scripts("bash")):
        findings += _check_length(path, tree.text(path))
    findings += _check_readmes(tree)
    return findings


def _check_functions(path, code):
    return [
        Finding(path, function.line, f"{function.name}() has {function.line_count} lines; {FUNCTION_LINES_MAX} is the most")
        for function in c_source.functions(code)
        if function.line_count > FUNCTION_LINES_MAX
    ]


def _check_length(path, text):
    count = text.count("\n")
    most = _TESTS_FILE_LINES_MAX if top_folder(path) == "tests" else FILE_LINES_MAX
    return [Finding(path, 0, f"has {count} lines; {most} is the most")] if count > most else []


def _guard(path):
    return "WEFT_" + re.sub(r"\W", "_", path).upper()


def _check_outline(tree, path, text, source):
    """A unit says what it is (in its header, or in the .c where there is none); a header has its guard;
    a .c includes its own header first, which proves that the header stands alone."""
    findings = []
    has_head = text.startswith("/*")
    if path.endswith(".h"):
        if not has_head:
            findings.append(Finding(path, 1, "a header begins with a comment: what it is, what it owns"))
        if f"#ifndef {_guard(path)}\n#define {_guard(path)}\n" not in text:
            findings.append(Finding(path, 0, f"has no include guard {_guard(path)}"))
        return findings
    header = path[:-2] + ".h"
    if not tree.has(header):
        if not has_head:
            findings.append(Finding(path, 1, "has no header of its own: begin with a comment that says what it is"))
    elif [name for _, name, is_quoted in source.includes if is_quoted][:1] != [header]:
        findings.append(Finding(path, 0, f'includes "{header}" first'))
    return findings


def _check_readmes(tree):
    folders = set()
    for path in tree.paths(".c", ".h", ".py", ".sh") + list(tree.scripts("bash")):
        folder = os.path.dirname(path)
        while folder and not folder.startswith("tests/unit/"):
            folders.add(folder)
            folder = os.path.dirname(folder)
    return [
        Finding(folder, 0, "has no README.md")
        for folder in sorted(folders)
        if not tree.has(folder + "/README.md") and folder != ".ci"
    ]
