"""What a measurement was made on, and what it cost in CPU time."""

import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def description() -> dict[str, object]:
    """Return processor, cores, memory in MiB, kernel, Python and the load before."""
    processor = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        "",
    )
    memory = next(
        int(line.split()[1]) // 1024 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")
    )
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "memory_mib": memory,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def cpu_seconds(pids: Sequence[int]) -> float:
    """Return the CPU time that processes have used so far, user and system."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def resident_mib(pids: Sequence[int]) -> float:
    """Return the resident memory of processes."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


def reset_peak(pid: int) -> None:
    """Let the peak of a process be what it holds now (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_mib(pid: int) -> float:
    """Return the highest resident memory of a process since `reset_peak`."""
    lines = _lines(f"/proc/{pid}/status")
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))
