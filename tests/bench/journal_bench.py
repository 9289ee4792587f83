"""journal_replay: how quickly a journal is read back at a start."""
import json
import os
import statistics
import subprocess
import tempfile

from servers import BUILD

SEGMENTS = int(os.environ.get("BENCH_SEGMENTS", "8"))


def once():
    with tempfile.TemporaryDirectory(prefix="journal-", dir=os.environ.get("BENCH_DIR")) as folder:
        answer = subprocess.run([BUILD / "tests" / "bench" / "journal-replay", folder, str(SEGMENTS)],
                                capture_output=True, text=True, check=True).stdout
    return json.loads(answer)


def run(runs):
    results = [once() for _ in range(runs)]
    for figure, goal in (("read", 10e6), ("rows", None), ("head", None)):
        value = statistics.median(one[figure] for one in results)
        line = {"bench": "journal_replay", "figure": figure, "value": round(value), "unit": "points/s"}
        if goal:
            line |= {"goal": goal}
        print(json.dumps(line), flush=True)
