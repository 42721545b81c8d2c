"""The CPU of a server is that of all its processes, those that have ended too."""

import os
import subprocess
import sys

from membership.bench.processors import Used, family_seconds

# One child works and ends, another works and waits; both say so before they are looked at.
FAMILY = """
import subprocess, sys
WORK = "import time\\nwhile time.process_time() < 0.2: pass\\n"
subprocess.run([sys.executable, "-c", WORK], check=True)
stays = subprocess.Popen([sys.executable, "-c", WORK + "print(flush=True); input()"], stdin=0, stdout=subprocess.PIPE)
stays.stdout.readline()
print("ready", flush=True)
input()
"""


def test_children_count_while_they_live_and_when_they_have_ended() -> None:
    command = [sys.executable, "-c", FAMILY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as family:
        assert family.stdout is not None
        assert family.stdout.readline() == "ready\n"
        used = family_seconds(family.pid)
        alone = Used.by(family.pid)
        family.communicate("\n\n")

    assert alone.parent == os.getpid()
    assert alone.children_seconds >= 0.15
    assert used >= alone.own_seconds + alone.children_seconds + 0.15


def test_who_is_not_there_uses_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()

    assert family_seconds(ended.pid) == 0
