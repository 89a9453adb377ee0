"""Wraps Markdown at 120 characters: paragraphs and list items that hold a longer line, and nothing else.

usage: python tools/wrap.py [--check] [FILE ...]     without files: every tracked .md file

Tables, code, headings, HTML and lines that are one link are left as they are. --check changes nothing and names the
files that it would change.
"""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

WIDTH = 120
ITEM = re.compile(r"^(\s*)([-*+]|\d+[.)])(\s+)")
LEFT_ALONE = re.compile(r"^\s*(#|\||<|\[[^\]]+\]:|>|---|\$\$|:::|```|~~~)")


def links_apart(text):
    """Spaces inside of `code` and of [text](target) do not break lines, unless they are long."""
    part = r"`[^`]+`|!?\[[^\]]*\]\([^)]*\)"
    return re.sub(part, lambda m: m[0].replace(" ", "\0") if len(m[0]) < 80 else m[0], text)


def filled(lines, first, rest):
    text = links_apart(" ".join(line.strip() for line in lines))
    # A line must not begin with what Markdown would take for a list, a heading or a table.
    text = re.sub(r" (?=([-+*#>|]+|\d+[.)])( |$))", "\0", text)
    broken = textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
    return [line.replace("\0", " ") for line in broken]


def wrapped(text):
    lines, out, fence = text.split("\n"), [], None
    k = 0
    while k < len(lines):
        line = lines[k]
        mark = re.match(r"^\s*(```+|~~~+)", line)
        if fence or mark:
            if mark and (fence is None or line.strip() == fence):
                fence = None if fence else mark[1]
            out.append(line)
            k += 1
            continue
        if not line.strip() or LEFT_ALONE.match(line):
            out.append(line)
            k += 1
            continue
        item = ITEM.match(line)
        rest = " " * len(item[0]) if item else line[: len(line) - len(line.lstrip())]
        end = k + 1
        while (
            end < len(lines)
            and lines[end].strip()
            and not ITEM.match(lines[end])
            and not LEFT_ALONE.match(lines[end])
            and not lines[end - 1].endswith(("  ", "\\"))
        ):
            end += 1
        paragraph = lines[k:end]
        long = [n for n, part in enumerate(paragraph) if len(part) > WIDTH]
        if long:
            at = long[0]  # what stands before the first long line stays
            first = (item[0] if item else rest) if at == 0 else rest
            body = paragraph[at:]
            if at == 0 and item:
                body = [line[len(item[0]) :], *body[1:]]
            paragraph = paragraph[:at] + filled(body, first, rest)
        out += paragraph
        k = end
    return "\n".join(out)


def main():
    check = "--check" in sys.argv
    files = [a for a in sys.argv[1:] if a != "--check"]
    files = files or subprocess.run(["git", "ls-files", "*.md"], capture_output=True, text=True).stdout.split()
    changed = []
    for file in map(Path, files):
        text = file.read_text()
        new = wrapped(text)
        if new != text:
            changed.append(file)
            if not check:
                file.write_text(new)
    for file in changed:
        print(file)
    sys.exit(1 if check and changed else 0)


if __name__ == "__main__":
    main()
