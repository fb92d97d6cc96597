#!/usr/bin/env python3
"""Every alert has its section in the runbook and its tests, and every metric that is named exists: runbook_test.py
SOURCE MARQUEE."""

import pathlib
import re
import subprocess
import sys


def main() -> int:
    source, marquee = pathlib.Path(sys.argv[1]), sys.argv[2]
    rules = (source / "grafana" / "alerts.yaml").read_text(encoding="utf8")
    tests = (source / "tests" / "operate" / "alerts_test.yaml").read_text(encoding="utf8")
    runbook = (source / "docs" / "runbook.md").read_text(encoding="utf8")
    docs = subprocess.run([marquee, "config", "--metrics-docs"], check=True, capture_output=True, text=True).stdout
    metrics = set(re.findall(r"^\| `(marquee_\w+)`", docs, re.M))
    alerts = re.findall(r"- alert: (\w+)", rules)
    sections = re.findall(r"^## (\w+)$", runbook, re.M)
    wrong = []
    if not alerts or sorted(alerts) != sorted(sections):
        wrong.append(f"alerts {sorted(alerts)} and the runbook's sections {sorted(sections)} are not the same")
    for alert in alerts:
        if f"runbook_url: docs/runbook.md#{alert.lower()}" not in rules:
            wrong.append(f"{alert} does not say where its section of the runbook is")
        uses = len(re.findall(rf"alertname: {alert}\b", tests))
        if uses < 2:
            wrong.append(f"{alert} is not tested both to fire and not to")
    for link in re.findall(r"\(#(\w+)\)", runbook):
        if link not in [section.lower() for section in sections]:
            wrong.append(f"the runbook links to #{link}, which is not there")
    for name in sorted(set(re.findall(r"\bmarquee_\w+", rules + runbook + tests))):
        if re.sub(r"_(sum|count|bucket)$", "", name) not in metrics and name not in metrics:
            wrong.append(f"{name} is no metric of marquee's")
    print("\n".join(wrong) or f"{len(alerts)} alerts, {len(sections)} sections of the runbook")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
