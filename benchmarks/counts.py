"""How many processor instructions the pure parts take: the same on a busy machine, so a regression shows.

Valgrind's callgrind counts them in a process of its own. It is switched on when all patterns are compiled
and all caches filled, which takes a minute while it counts and seconds while it does not. From then on it
counts only within `exec` (`--toggle-collect`), so that asking for a dump costs nothing.
In: the parts of `micro`. Out: instructions per event, token or request, and each as a multiple of a fixed
piece of Python, the reference.

A part that has become dearer by more than `TOLERANCE` is named. That is sure with the build of Python that
the counts were recorded with, which the reference tells. With another one all parts move against the
reference (recorded with a 3.11.7 that was built without optimisation, by 8 to 19 % with Debian's 3.11.2, by
-13 to 6 % with a 3.13.0), and less against each other: there a part is named that stands out by
`_TOLERANCE_ELSEWHERE`, or all of them if most have become a third dearer.

    python -m benchmarks counts            count, and compare with counts.json
    python -m benchmarks counts --record   count, and keep them there
"""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.candidates import BenchmarkFailed

FILE = Path(__file__).parent / "counts.json"
# Of the recorded multiple. Hash seeds and addresses are fixed; what is left is noise of up to 2 %.
TOLERANCE = 0.05
# With another build of Python: of what most parts have moved by, and for how far that may be.
_TOLERANCE_ELSEWHERE = 0.15
_MOST_ELSEWHERE = 0.35
# The reference takes the same on each run of a build, to 0.5 %.
_SAME_BUILD = 0.02
_REFERENCE = "reference"
_WITHIN = "PyEval_EvalCode"  # what the built-in `exec` calls, and nothing that is measured here
_TOTALS = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)


class Counts(msgspec.Struct):
    """Instructions by part, and the Python they were counted with."""

    python: str
    parts: dict[str, int]

    def multiple(self, part: str) -> float:
        return self.parts[part] / self.parts[_REFERENCE]

    def is_of_build(self, other: Counts) -> bool:
        """Were both counted with the same build of Python?"""
        moved = self.parts[_REFERENCE] / other.parts[_REFERENCE] - 1
        return self.python == other.python and abs(moved) <= _SAME_BUILD


def count() -> Counts:
    """Raises BenchmarkFailed where valgrind is missing or says nothing."""
    with tempfile.TemporaryDirectory(prefix="bench-counts-") as folder:
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--toggle-collect={_WITHIN}"]
        command += [f"--callgrind-out-file={folder}/out", sys.executable, "-m", "benchmarks.counts", folder]
        environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise BenchmarkFailed("valgrind is not installed: apt install valgrind") from None
        if done.returncode:
            raise BenchmarkFailed(f"counting failed: {done.stderr.strip()[-2000:]}")
        return msgspec.json.decode(Path(folder, "counts.json").read_bytes(), type=Counts)


def compare(now: Counts, recorded: Counts) -> list[str]:
    """What has become dearer than it was, a line each."""
    said = [f"{part}: not recorded yet" for part in now.parts if part not in recorded.parts]
    ratios = {
        part: now.multiple(part) / recorded.multiple(part)
        for part in now.parts
        if part in recorded.parts and part != _REFERENCE
    }
    usual, tolerance = 1.0, TOLERANCE
    if ratios and not now.is_of_build(recorded):
        usual, tolerance = median(ratios.values()), _TOLERANCE_ELSEWHERE
        if usual > 1 + _MOST_ELSEWHERE:
            said.append(f"most parts: {usual:.2f} × the recorded instructions")
    for part, ratio in ratios.items():
        if ratio / usual > 1 + tolerance:
            said.append(f"{part}: {ratio / usual:.2f} × the recorded instructions")
    return said


# --- within valgrind ----------------------------------------------------------------------------------------


def _reference() -> None:
    """Calls, attributes, slices and dicts, as our code is made of."""
    text = "the quick brown fox jumps over the lazy dog " * 8
    seen: dict[str, int] = {}
    for at in range(0, len(text), 3):
        piece = text[at : at + 3]
        seen[piece] = seen.get(piece, 0) + len(piece.strip())
    sorted(seen.items())


def _counted(call: Callable[[], object], turns: int, out: Path) -> int:
    code = compile("for _ in range(turns): call()", "part", "exec")
    gc.collect()
    gc.disable()
    exec(code, {"call": call, "turns": turns})
    gc.enable()
    _control("--dump")
    newest = max(out.parent.glob("out.*"), key=lambda it: it.stat().st_mtime_ns)
    found = _TOTALS.search(newest.read_text())
    newest.unlink()
    return int(found[1]) // turns if found else 0


def _control(*arguments: str) -> None:
    subprocess.run(["callgrind_control", *arguments, str(os.getpid())], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    from benchmarks import micro

    folder = Path(sys.argv[1])
    parts = list(micro.parts())
    for part in parts:
        part.call()
    _control("--instr=on")
    found = {_REFERENCE: _counted(_reference, 10, folder / "out")}
    for part in parts:
        found[f"{part.name}, a {part.unit}"] = _counted(part.call, 3, folder / "out") // part.calls
    counts = Counts(".".join(map(str, sys.version_info[:3])), found)
    (folder / "counts.json").write_bytes(msgspec.json.encode(counts))


if __name__ == "__main__":
    main()
