"""The rooms of the house as the build and the sources state them: folders, links, includes."""

import re
from pathlib import Path

UMBRELLA = "starglow"  # include/starglow/starglow.hpp: stands on every room but the command line


def rooms(root):
    """{room: rooms that its target links}, in the order in which the build adds them."""
    order = re.findall(r"^\s*add_subdirectory\(src/(\w+)\)", (root / "CMakeLists.txt").read_text(), re.MULTILINE)
    linked = {}
    for room in order:
        text = (root / "src" / room / "CMakeLists.txt").read_text()
        library = re.search(r"starglow_library\(starglow_(\w+)(.*?)\n?\)", text, re.DOTALL)
        if library is None:  # the program
            linked[room] = set(linked)
            continue
        assert library[1] == room, f"src/{room}/CMakeLists.txt makes starglow_{library[1]}"
        links = re.search(r"(?<!PRIVATE_)LINKS(.*?)(PRIVATE_LINKS|$)", library[2], re.DOTALL)
        linked[room] = set(re.findall(r"starglow_(\w+)", links[1])) if links else set()
    return linked


def sources(root):
    return sorted(p for d in ("src", "include") for p in (root / d).rglob("*") if p.suffix in (".cpp", ".hpp"))


def includes(path):
    return re.findall(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', path.read_text(), re.MULTILINE)


def room_of(root, path):
    parts = path.relative_to(root).parts
    inner = parts[2:] if parts[0] == "include" else parts[1:]
    return UMBRELLA if len(inner) == 1 else inner[0]


def room_of_include(root, name):
    """The room that an include names; None: a header of the system, of a library, or of the build."""
    parts = Path(name).parts
    if parts[0] == "starglow":
        return UMBRELLA if len(parts) == 2 else parts[1]
    return parts[0] if len(parts) > 1 and (root / "src" / name).is_file() else None


def arrows(root):
    """{(room, other room): [who includes what]} of all includes between rooms."""
    found = {}
    for path in sources(root):
        here = room_of(root, path)
        for name in includes(path):
            there = room_of_include(root, name)
            if there is not None and there != here:
                found.setdefault((here, there), []).append(f"{path.relative_to(root)} includes {name}")
    return found


def wrong_arrows(root):
    """Includes of rooms that the target does not link, and links to rooms that are added later."""
    linked = rooms(root)
    order = list(linked)
    wrong = [
        what
        for (here, there), names in arrows(root).items()
        for what in names
        if here != UMBRELLA and there not in linked.get(here, set())
    ]
    for room, links in linked.items():
        wrong += [
            f"src/{room} links starglow_{other}, which the build adds after it"
            for other in sorted(links)
            if other not in order or order.index(other) >= order.index(room)
        ]
    return wrong


def wrong_tests(root):
    """Includes of rooms that the test program of a room does not link."""
    linked = rooms(root)
    reached = {}
    for room, links in linked.items():  # in the order of the build: all that a room links are there
        reached[room] = {room}.union(*(reached[other] for other in links if other in reached))
    wrong = []
    for folder in sorted((root / "tests").iterdir()):
        listed = folder / "CMakeLists.txt"
        call = (
            re.search(r"starglow_test\(test_(\w+)(.*?)\)", listed.read_text(), re.DOTALL) if listed.is_file() else None
        )
        if call is None:
            continue
        lists = dict(re.findall(r"\b(SOURCES|HIGHER)\b(.*?)(?=\b(?:SOURCES|HIGHER|LINKS)\b|$)", call[2], re.DOTALL))
        higher = lists.get("HIGHER", "").split()
        for name in lists["SOURCES"].split():
            for include in includes(folder / name) if name not in higher else ():
                there = room_of_include(root, include)
                if there not in (None, UMBRELLA) and there not in reached[call[1]]:
                    wrong.append(f"tests/{call[1]}/{name} includes {include}")
    return wrong


def headers_of(root, room):
    """The text of a room's headers, (public, inner)."""
    public, inner = root / "include/starglow" / room, root / "src" / room
    return tuple(
        "\n".join(p.read_text() for p in sorted(folder.rglob("*.hpp"))) if folder.is_dir() else ""
        for folder in (public, inner)
    )


def declares(text, name):
    """Whether headers declare a function, or the class of a member."""
    owner, _, member = name.partition("::")
    what = rf"\b(class|struct)\s+{owner}\b[^;{{]*\{{" if member else rf"\b{re.escape(owner)}\s*\("
    return re.search(what, text) is not None


def misplaced(defined, headers):
    """Functions that a room defines and only another room's public headers declare."""
    return [
        f"{room} defines {name}, which a header of {other} declares"
        for room, names in defined.items()
        for name in sorted(names)
        if not any(declares(text, name) for text in headers[room])
        for other, (public, _) in headers.items()
        if other != room and declares(public, name)
    ]


def functions_of(symbols):
    """{"predict", "Model::hash"} from the lines of `nm -C --defined-only`: global functions of namespace starglow."""
    found = set()
    for line in symbols.splitlines():
        kind, _, name = line[17:].partition(" ") if len(line) > 19 else ("", "", "")
        if kind == "T" and name.startswith("starglow::") and "(anonymous" not in name:
            found.add(re.sub(r"<.*?>", "", name.partition("(")[0]).partition("::")[2].replace("[abi:cxx11]", ""))
    return found
