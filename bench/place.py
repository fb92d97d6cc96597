"""Where a figure was measured: written beside it into every result."""

import os
import pathlib
import platform
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


def machine():
    model = "unknown"
    for line in open("/proc/cpuinfo", encoding="utf8"):
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory_kb = int(re.search(r"MemTotal:\s+(\d+)", open("/proc/meminfo", encoding="utf8").read()).group(1))
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(memory_kb / 2**20, 1),
        "kernel": platform.release(),
    }


def commit():
    got = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return got.stdout.strip() or "unknown"
