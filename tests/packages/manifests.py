#!/usr/bin/env python3
"""The Kubernetes manifests, held against Kubernetes' own schemas, and what the schemas do not know: tests/packages/manifests.py FOLDER"""

import pathlib
import sys
import tomllib

import kubernetes_validate
import yaml

# kustomize takes no overlay that lies within its base.
folder = pathlib.Path(sys.argv[1]) / "base"
# The oldest release with ReadWriteOncePod and whenDeleted as they are used, of those whose schemas are there, and the newest.
RELEASES = ["1.29", kubernetes_validate.latest_version()]
# Kinds that Kubernetes does not bring itself.
OTHERS = {"Kustomization", "ServiceMonitor"}

documents = []


def validate(document):
    if document["kind"] not in OTHERS:
        for release in RELEASES:
            kubernetes_validate.validate(document, release, strict=True)


def read(folder):
    for file in sorted(folder.glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            assert document, f"{file}: an empty document"
            yield file, document


for file, document in read(folder):
    documents.append((file, document))
    validate(document)


def only(kind, name=None):
    found = [d for _, d in documents if d["kind"] == kind and name in (None, d.get("metadata", {}).get("name"))]
    assert len(found) == 1, f"{len(found)} of {kind} {name or ''}"
    return found[0]


# Schemas are happy with a misspelt label; a service is not.
stateful = only("StatefulSet")
pod = stateful["spec"]["template"]
labels = pod["metadata"]["labels"].items()
for name, selector in [
    ("StatefulSet", stateful["spec"]["selector"]["matchLabels"]),
    ("Service", only("Service", "kluisd")["spec"]["selector"]),
    ("headless Service", only("Service", stateful["spec"]["serviceName"])["spec"]["selector"]),
    ("PodDisruptionBudget", only("PodDisruptionBudget")["spec"]["selector"]["matchLabels"]),
    ("NetworkPolicy", only("NetworkPolicy")["spec"]["podSelector"]["matchLabels"]),
]:
    assert selector.items() <= labels, f"{name} selects {selector}, the pod has {dict(labels)}"
assert stateful["spec"]["replicas"] == 1, "the store is one pod's"
assert only("Service", stateful["spec"]["serviceName"])["spec"]["clusterIP"] == "None"

# Pod security "restricted", and no writable root.
spec = pod["spec"]
assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
assert not any(spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")) and spec["automountServiceAccountToken"] is False
for container in spec["containers"] + spec.get("initContainers", []):
    context = container["securityContext"]
    assert context["capabilities"] == {"drop": ["ALL"]} and context["allowPrivilegeEscalation"] is False
    assert context["readOnlyRootFilesystem"] is True and "memory" in container["resources"]["limits"]
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    volumes = {v["name"] for v in spec["volumes"]} | {c["metadata"]["name"] for c in stateful["spec"]["volumeClaimTemplates"]}
    assert mounts <= volumes, f"mounted, and not there: {mounts - volumes}"
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for _, service in documents:
        if service["kind"] == "Service":
            assert all(port["targetPort"] in ports for port in service["spec"]["ports"])
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["exec"]["command"][:2] == ["/usr/bin/kluisd", "health"]
assert {port["port"] for rule in only("NetworkPolicy")["spec"]["ingress"] for port in rule["ports"]} == set(ports.values())

# Every file is applied, or named where it says when.
kustomization = folder / "kustomization.yaml"
listed = kustomization.read_text()
for file in folder.glob("*.yaml"):
    assert file == kustomization or f"- {file.name}" in listed, f"{file} is in no kustomization"
for name in only("Kustomization")["resources"]:
    assert (folder / name).exists(), name

# A certificate for every name that the manifests give the service.
configuration = tomllib.loads(only("ConfigMap")["data"]["kluisd.toml"])
for service in ("Service", "kluisd"), ("Service", stateful["spec"]["serviceName"]):
    assert any(only(*service)["metadata"]["name"] in name for name in configuration["tls"]["names"]), service
assert configuration["listen"] == [f"[::]:{port}" for port in ports.values()]
assert configuration["data-dir"].startswith("/var/lib/kluisd/")

# With metrics: the patches, laid over what they are for as kubectl would, are valid as well.
def patched(whole, patch):
    if isinstance(whole, dict) and isinstance(patch, dict):
        return {name: patched(whole.get(name), patch[name]) if name in patch else whole[name] for name in whole | patch}
    # Lists of what has a name or a port are merged by it; any other is replaced.
    key = next((key for key in ("name", "port") if isinstance(patch, list) and all(isinstance(p, dict) and key in p for p in patch)), None)
    if isinstance(whole, list) and key:
        theirs = {entry[key]: entry for entry in patch}
        merged = [patched(entry, theirs.pop(entry[key], {})) for entry in whole]
        return merged + list(theirs.values())
    return patch


metrics = folder.parent / "metrics"
added = {}
for file, document in read(metrics):
    if file.name.endswith(".patch.yaml"):
        whole = patched(only(document["kind"], document["metadata"]["name"]), document)
        validate(whole)
        added[document["kind"]] = whole
    else:
        validate(document)
        added[document["kind"]] = document
monitor = added["ServiceMonitor"]["spec"]
assert monitor["selector"]["matchLabels"].items() <= added["Service"]["metadata"]["labels"].items()
target = {port["name"]: port["targetPort"] for port in added["Service"]["spec"]["ports"]}
proxy = added["StatefulSet"]["spec"]["template"]["spec"]["containers"][1]
assert [target[endpoint["port"]] for endpoint in monitor["endpoints"]] == [port["name"] for port in proxy["ports"]]
assert {7600, 8443} == {port["port"] for rule in added["NetworkPolicy"]["spec"]["ingress"] for port in rule["ports"]}
assert set(added["Kustomization"]["resources"]) | {p["path"] for p in added["Kustomization"]["patches"]} == {"../base"} | {
    file.name for file in metrics.glob("*.yaml")
} - {"kustomization.yaml"}

# The image that is made beside it, and the configuration that it is given.
version = next(line.split('"')[1] for line in pathlib.Path("Cargo.toml").read_text().splitlines() if line.startswith("version = "))
assert spec["containers"][0]["image"] == f"kluisd:{version}", "the image has the version of the workspace"
print(f"{len(documents)} documents, against Kubernetes {' and '.join(RELEASES)}")
