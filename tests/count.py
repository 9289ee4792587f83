"""Adds up a test run: every TAP line or program counts as one. In CI a skipped test is a failed one."""
import os
import sys
import xml.etree.ElementTree as tree

path, status, builds, broken = sys.argv[1], *map(int, sys.argv[2:5])
passed, failed = builds - broken, broken
for suite in tree.parse(path).getroot().iter("testsuite"):
    for case in suite.iter("testcase"):
        skipped = case.find("skipped") is not None
        bad = case.find("failure") is not None or case.find("error") is not None
        if skipped:
            print(f"skipped: {suite.get('name')}: {case.get('name')}")
        if bad:
            print(f"failed: {suite.get('name')}: {case.get('name')}")
        if bad or (skipped and os.environ.get("CI")):
            failed += 1
        elif not skipped:
            passed += 1
if status and not failed:
    failed = 1  # the runner itself failed: never call that good
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
