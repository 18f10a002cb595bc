"""What is lost where something goes wrong in the middle?

Run by hand: ``python tests/benchmarks/bench_faults.py NAME [--times N]``; the page docs/what_it_survives.md has what
each prints. Each ends with how often something was lost, and with status 1 where that is not 0. "dask" needs the extra
`cluster`, "files", "disk" and "service" the extras `cli` and `export`, and "disk" Linux and root.
"""

import argparse
import os
import sys
import time
from importlib import import_module

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

#: Name -> the module that has it, and how often it tries (or for how many seconds).
FAULTS = {
    "architectures": ("memory", 200), "threads": ("workers", 60), "workers": ("workers", 3), "dask": ("workers", 2),
    "interrupts": ("interrupts", 30), "stream": ("interrupts", 30), "tables": ("tables", 2000), "files": ("files", 200),
    "disk": ("disk", 8), "service": ("service", 100),
}  # fmt: skip


def main():
    """Run one, and say what was lost."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("name", choices=FAULTS)
    options.add_argument("--times", type=int, help="how often, or for how many seconds")
    options = options.parse_args()
    module, times = FAULTS[options.name]
    began = time.monotonic()
    lost = getattr(import_module(f"faults.{module}"), options.name)(options.times or times)
    print(f"{options.name}: {lost} lost, in {time.monotonic() - began:.0f} s")
    return int(lost > 0)


if __name__ == "__main__":
    sys.exit(main())
