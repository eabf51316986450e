"""What the benchmarks share: the build, the load generator, CPU time of processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ["bench"] if "POSTHOUSE_BIN" in os.environ else ["bench", "posthouse"]
os.environ.setdefault("POSTHOUSE_BIN", str(ROOT / "target/release/posthouse"))
sys.path.insert(0, str(ROOT / "tests/blackbox"))

TICKS = os.sysconf("SC_CLK_TCK")


def process_tree(roots):
    """Ids of these processes and all below them."""
    children = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.name))
    tree, waiting = [], list(roots)
    while waiting:
        process = waiting.pop()
        tree.append(process)
        waiting += children.get(process, [])
    return tree


def cpu_seconds(roots):
    """CPU time of a process tree, its ended children included."""
    ticks = 0
    for process in process_tree(roots):
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS


def resident_mb(roots):
    """Resident memory of a process tree, shared pages counted once for each process."""
    total = 0
    for process in process_tree(roots):
        try:
            status = Path(f"/proc/{process}/status").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return total / 1024


def build():
    """Builds what is measured, and the load generator."""
    chosen = [word for package in PACKAGES for word in ("-p", package)]
    subprocess.run(["cargo", "build", "--release", "--quiet", *chosen], cwd=ROOT, check=True)


def generator(tool, **values):
    words = [word for name, value in values.items() for word in (f"--{name}", str(value))]
    done = subprocess.run([ROOT / "target/release/bench", tool, *words], capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)
