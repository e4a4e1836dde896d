"""Nothing goes over the network unless it was asked for: a whole job asks for no connection."""

import json
import subprocess
import sys

from maskwright.data.samples import write_samples

# Every connection, name that is looked up and datagram that Python sends is an error here.
JOB = """
import json, sys
asked = []
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        asked.append(f"{event} {arguments}")
        raise OSError(101, "Network is unreachable")
sys.addaudithook(refuse)
from maskwright.cli import cli
data, run, out = sys.argv[1:]
def maskwright(*words):
    cli.main(words, standalone_mode=False)
maskwright("check", data)
maskwright("info")
maskwright("plan", data, "--time", "1m")
maskwright("train", data, "--out", run, "--epochs", "1", "--size", "32",
           "--set", "augment.crop=1")
maskwright("evaluate", run)
maskwright("predict", run, f"{data}/images", "--out", out)
maskwright("report", run)
print(json.dumps(asked))
"""


def test_a_whole_job_asks_for_no_connection(tmp_path):
    write_samples(tmp_path / "shapes", count=12, size=40)
    words = [str(tmp_path / name) for name in ("shapes", "run", "masks")]
    done = subprocess.run(
        [sys.executable, "-c", JOB, *words],
        capture_output=True,
        text=True,
        env={"PATH": "", "MASKWRIGHT_CACHE": str(tmp_path / "cache")},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
    assert len(list((tmp_path / "masks").glob("*.png"))) == 12
