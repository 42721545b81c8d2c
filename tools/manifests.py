"""Renders what k8s/ holds and holds every object against the schema of its kind (`make manifests`).

Kinds of Kubernetes: by kubernetes-validate, which refuses fields that it does not know. Kinds of operators: by the
files of tests/contracts/custom_resources, which know the fields that we use. Runs in the environment of the tools.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import jsonschema
import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parents[1]
KUBERNETES = "1.37"
CUSTOM = ROOT / "tests/contracts/custom_resources"


def folders() -> dict[str, Path]:
    """What is applied as one, by a name for it: small, small-pre, small-servers."""
    found = sorted((ROOT / "k8s/overlays").glob("*/kustomization.yaml")) + sorted(
        path
        for step in ("servers", "pre", "post")
        for path in (ROOT / "k8s/overlays").glob(f"*/{step}/kustomization.yaml")
    )
    return {"-".join(path.parent.relative_to(ROOT / "k8s/overlays").parts): path.parent for path in found}


def render(folder: Path) -> str:
    kubectl = Path(sys.executable).parent / "kubectl"
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"manifests: {folder.relative_to(ROOT)}: {done.stderr.strip()}")
    # To standard error goes what kustomize will refuse one day.
    if done.stderr.strip():
        sys.exit(f"manifests: {folder.relative_to(ROOT)}: {done.stderr.strip()}")
    return done.stdout


def complaints(objects: list[Mapping[str, object]]) -> Iterator[str]:
    names = [name(of) for of in objects]
    yield from (f"{twice} is there twice" for twice in sorted({one for one in names if names.count(one) > 1}))
    for of in objects:
        try:
            validate(of)
        except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
            yield f"{name(of)}: {'.'.join(map(str, error.absolute_path))}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError:
            yield f"{name(of)}: there is no schema of {of['apiVersion']} in {CUSTOM.relative_to(ROOT)}"


def validate(of: Mapping[str, object]) -> None:
    group = re.sub(r"/.*", "", str(of["apiVersion"]))
    schema = CUSTOM / f"{group}-{str(of['kind']).lower()}.json"
    if schema.exists():
        jsonschema.Draft202012Validator(json.loads(schema.read_text(encoding="utf-8"))).validate(of)
    else:
        kubernetes_validate.validate(of, KUBERNETES, strict=True)


def name(of: Mapping[str, object]) -> str:
    metadata = of["metadata"]
    return f"{of['kind']} {metadata['name'] if isinstance(metadata, Mapping) else '?'}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="a folder for what was rendered, one file each")
    parser.add_argument("--json", action="store_true", help="print all objects by folder instead of validating them")
    arguments = parser.parse_args()
    rendered = {known: render(folder) for known, folder in folders().items()}
    objects = {known: [of for of in yaml.safe_load_all(text) if of] for known, text in rendered.items()}
    if arguments.json:
        print(json.dumps(objects))
        return 0
    wrong = [f"{known}: {text}" for known, listed in objects.items() for text in complaints(listed)]
    for line in wrong:
        print(f"manifests: {line}", file=sys.stderr)
    if arguments.write:
        arguments.write.mkdir(exist_ok=True)
        for known, text in rendered.items():
            (arguments.write / f"{known}.yaml").write_text(text, encoding="utf-8")
    print(f"{sum(map(len, objects.values()))} objects of {len(objects)} folders are as their schemas want them")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
