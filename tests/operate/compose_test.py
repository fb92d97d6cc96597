#!/usr/bin/env python3
"""docker/compose.yaml, as Docker Compose reads it, and whether all that it names is there and fits:
compose_test.py MARQUEE.

It is not started: there is no Docker engine where tests run.
"""

import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import tomllib

import operate

operate.with_tools()
import yaml  # noqa: E402 (of the tools)

DOCKER = operate.SOURCE / "docker"


def value_after(words: list[str], option: str) -> str:
    return words[words.index(option) + 1]


def check_services(services: dict, found: operate.Findings) -> None:
    for name, service in services.items():
        tag = service["image"].rpartition(":")[2]
        found.expect(re.match(r"v?\d+\.\d+\.\d+", tag), f"the image of {name} has no exact version: {service['image']}")
        for port in service.get("ports", []):
            found.same(f"{name}: who gets to {port['published']}", port.get("host_ip"), "127.0.0.1")
        for volume in service.get("volumes", []):
            if volume["type"] == "bind":
                found.expect(
                    pathlib.Path(volume["source"]).exists(), f"{name} mounts {volume['source']}, which is not there"
                )
                found.expect(volume.get("read_only"), f"{name} may write to {volume['source']}")
        if not service["image"].startswith("marquee:"):
            continue
        version = operate.project_version() + ("-cuda" if name == "marquee-gpu" else "")
        found.same(f"the image of {name}", service["image"], f"marquee:{version}")
        found.expect(service.get("read_only"), f"{name}: its root is not read-only")
        found.same(f"{name}: cap_drop", service.get("cap_drop"), ["ALL"])
        found.same(f"{name}: security_opt", service.get("security_opt"), ["no-new-privileges:true"])
        found.expect(service.get("healthcheck"), f"{name} has no word on its health check")
        for other, condition in (("kafka", "service_healthy"), ("topics", "service_completed_successfully")):
            found.same(f"{name} waits for {other}", service["depends_on"].get(other, {}).get("condition"), condition)
    built = [service["image"] for service in services.values() if "build" in service]
    found.same("images that are built, each once", sorted(built), sorted({i for i in built}))
    found.expect(
        {s["image"] for s in services.values() if s["image"].startswith("marquee:")} == set(built), "one is not built"
    )
    gpu = services["marquee-gpu"]
    devices = gpu["deploy"]["resources"]["reservations"]["devices"]
    found.same("the device of marquee-gpu", [(d["driver"], d["capabilities"]) for d in devices], [("nvidia", ["gpu"])])
    found.same("CUDA of marquee-gpu", gpu["build"]["args"].get("CUDA"), "1")
    kafka = services["kafka"]["environment"]
    for name in (
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR",
        "TRANSACTION_STATE_LOG_MIN_ISR",
        "OFFSETS_TOPIC_REPLICATION_FACTOR",
    ):
        found.same(f"KAFKA_{name}", kafka.get(f"KAFKA_{name}"), "1")
    found.expect(services["kafka"].get("healthcheck", {}).get("test"), "kafka has no health check")


def check_words(services: dict, marquee: str, found: operate.Findings) -> None:
    """The same topic, broker and paths everywhere, and a configuration that ranks what the generator makes."""
    config = DOCKER / "marquee.toml"
    found.succeeds("marquee validate", operate.run(marquee, "validate", "--config", config))
    own = os.environ | services["marquee-gpu"]["environment"]
    found.succeeds("marquee validate for marquee-gpu", operate.run(marquee, "validate", "--config", config, env=own))
    settings = tomllib.loads(config.read_text("utf8"))
    words = services["generator"]["command"]
    created = [word.partition("=")[2] for word in services["topics"]["command"] if word.startswith("--topic=")]
    topic, broker = settings["source"]["topic"], settings["source"]["brokers"]
    found.same("topics that are made", created, [topic])
    found.same("the generator's topic", value_after(words, "--topic"), topic)
    found.same("the generator's broker", value_after(words, "--brokers"), broker)
    listeners = services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    found.expect(f"INSIDE://{broker}" in listeners, f"Kafka is not at {broker}, but at {listeners}")
    group = services["marquee-gpu"]["environment"]["MARQUEE_SOURCE__GROUP"]
    found.expect(group != settings["source"].get("group", "marquee"), "marquee-gpu would take marquee's group over")

    with tempfile.TemporaryDirectory() as folder:
        events = pathlib.Path(folder) / "events.ndjson"
        at_once = ["max" if before == "--rate" else word for before, word in zip(["", *words], words, strict=False)]
        made = operate.run(marquee, *at_once, "--output", events, "--count", 20000)
        found.succeeds(f"marquee {' '.join(at_once)}, to a file", made)
        results = found.succeeds("marquee replay", operate.run(marquee, "replay", events, "--config", config))
    boards = [json.loads(line) for line in results.splitlines()]
    for leaderboard in settings["leaderboard"]:
        rows = [row for board in boards if board["leaderboard"] == leaderboard["name"] for row in board["items"]]
        found.expect(rows, f"{leaderboard['name']} has no rows")
        found.expect(all("title" in row for row in rows), f"{leaderboard['name']} has rows without a title")


def check_monitoring(services: dict, found: operate.Findings) -> None:
    text = (DOCKER / "prometheus.yml").read_text("utf8")
    job = yaml.safe_load(text)["scrape_configs"][0]
    found.same("the job", job["job_name"], "marquee")
    for asked in job["dns_sd_configs"]:
        for name in asked["names"]:
            found.expect(name in services, f"Prometheus looks for {name}, which is no service")
        found.same("the port that Prometheus asks", asked["port"], 8080)
    mounts = {name: {volume["target"]: volume for volume in one.get("volumes", [])} for name, one in services.items()}
    with tempfile.TemporaryDirectory() as folder:
        for rules in re.findall(r"/etc/prometheus/[\w.-]+", text):
            source = mounts["prometheus"].get(rules, {}).get("source")
            found.expect(source, f"prometheus.yml reads {rules}, which is not mounted")
            text = text.replace(rules, str(source))
        here = pathlib.Path(folder) / "prometheus.yml"
        here.write_text(text, "utf8")
        if shutil.which("promtool"):
            said = found.succeeds("promtool", operate.run("promtool", "check", "config", here))
            found.expect("1 rule files found" in said or "rules found" in said, f"promtool saw no rules: {said}")
        else:
            print("promtool is not installed: docker/prometheus.yml is not checked by it")

    def provisioned(kind: str) -> list[dict]:
        paths = (operate.SOURCE / "grafana" / "provisioning" / kind).glob("*.yaml")
        return [
            one
            for path in paths
            for one in yaml.safe_load(path.read_text("utf8"))[kind.replace("dashboards", "providers")]
        ]

    environment = services["grafana"]["environment"]
    sources, providers = provisioned("datasources"), provisioned("dashboards")
    found.expect(sources, "Grafana is given no data source")
    for one in sources:
        url = re.sub(r"^\$(\w+)$", lambda name: environment.get(name[1], ""), one["url"])
        found.same("the address of the data source", url, "http://prometheus:9090")
    found.expect(providers, "Grafana is given no dashboards")
    for one in providers:
        path = one["options"]["path"]
        found.expect(path in mounts["grafana"], f"dashboards are looked for in {path}, and nothing is mounted there")


def main() -> int:
    marquee, found = sys.argv[1], operate.Findings()
    command = [operate.TOOLS / "docker-compose", "--file", DOCKER / "compose.yaml", "--profile", "gpu"]
    done = operate.run(*command, "config", "--format", "json")
    if done.returncode or done.stderr:
        print(f"docker-compose config ended with {done.returncode}: {done.stderr}")
        return 1
    services = json.loads(done.stdout)["services"]
    check_services(services, found)
    check_words(services, marquee, found)
    check_monitoring(services, found)
    return found.leave(f"docker/compose.yaml: {', '.join(sorted(services))}")


if __name__ == "__main__":
    sys.exit(main())
