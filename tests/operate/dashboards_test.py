#!/usr/bin/env python3
"""The dashboards of grafana/dashboards keep rules that Grafana itself does not enforce: dashboards_test.py SOURCE.

Rules named *-rule are those of the public Grafana dashboard linter, as far as Prometheus dashboards go, or stricter;
the rest is ours. A self-test first breaks copies of the dashboards, in one way each, and demands that the one rule
that is meant complains, and no other. promtool parses expressions where it is installed; without it brackets and
quotes alone are looked at, and the last line says so."""

import collections
import copy
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

PROMTOOL = shutil.which("promtool")

# Units that Grafana knows (its categories.ts), of the kinds that a dashboard of ours can have a use for.
UNITS = set(
    "none string short percent percentunit hex sci locale bytes decbytes bits decbits kbytes deckbytes mbytes "
    "decmbytes gbytes decgbytes pps binBps Bps binbps bps KiBs KBs MiBs MBs GiBs GBs dateTimeAsIso "
    "dateTimeAsIsoNoDateIfToday dateTimeAsUS dateTimeAsLocal dateTimeAsLocalNoDateIfToday dateTimeAsSystem "
    "dateTimeFromNow watt celsius hertz ns µs ms s m h d dtdurationms dtdurations dthms dtdhms clockms clocks "
    "cps ops reqps rps wps iops cpm opm rpm wpm bool bool_yes_no bool_on_off".split()
)
# What Prometheus adds by itself: labels to every series, and metrics.
SCRAPED = {"job", "instance"}
PROMETHEUS = {
    "up": ("gauge", set()),
    "ALERTS": ("gauge", {"alertname", "alertstate", "severity"}),
}
WORDS = set(
    "and or unless on ignoring group_left group_right by without bool offset atan2 inf nan start end sum min max avg "
    "count group stddev stdvar topk bottomk quantile count_values".split()
)

Selector = collections.namedtuple("Selector", "metric matchers range function")


def masked(expr: str) -> str:
    """The expression with the insides of strings blanked, so that brackets and words in them do not count."""
    return re.sub(r'"(?:\\.|[^"\\])*"|`[^`]*`', lambda m: '"' + " " * (len(m[0]) - 2) + '"', expr)


def selectors(expr: str) -> list[Selector]:
    bare = masked(expr)
    # Lists of labels, as in by (…) and on (…), hold no metrics.
    bare = re.sub(
        r"\b(by|without|on|ignoring|group_left|group_right)(\s*)\(([^()]*)\)", lambda m: " " * len(m[0]), bare
    )
    found = []
    for m in re.finditer(r"(?<![\w:$])([a-zA-Z_:][\w:]*)(\s*\{[^}]*\})?(\s*\[[^\]]*\])?(\s*\()?", bare):
        name, braces, window, call = m.groups()
        inside = bare[: m.start()].count("{") > bare[: m.start()].count("}") or bare[: m.start()].count("[") > bare[
            : m.start()
        ].count("]")
        if call or name in WORDS or inside:
            continue
        matchers = {}
        if braces:
            text = expr[m.start(2) : m.end(2)]
            for label, op, value in re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*("(?:\\.|[^"\\])*"|`[^`]*`)', text):
                matchers[label] = (op, value[1:-1])
        before = re.search(r"(\w+)\s*\(\s*$", bare[: m.start()])
        found.append(Selector(name, matchers, window and window.strip()[1:-1], before and before[1]))
    return found


def without_variables(expr: str) -> str:
    expr = expr.replace("$__rate_interval", "5m").replace("$__range", "1h").replace("$__interval", "1m")
    return re.sub(r"\$\{\w+(?::\w+)?\}|\$\w+", "x", expr)


parsed: dict[str, str] = {}  # expression, without variables: what is wrong with it, or nothing


def parse(exprs: list[str]) -> None:
    new = [e for e in dict.fromkeys(exprs) if e not in parsed]
    for expr in new:
        bare, open_ones, wrong = masked(expr), [], ""
        for c in bare:
            if c in "([{":
                open_ones.append(c)
            elif c in ")]}" and (not open_ones or open_ones.pop() + c not in ("()", "[]", "{}")):
                wrong = "brackets do not match"
        parsed[expr] = wrong or ("brackets do not match" if open_ones else "" if expr.strip() else "it is empty")
    if not PROMTOOL or not new:
        return
    rules = [{"record": f"expression:{i}", "expr": expr} for i, expr in enumerate(new)]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rules.yaml"  # JSON is YAML
        path.write_text(json.dumps({"groups": [{"name": "dashboards", "rules": rules}]}), encoding="utf8")
        ran = subprocess.run([PROMTOOL, "check", "rules", path], capture_output=True, text=True)
    said = ran.stdout + ran.stderr
    for i, text in re.findall(r'"expression:(\d+)":? (.*)', said):
        parsed[new[int(i)]] = text
    if ran.returncode != 0 and not any(parsed[e] for e in new):
        raise SystemExit(f"promtool failed without a word about an expression:\n{said}")


class Facts:
    """What the rest of the repository says: metrics, configuration keys, sections of the runbook."""

    def __init__(self, source: pathlib.Path):
        readme = (source / "README.md").read_text(encoding="utf8")
        self.metrics = dict(PROMETHEUS)
        for name, kind, labels in re.findall(r"^\| `(marquee_\w+)` \| (\w+) \| ([^|]*) \|", readme, re.M):
            own = set(re.findall(r"\w+", labels))
            if kind == "histogram":
                self.metrics[name + "_bucket"] = (kind, own | {"le"})
                self.metrics[name + "_sum"] = self.metrics[name + "_count"] = (kind, own)
            else:
                self.metrics[name] = (kind, own)
        self.keys = set(re.findall(r"^\| `([a-z_]+\.[a-z_]+)`", readme, re.M))
        runbook = (source / "docs" / "runbook.md").read_text(encoding="utf8")
        self.sections = set(re.findall(r"^## (\w+)$", runbook, re.M))
        if len(self.metrics) < 40 or len(self.keys) < 40 or not self.sections:
            raise SystemExit("the tables of README.md or the sections of docs/runbook.md are not where they were")


def panels_of(board: dict) -> list[dict]:
    return [p for panel in board["panels"] for p in (panel, *panel.get("panels", []))]


def shown(board: dict) -> list[dict]:
    return [p for p in panels_of(board) if p["type"] != "row"]


def targets_of(board: dict) -> list[tuple[dict, dict]]:
    return [(p, t) for p in shown(board) for t in p.get("targets", [])]


def variables(board: dict) -> list[dict]:
    return board["templating"]["list"]


def query_of(variable: dict) -> str:
    query = variable.get("query", "")
    return query.get("query", "") if isinstance(query, dict) else query


def label_values(variable: dict) -> tuple[str, str] | None:
    m = re.fullmatch(r"label_values\((.+),\s*(\w+)\)", query_of(variable))
    return (m[1], m[2]) if m else None


# Each rule yields what is wrong with one dashboard.


def template_datasource(board, facts):
    sources = [v for v in variables(board) if v["type"] == "datasource"]
    if len(sources) != 1 or (sources[0]["name"], sources[0].get("label")) != ("datasource", "Data source"):
        yield "there is no one variable datasource, labelled Data source"
    elif sources[0]["query"] != "prometheus":
        yield "the variable datasource is not of Prometheus"


def template_of(name):
    def rule(board, facts):
        for v in variables(board):
            if v["name"] == name:
                for key, wanted in (("type", "query"), ("label", name.title()), ("multi", True), ("allValue", ".+")):
                    if v.get(key) != wanted:
                        yield f"variable {name}: {key} is {v.get(key)!r}, not {wanted!r}"
                if v.get("datasource", {}).get("uid") != "${datasource}":
                    yield f"variable {name} does not ask the data source chosen"
                return
        yield f"there is no variable {name}"

    return rule


def template_label_promql(board, facts):
    queries = [v for v in variables(board) if v["type"] == "query"]
    parse([without_variables(found[0]) for v in queries if (found := label_values(v))])
    for v in queries:
        found = label_values(v)
        if not found:
            yield f"variable {v['name']}: {query_of(v)!r} is not label_values(series, label)"
        elif wrong := parsed[without_variables(found[0])]:
            yield f"variable {v['name']}: {found[0]}: {wrong}"


def template_reload(board, facts):
    for v in variables(board):
        if v["type"] == "query" and v.get("refresh") != 2:
            yield f"variable {v['name']} is not asked for again when the time changes (refresh 2)"


def panel_datasource(board, facts):
    for p in shown(board):
        for what in (p, *p.get("targets", [])):
            if what.get("datasource") != {"type": "prometheus", "uid": "${datasource}"}:
                yield f"{p['title']}: does not ask the data source chosen"


def panel_title_description(board, facts):
    for p in panels_of(board):
        if not p.get("title", "").strip():
            yield f"panel {p['id']} has no title"
        elif p["type"] != "row" and len(p.get("description", "").split()) < 5:
            yield f"{p['title']}: nothing, or too little, says what it means"


def panel_units(board, facts):
    for p in shown(board):
        config = p["fieldConfig"]
        units = [config["defaults"].get("unit")]
        units += [v["value"] for o in config["overrides"] for v in o["properties"] if v["id"] == "unit"]
        for unit in units:
            if unit not in UNITS:
                yield f"{p['title']}: Grafana knows no unit {unit!r}"


def target_promql(board, facts):
    exprs = [(p, without_variables(t.get("expr", ""))) for p, t in targets_of(board)]
    parse([expr for _, expr in exprs])
    for p in shown(board):
        if not p.get("targets"):
            yield f"{p['title']}: asks for nothing"
    for p, expr in exprs:
        if parsed[expr]:
            yield f"{p['title']}: {expr}: {parsed[expr]}"


def target_rate_interval(board, facts):
    for p, t in targets_of(board):
        for s in selectors(t["expr"]):
            allowed = {"$__rate_interval"} if s.function in ("rate", "irate") else {"$__rate_interval", "$__range"}
            if s.range and s.range not in allowed:
                yield f"{p['title']}: {s.function}({s.metric}[{s.range}]) instead of [$__rate_interval]"


def target_matcher(name):
    def rule(board, facts):
        for p, t in targets_of(board):
            for s in selectors(t["expr"]):
                if s.matchers.get(name) != ("=~", f"${name}"):
                    yield f'{p["title"]}: {s.metric} is not limited by {name}=~"${name}"'

    return rule


def target_counter_agg(board, facts):
    for p, t in targets_of(board):
        for s in selectors(t["expr"]):
            counts = s.metric.endswith("_total") or facts.metrics.get(s.metric, ("", ()))[0] in ("counter", "histogram")
            if counts and not (s.range and s.function in ("rate", "irate", "increase")):
                yield f"{p['title']}: {s.metric} only ever grows; rate or increase it"


def uneditable(board, facts):
    if board.get("editable") is not False:
        yield "it is editable: what is changed in the browser is lost at the next start"


def metrics_exist(board, facts):
    asked = [(p["title"], t["expr"]) for p, t in targets_of(board)]
    asked += [(f"variable {v['name']}", found[0]) for v in variables(board) if (found := label_values(v))]
    for where, expr in asked:
        for s in selectors(expr):
            if s.metric not in facts.metrics:
                yield f"{where}: the README's table has no metric {s.metric}"
        if masked(expr).count("{") != sum(bool(s.matchers) for s in selectors(expr)):
            yield f"{where}: it asks for series without naming a metric"


def labels_exist(board, facts):
    for p, t in targets_of(board):
        known = set(SCRAPED)
        for s in selectors(t["expr"]):
            labels = SCRAPED | facts.metrics.get(s.metric, ("", set(s.matchers)))[1]
            known |= labels
            for label in sorted(set(s.matchers) - labels):
                yield f"{p['title']}: {s.metric} has no label {label}"
        listed = re.findall(r"\b(?:by|without|on|group_left)\s*\(([^()]*)\)", masked(t["expr"]))
        for label in re.findall(r"\w+", " ".join(listed)) + re.findall(r"\{\{\s*(\w+)\s*\}\}", t["legendFormat"]):
            if label not in known:
                yield f"{p['title']}: nothing it asks for has a label {label}"


def target_legend(board, facts):
    for p, t in targets_of(board):
        if t.get("legendFormat", "") in ("", "__auto"):
            yield f"{p['title']}: a query without a legend"


def panels_in_grid(board, facts):
    taken = {}
    for p in panels_of(board):
        at = p["gridPos"]
        if at["w"] < 1 or at["h"] < 1 or at["x"] < 0 or at["x"] + at["w"] > 24:
            yield f"{p['title']} does not lie within the 24 columns"
        over = {
            taken.setdefault((x, y), p["id"])
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        } - {p["id"]}
        if over:
            yield f"{p['title']} lies over panels {sorted(over)}"


def panels_unique(board, facts):
    for what, names in (
        ("panel id", [p["id"] for p in panels_of(board)]),
        *(("refId of " + p["title"], [t["refId"] for t in p["targets"]]) for p in shown(board)),
    ):
        for name, times in collections.Counter(names).items():
            if times > 1:
                yield f"{what} {name} is there {times} times"


def variables_used(board, facts):
    defined = [v["name"] for v in variables(board)]
    where = {k: v for k, v in board.items() if k != "templating"}
    where["queries"] = [[query_of(v), v.get("datasource")] for v in variables(board)]
    text = json.dumps(where)
    used = set(re.findall(r"\$\{?(\w+)", text)) | {p["repeat"] for p in panels_of(board) if p.get("repeat")}
    used = {name for name in used if not name.startswith("__")}
    for name in sorted(used - set(defined)):
        yield f"there is no variable {name}"
    for name in sorted(set(defined) - used):
        yield f"variable {name} is used nowhere"
    for name, times in collections.Counter(defined).items():
        if times > 1:
            yield f"variable {name} is defined {times} times"


def words_are_true(board, facts):
    for p in shown(board):
        text = p.get("description", "")
        for name in re.findall(r"\bMarquee[A-Z]\w+", text):
            if name not in facts.sections:
                yield f"{p['title']}: the runbook has no section {name}"
        for key in re.findall(r"\b(?:source|event|time|sink|pane_log|engine|limits|http|log)\.[a-z]\w*", text):
            if key not in facts.keys:
                yield f"{p['title']}: there is no key {key}"


RULES = {
    "template-datasource-rule": template_datasource,
    "template-job-rule": template_of("job"),
    "template-instance-rule": template_of("instance"),
    "template-label-promql-rule": template_label_promql,
    "template-on-time-change-reload-rule": template_reload,
    "panel-datasource-rule": panel_datasource,
    "panel-title-description-rule": panel_title_description,
    "panel-units-rule": panel_units,
    "target-promql-rule": target_promql,
    "target-rate-interval-rule": target_rate_interval,
    "target-job-rule": target_matcher("job"),
    "target-instance-rule": target_matcher("instance"),
    "target-counter-agg-rule": target_counter_agg,
    "uneditable-dashboard": uneditable,
    "metrics-exist": metrics_exist,
    "labels-exist": labels_exist,
    "target-legend": target_legend,
    "panels-in-grid": panels_in_grid,
    "panels-unique": panels_unique,
    "variables-used": variables_used,
    "words-are-true": words_are_true,
}


def between_boards(boards: dict[str, dict]):
    """What concerns all of them together: uids, and links from one to another."""
    uids = collections.Counter(board.get("uid") for board in boards.values())
    if wrong := {uid: times for uid, times in uids.items() if not uid or times > 1}:
        yield from (("uids-unique", f"uid {uid!r} is there {times} times") for uid, times in wrong.items())
        return  # then nobody knows where a link leads
    for name, board in boards.items():
        to = {link["url"].removeprefix("/d/") for link in board["links"] if link["url"].startswith("/d/")}
        for uid in sorted(to - set(uids)):
            yield "links-lead-somewhere", f"{name}: a link to {uid}, which is not there"
        for uid in sorted(set(uids) - to - {board.get("uid")}):
            yield "links-lead-somewhere", f"{name}: no link to {uid}"
        if not any(link["url"] == "${runbook}" for link in board["links"]):
            yield "links-lead-somewhere", f"{name}: no link to the runbook"


def complaints(boards: dict[str, dict], facts: Facts) -> list[tuple[str, str]]:
    found = [
        (rule, f"{name}: {text}")
        for name, board in boards.items()
        for rule, judge in RULES.items()
        for text in judge(board, facts)
    ]
    return [*found, *between_boards(boards)]


# The self-test: how to break each rule, and no other. Each is given the pipeline's dashboard, or all of them.


def variable(board, name):
    return next(v for v in variables(board) if v["name"] == name)


def panel(board, kind, holds=""):
    return next(p for p in shown(board) if p["type"] == kind and holds in p["targets"][0]["expr"])


def edit(board, old, new, kind="timeseries"):
    target = panel(board, kind, old)["targets"][0]
    target["expr"] = target["expr"].replace(old, new)


def take_rate_away(board):
    target = panel(board, "timeseries", RATE)["targets"][0]
    target["expr"] = re.sub(r"rate\((.*)\[.*?\]\)", r"\1", target["expr"])


def add(board, **changes):
    """A panel more, at the foot, a copy of the first."""
    new = copy.deepcopy(shown(board)[0])
    foot = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in panels_of(board))
    new.update(id=1 + max(p["id"] for p in panels_of(board)), gridPos={"x": 0, "y": foot, "w": 4, "h": 4})
    new.update(changes)
    board["panels"].append(new)


JOB, RATE = 'job=~"$job", ', "rate(marquee_read_bytes_total"
INSTANCE = 'instance=~"$instance"'
BREAKS = [
    ("template-datasource-rule", lambda b: variable(b, "datasource").update(label="Prometheus")),
    ("template-datasource-rule", lambda b: variable(b, "datasource").update(query="loki")),
    ("template-job-rule", lambda b: variable(b, "job").update(multi=False)),
    ("template-job-rule", lambda b: variable(b, "job").update(label="job")),
    ("template-instance-rule", lambda b: variable(b, "instance").update(allValue=".*")),
    ("template-instance-rule", lambda b: variable(b, "instance").update(datasource={"uid": "prometheus"})),
    ("template-label-promql-rule", lambda b: variable(b, "instance").update(query="label_value(up, instance)")),
    ("template-label-promql-rule", lambda b: variable(b, "instance").update(query="label_values((up, instance)")),
    ("template-on-time-change-reload-rule", lambda b: variable(b, "instance").update(refresh=1)),
    ("panel-datasource-rule", lambda b: panel(b, "stat").update(datasource={"type": "prometheus", "uid": "mine"})),
    ("panel-datasource-rule", lambda b: panel(b, "heatmap")["targets"][0].pop("datasource")),
    ("panel-title-description-rule", lambda b: panel(b, "timeseries").update(title="")),
    ("panel-title-description-rule", lambda b: panel(b, "table").pop("description")),
    ("panel-title-description-rule", lambda b: panels_of(b)[-1].update(title=" ")),
    ("panel-title-description-rule", lambda b: next(p for p in b["panels"] if p["type"] == "row").pop("title")),
    ("panel-units-rule", lambda b: panel(b, "timeseries")["fieldConfig"]["defaults"].update(unit="furlongs")),
    ("panel-units-rule", lambda b: panel(b, "stat")["fieldConfig"]["defaults"].pop("unit")),
    ("target-promql-rule", lambda b: edit(b, RATE, f"({RATE}")),
    ("target-promql-rule", lambda b: panel(b, "timeseries")["targets"][0].update(expr=" ", legendFormat="none")),
    ("target-promql-rule", lambda b: panel(b, "timeseries").update(targets=[])),
    ("target-rate-interval-rule", lambda b: edit(b, "[$__rate_interval]", "[5m]")),
    ("target-rate-interval-rule", lambda b: edit(b, "[$__range]", "[1h]", "stat")),
    ("target-job-rule", lambda b: edit(b, JOB, "")),
    ("target-job-rule", lambda b: edit(b, JOB, 'job="$job", ')),
    ("target-instance-rule", lambda b: edit(b, INSTANCE, 'instance=~"$job"')),
    ("target-counter-agg-rule", lambda b: edit(b, RATE, RATE.replace("rate", "max_over_time"))),
    ("target-counter-agg-rule", take_rate_away),
    ("target-counter-agg-rule", lambda b: edit(b, "rate(marquee_stage", "avg_over_time(marquee_stage")),
    ("uneditable-dashboard", lambda b: b.update(editable=True)),
    ("uneditable-dashboard", lambda b: b.pop("editable")),
    ("metrics-exist", lambda b: edit(b, "marquee_read_bytes_total", "marquee_written_bytes_total")),
    ("metrics-exist", lambda b: edit(b, "marquee_read_bytes_total{", "{")),
    ("metrics-exist", lambda b: variable(b, "instance").update(query='label_values(up2{job=~"$job"}, instance)')),
    ("labels-exist", lambda b: edit(b, 'verdict="invalid"', 'kind="invalid"', "stat")),
    ("labels-exist", lambda b: edit(b, "sum by (verdict)", "sum by (outcome)")),
    ("labels-exist", lambda b: panel(b, "timeseries")["targets"][0].update(legendFormat="{{pod}}")),
    ("target-legend", lambda b: panel(b, "timeseries")["targets"][0].update(legendFormat="__auto")),
    ("panels-in-grid", lambda b: shown(b)[0]["gridPos"].update(h=shown(b)[0]["gridPos"]["h"] + 1)),
    ("panels-in-grid", lambda b: add(b, gridPos={"x": 21, "y": 500, "w": 4, "h": 4})),
    ("panels-in-grid", lambda b: add(b, gridPos=dict(shown(b)[0]["gridPos"]))),
    ("panels-unique", lambda b: add(b, id=shown(b)[0]["id"])),
    ("panels-unique", lambda b: [t.update(refId="A") for _, t in targets_of(b)]),
    ("variables-used", lambda b: panel(b, "stat").update(title="Ready in $region")),
    ("variables-used", lambda b: variables(b).append(dict(variable(b, "runbook"), name="spare"))),
    ("words-are-true", lambda b: panel(b, "stat").update(description="What to do says the runbook, MarqueeUnwell.")),
    ("words-are-true", lambda b: panel(b, "stat").update(description="It is as long as sink.commit_often says.")),
]
PARSED_BREAKS = [  # what promtool alone can tell
    ("target-promql-rule", lambda b: edit(b, "sum by (verdict) (", "sum by verdict (")),
    ("target-promql-rule", lambda b: edit(b, "histogram_quantile(0.5, ", "histogram_quantile(")),
    ("template-label-promql-rule", lambda b: variable(b, "instance").update(query="label_values(up up, instance)")),
]
ALL_BREAKS = [
    ("uids-unique", lambda boards: boards["cuda.json"].update(uid="marquee-pipeline")),
    ("uids-unique", lambda boards: boards["cuda.json"].pop("uid")),
    ("links-lead-somewhere", lambda boards: boards["cuda.json"]["links"].pop(0)),
    ("links-lead-somewhere", lambda boards: boards["cuda.json"]["links"][-1].update(url="/${runbook}")),
    ("links-lead-somewhere", lambda boards: boards["cuda.json"]["links"][0].update(url="/d/nowhere")),
]


def self_test(boards: dict[str, dict], facts: Facts) -> list[str]:
    """What is wrong with the rules themselves."""
    wrong = []
    one = [(rule, lambda all_boards, how=how: how(all_boards["pipeline.json"])) for rule, how in BREAKS]
    if PROMTOOL:
        one += [(rule, lambda all_boards, how=how: how(all_boards["pipeline.json"])) for rule, how in PARSED_BREAKS]
    for number, (rule, how) in enumerate(one + ALL_BREAKS, 1):
        broken = copy.deepcopy(boards)
        how(broken)
        if broken == boards:
            wrong.append(f"self-test {number}, of {rule}: it breaks nothing")
            continue
        said = complaints(broken, facts)
        if {name for name, _ in said} != {rule}:
            wrong.append(f"self-test {number}, of {rule}: what complained was {said or 'nothing'}")
    tried = {rule for rule, _ in one + ALL_BREAKS}
    for rule in sorted({*RULES, "uids-unique", "links-lead-somewhere"} - tried):
        wrong.append(f"self-test: nothing breaks {rule}")
    return wrong


def main() -> int:
    source = pathlib.Path(sys.argv[1])
    facts = Facts(source)
    paths = sorted((source / "grafana" / "dashboards").glob("*.json"))
    boards = {path.name: json.loads(path.read_text(encoding="utf8")) for path in paths}
    if set(boards) != {"cuda.json", "pipeline.json", "popularity.json"}:
        print(f"the dashboards are {sorted(boards)}")
        return 1
    wrong = [f"{rule}: {text}" for rule, text in complaints(boards, facts)]
    wrong += [
        f"{path.name} is not laid out as json.dumps(indent=2) does"
        for path in paths
        if path.read_text(encoding="utf8") != json.dumps(boards[path.name], indent=2, ensure_ascii=False) + "\n"
    ]
    if not wrong:  # what is broken already cannot show that one rule alone complains
        wrong = self_test(boards, facts)
    if wrong:
        print("\n".join(wrong))
        return 1
    panels = sum(len(shown(board)) for board in boards.values())
    queries = {t["expr"] for board in boards.values() for _, t in targets_of(board)}
    print(f"{len(boards)} dashboards, {panels} panels, {len(queries)} queries, {len(RULES) + 2} rules, each bites")
    print(
        "parsed by promtool" if PROMTOOL else "promtool is not installed: of expressions, brackets alone were looked at"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
