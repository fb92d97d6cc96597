#!/usr/bin/env python3
"""docker/kubernetes, rendered by kubectl and held against Kubernetes' own schemas: kubernetes_test.py MARQUEE.

No cluster sees it. What Pod Security's `restricted` level asks for is checked by name.
"""

import json
import os
import pathlib
import sys
import tempfile

import operate

operate.with_tools()
import jsonschema  # noqa: E402 (of the tools)
import yaml  # noqa: E402

FOLDER = operate.SOURCE / "docker" / "kubernetes"


def render(name: str, found: operate.Findings) -> dict[str, dict]:
    text = found.succeeds(
        f"kubectl kustomize {name}", operate.run(operate.TOOLS / "kubectl", "kustomize", FOLDER / name)
    )
    valid(name, text, found)
    return {one["kind"]: one for one in yaml.safe_load_all(text)}


def valid(name: str, text: str, found: operate.Findings) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "manifests.yaml"
        path.write_text(text, "utf8")
        done = operate.run(operate.TOOLS / "kubernetes-validate", "--strict", path)
        said = found.succeeds(f"kubernetes-validate of {name}", done)
        found.same(f"what passed of {name}", said.count(" passed "), len(list(yaml.safe_load_all(text))))
        found.expect("WARN" not in said + done.stderr, f"{name}: {said}{done.stderr}")


def check_pod(objects: dict[str, dict], found: operate.Findings) -> None:
    stateful = objects["StatefulSet"]["spec"]
    found.same("replicas", stateful["replicas"], 1)
    found.same("podManagementPolicy", stateful.get("podManagementPolicy"), "Parallel")
    pod, labels = stateful["template"]["spec"], stateful["template"]["metadata"]["labels"]
    (container,) = pod["containers"]
    security, own = pod["securityContext"], container["securityContext"]
    found.same("runAsNonRoot", security.get("runAsNonRoot"), True)
    found.same("runAsUser", security.get("runAsUser"), 65532)
    found.same("seccompProfile", security.get("seccompProfile"), {"type": "RuntimeDefault"})
    found.same("allowPrivilegeEscalation", own.get("allowPrivilegeEscalation"), False)
    found.same("readOnlyRootFilesystem", own.get("readOnlyRootFilesystem"), True)
    found.same("capabilities", own.get("capabilities"), {"drop": ["ALL"]})
    found.same("automountServiceAccountToken", pod.get("automountServiceAccountToken"), False)
    found.expect(pod["terminationGracePeriodSeconds"] > 25, "it is killed before it has left by itself (25 s)")
    for probe, path in (("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        found.same(probe, container[probe]["httpGet"], {"path": path, "port": "http"})
    for what in ("requests", "limits"):
        found.expect(
            {"cpu", "memory"} <= container["resources"][what].keys(), f"there are no {what} for CPU and memory"
        )
    config = objects["ConfigMap"]["metadata"]["name"]
    mounted = {volume["name"] for volume in pod["volumes"] if volume.get("configMap", {}).get("name") == config}
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    found.expect(mounts.get("/etc/marquee") in mounted, f"{config} is not mounted at /etc/marquee")
    service = objects["Service"]["spec"]
    found.expect(
        service["selector"] and service["selector"].items() <= labels.items(), "the service does not find the pod"
    )
    ports = [port["name"] for port in container["ports"]]
    found.expect(all(port["targetPort"] in ports for port in service["ports"]), "the service names a port that is none")


def check_monitor(objects: dict[str, dict], found: operate.Findings) -> None:
    monitor = yaml.safe_load((FOLDER / "pod-monitor.yaml").read_text("utf8"))
    schema = json.loads((pathlib.Path(__file__).parent / "podmonitor.schema.json").read_text("utf8"))
    for error in jsonschema.Draft7Validator(schema).iter_errors(monitor):
        found.expect(False, f"pod-monitor.yaml: {error.json_path}: {error.message}")
    found.same("its kind", (monitor["apiVersion"], monitor["kind"]), ("monitoring.coreos.com/v1", "PodMonitor"))
    template = objects["StatefulSet"]["spec"]["template"]
    labels, ports = template["metadata"]["labels"], template["spec"]["containers"][0]["ports"]
    spec = monitor["spec"]
    wanted = spec["selector"]["matchLabels"]
    found.expect(wanted and wanted.items() <= labels.items(), "the PodMonitor does not find the pod")
    found.same("the job of the PodMonitor", labels.get(spec["jobLabel"]), "marquee")
    for endpoint in spec["podMetricsEndpoints"]:
        found.expect(endpoint["port"] in [port["name"] for port in ports], f"there is no port {endpoint['port']}")
        found.same("its path", endpoint["path"], "/metrics")


def check_settings(marquee: str, objects: dict[str, dict], found: operate.Findings) -> None:
    """The configuration is one that marquee takes, with the secrets in its environment too."""
    text = (FOLDER / "secret.example.yaml").read_text("utf8")
    valid("secret.example.yaml", text, found)
    secrets = {one["metadata"]["name"]: one["stringData"] for one in yaml.safe_load_all(text)}
    pod = objects["StatefulSet"]["spec"]["template"]["spec"]
    taken = [one["secretRef"]["name"] for one in pod["containers"][0]["envFrom"]]
    files = [volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume]
    found.same("the secrets of the example", sorted(secrets), sorted(taken + files))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "marquee.toml"
        path.write_text(objects["ConfigMap"]["data"]["marquee.toml"], "utf8")
        own = os.environ | {key: value for name in taken for key, value in secrets[name].items()}
        found.succeeds("marquee validate", operate.run(marquee, "validate", "--config", path, env=own))
        said = found.succeeds("marquee config", operate.run(marquee, "config", "--config", path, env=own))
        wanted = 'kafka = { "sasl.password" = "***", "sasl.username" = "marquee" }'
        found.same("sections with user and password", said.splitlines().count(wanted), 2)


def main() -> int:
    marquee, found = sys.argv[1], operate.Findings()
    base, gpu = render("base", found), render("gpu", found)
    if not found.wrong:
        for objects in (base, gpu):
            found.same("what there is", sorted(objects), ["ConfigMap", "Service", "StatefulSet"])
            check_pod(objects, found)
        check_monitor(base, found)
        check_settings(marquee, base, found)
        for objects, tag, devices in ((base, "", None), (gpu, "-cuda", 1)):
            (container,) = objects["StatefulSet"]["spec"]["template"]["spec"]["containers"]
            found.same("the image", container["image"], f"marquee:{operate.project_version()}{tag}")
            found.same("the GPUs", container["resources"]["limits"].get("nvidia.com/gpu"), devices)
    return found.leave("docker/kubernetes: base and gpu, secret.example.yaml, pod-monitor.yaml")


if __name__ == "__main__":
    sys.exit(main())
