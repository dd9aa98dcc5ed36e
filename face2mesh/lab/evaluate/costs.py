"""What a portrait costs: seconds, memory, bytes; each run in a process of its own."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from face2mesh.errors import Face2MeshError
from face2mesh.model.manifest import PACKAGED

REPEATS = 5
_COMMAND_LINE = "import sys; from face2mesh.cli import main; sys.exit(main())"
BATCH = 100
BATCHES = 3


@dataclass(frozen=True)
class ProcessCost:
    """Of one process from start to end.

    Attributes:
        seconds: wall clock.
        processor_seconds: of all threads together, which other programs on the machine disturb less; NaN where the
            system does not tell.
        peak_mib: largest resident memory; NaN where the system does not tell.
    """

    seconds: float
    processor_seconds: float
    peak_mib: float


# Run in a small process of its own: on Linux a child's peak memory starts at that of the process which forked it.
_LAUNCHER = """
import json, subprocess, sys, time
start = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
seconds = time.perf_counter() - start
try:
    import resource
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss
except ImportError:
    processor = peak = float("nan")
print(json.dumps([code, seconds, processor, peak]))
"""


def cost_of(command: list[str]) -> ProcessCost:
    """Run a command and measure it.

    Raises:
        Face2MeshError: it failed.
    """
    launched = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command], capture_output=True, text=True, check=True
    )
    code, seconds, processor, peak = json.loads(launched.stdout)
    if code:
        said = launched.stderr.strip()[-300:]
        raise Face2MeshError(f"`{' '.join(command)}` failed with exit code {code}: {said}")
    # Linux counts kibibytes, macOS bytes.
    return ProcessCost(seconds, processor, peak / (2**20 if sys.platform == "darwin" else 2**10))


def measure_costs(model: Path, portraits: list[Path]) -> dict[str, Any]:
    """Cold portrait, the same as textured GLB, batch of 100 in one call, demo, import time, peak memory, sizes.

    The portraits are repeated until there are 100; a portrait's time holds everything from the start of the process to
    the written OBJ and JSON.

    Args:
        model: folder of the packaged model.
        portraits: London photos at 768².
    """
    command = [sys.executable, "-c", _COMMAND_LINE]
    named = [] if model.resolve() == PACKAGED.resolve() else ["--model", str(model)]
    reconstruct = [*command, "reconstruct", *named]
    with tempfile.TemporaryDirectory() as folder:
        output = str(Path(folder) / "out")
        cold = [cost_of([*reconstruct, str(portraits[0]), "-o", output]) for _ in range(REPEATS)]
        options = ["--format", "glb", "--texture", "delit", "--texture-size", "1024", "--rig"]
        textured = [cost_of([*reconstruct, str(portraits[0]), *options, "-o", output]) for _ in range(REPEATS)]
        textured_bytes = Path(output, portraits[0].name).with_suffix(".glb").stat().st_size
        many = Path(folder) / "portraits"
        many.mkdir()
        for i in range(BATCH):
            source = portraits[i % len(portraits)]
            (many / f"{i:03}-{source.name}").write_bytes(source.read_bytes())
        batches = [cost_of([*reconstruct, str(many), "-o", output]) for _ in range(BATCHES)]
        demo = [cost_of([*command, "demo", *named, "-o", output]) for _ in range(REPEATS)]
    nothing = [cost_of([sys.executable, "-c", "pass"]).seconds for _ in range(REPEATS)]
    importing = [cost_of([sys.executable, "-c", "import face2mesh"]).seconds for _ in range(REPEATS)]
    loading = [cost_of([sys.executable, "-c", "from face2mesh import Model, Face"]).seconds for _ in range(REPEATS)]
    return {
        "cold_portrait_seconds": _spread([cost.seconds for cost in cold]),
        "cold_portrait_processor_seconds": statistics.median(cost.processor_seconds for cost in cold),
        "portrait_peak_mib": max(cost.peak_mib for cost in cold),
        "cold_textured_glb_seconds": _spread([cost.seconds for cost in textured]),
        "cold_textured_glb_processor_seconds": statistics.median(cost.processor_seconds for cost in textured),
        "textured_glb_peak_mib": max(cost.peak_mib for cost in textured),
        "textured_glb_bytes": textured_bytes,
        "batch_photos": BATCH,
        "batch_ms_a_photo": statistics.median(1000 * batch.seconds / BATCH for batch in batches),
        "batch_all_ms_a_photo": [round(1000 * batch.seconds / BATCH, 1) for batch in batches],
        "batch_processor_ms_a_photo": statistics.median(1000 * batch.processor_seconds / BATCH for batch in batches),
        "batch_peak_mib": max(batch.peak_mib for batch in batches),
        "demo_seconds": _spread([cost.seconds for cost in demo]),
        "python_start_seconds": _spread(nothing),
        "import_seconds": statistics.median(importing) - statistics.median(nothing),
        "import_everything_seconds": statistics.median(loading) - statistics.median(nothing),
        "model_mib": sum(path.stat().st_size for path in model.iterdir()) / 2**20,
        "installed_mib": installed_mib(),
        "processors": os.cpu_count(),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
    }


def _spread(values: list[float]) -> dict[str, Any]:
    return {"median": statistics.median(values), "all": [round(value, 3) for value in values]}


def installed_mib() -> dict[str, float]:
    """What the base installation takes, by distribution, in MiB: Face2Mesh and what it needs, all the way down."""
    sizes: dict[str, float] = {}
    waiting = ["face2mesh"]
    while waiting:
        name = waiting.pop()
        if name in sizes:
            continue
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # needed on other systems only
            continue
        files = [Path(str(distribution.locate_file(file))) for file in distribution.files or []]
        if name == "face2mesh":  # which may be installed in place, without a list of its files
            files = [path for path in Path(__file__).parents[2].rglob("*") if "__pycache__" not in path.parts]
        sizes[name] = sum(path.stat().st_size for path in files if path.is_file()) / 2**20
        for requirement in distribution.requires or []:
            if "extra ==" not in requirement:
                waiting.append(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0])
    return {**sizes, "total": sum(sizes.values())}
