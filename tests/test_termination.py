"""How processes end."""

import subprocess
import sys


def test_a_process_does_not_search_for_garbage_at_its_end():
    code = (
        "import atexit, gc\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > 1000, len(gc.get_objects())))\n"
        "import simplicity_sweep.termination"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    frozen, searched = printed.split()
    assert frozen == "True"
    assert int(searched) < 100
