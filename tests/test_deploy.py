"""What is deployed with: its commands are commands, containers are built with care, nginx takes its part."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

from jellyfish import cli

DEPLOY = Path(__file__).parents[1] / "deploy"
DOCKERFILE = (DEPLOY / "docker" / "Dockerfile").read_text()
COMPOSE = (DEPLOY / "compose.yml").read_text()
KUBERNETES = (DEPLOY / "kubernetes" / "jellyfish.yml").read_text()
UNIT = (DEPLOY / "systemd" / "jellyfish.service").read_text()
NGINX = (DEPLOY / "proxy" / "nginx.conf").read_text()


def listed(text: str) -> list[str]:
    """The words of a list in YAML, on one line."""
    return [word.strip().strip('"') for word in text.split(",")]


CALLS = {
    "Dockerfile": json.loads(re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.M)[-1]),
    "compose": listed(re.findall(r"command: \[(serve.*)\]", COMPOSE)[0]),
    "kubernetes": listed(re.findall(r"args: \[(serve.*)\]", KUBERNETES)[0]),
    "systemd": shlex.split(re.findall(r"^ExecStart=\S+ (.*)$", UNIT, re.M)[0]),
}


@pytest.mark.parametrize("where", CALLS)
def test_its_command_is_understood(where: str) -> None:
    name, *words = CALLS[where]
    command = typer.main.get_command(cli.app).commands[name]  # type: ignore[attr-defined]
    command.make_context(name, words)  # which parses, and runs nothing


def test_systemd_tells_the_server_alone_to_stop() -> None:
    assert "KillMode=mixed" in UNIT.splitlines()  # workers that are ended with it answer nothing that was received


def instructions(text: str) -> list[tuple[str, str]]:
    """(instruction, what follows) of a Dockerfile, without comments."""
    lines = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.M)).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line.strip())]


def faults(dockerfile: str) -> set[str]:
    """What one should not do: a part of what hadolint looks at."""
    steps = instructions(dockerfile)
    last = max(number for number, (word, _) in enumerate(steps) if word == "FROM")
    images = [rest.split()[0] for word, rest in steps if word == "FROM"]
    users = [rest for word, rest in steps[last:] if word == "USER"]
    installs = [rest for word, rest in steps if word == "RUN" and "pip install" in rest]
    apt = [rest for word, rest in steps if word == "RUN" and "apt-get install" in rest]
    found = {
        "base without a version": any(re.search(r":\d+\.\d+\.\d+", image) is None for image in images),
        "runs as root": not users or users[-1].split(":")[0] in ("0", "root"),
        "user without a number": bool(users) and not users[-1].split(":")[0].isdigit(),
        "no health check": not any(word == "HEALTHCHECK" for word, _ in steps[last:]),
        "ADD": any(word == "ADD" for word, _ in steps),
        "shell form": any(word in ("CMD", "ENTRYPOINT") and not rest.startswith("[") for word, rest in steps),
        "a cache is kept": any("--no-cache-dir" not in rest for rest in installs),
        "lists of packages are kept": any("rm -rf /var/lib/apt/lists" not in rest for rest in apt),
        "sudo": any(re.search(r"\bsudo\b", rest) for _, rest in steps),
    }
    return {fault for fault, there in found.items() if there}


def test_the_dockerfile_has_no_faults() -> None:
    assert faults(DOCKERFILE) == set()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("python:3.12.12-slim-bookworm", "python:latest"), "base without a version"),
        (("USER 10001\n", ""), "runs as root"),
        (("USER 10001", "USER root"), "runs as root"),
        (("HEALTHCHECK", "LABEL x="), "no health check"),
        (("COPY constraints.txt", "ADD constraints.txt"), "ADD"),
        (('ENTRYPOINT ["jellyfish"]', "ENTRYPOINT jellyfish"), "shell form"),
        ((" --no-cache-dir", ""), "a cache is kept"),
    ],
)
def test_faults_are_found(change: tuple[str, str], fault: str) -> None:
    assert fault in faults(DOCKERFILE.replace(*change))


def test_what_the_image_is_made_of_is_there_and_let_in() -> None:
    root = DEPLOY.parent
    let_in = {line[1:] for line in (root / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        name
        for word, rest in instructions(DOCKERFILE)
        if word == "COPY" and not rest.startswith("--from")
        for name in rest.split()[:-1]
    }
    assert copied == let_in
    assert all((root / name).exists() for name in copied)


def test_images_are_pinned_and_whatever_is_mounted_is_there() -> None:
    for image in re.findall(r"image: (\S+/\S+)", COMPOSE + KUBERNETES):
        assert re.search(r":v?\d+\.\d+\.\d+$", image), image
    for path in re.findall(r"[\" ]\.(/[\w/]+):/", COMPOSE):
        assert (DEPLOY / path[1:]).exists(), path


def test_probes_ask_for_pages_that_there_are_and_no_grace_is_shorter_than_the_drain() -> None:
    assert set(re.findall(r"path: (/\w+)", KUBERNETES)) == {"/readyz", "/livez"}
    drain_s = int(re.findall(r'--drain-s, "(\d+)"', KUBERNETES)[0])
    sleep_s = int(re.findall(r'sleep, "(\d+)"', KUBERNETES)[0])
    assert int(re.findall(r"terminationGracePeriodSeconds: (\d+)", KUBERNETES)[0]) > drain_s + sleep_s
    drain_s = int(re.findall(r'--drain-s, "(\d+)"', COMPOSE)[0])
    assert int(re.findall(r"stop_grace_period: (\d+)s", COMPOSE)[0]) > drain_s


@pytest.mark.skipif(
    shutil.which("nginx") is None or shutil.which("openssl") is None, reason="there is no nginx and openssl here to ask"
)
def test_nginx_takes_its_part(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "1",
    ]
    made += ["-subj", "/CN=cameras.example.org", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True, timeout=60)
    part = re.sub(r"ssl_certificate_key .*;", f"ssl_certificate_key {key};", NGINX)
    part = re.sub(r"ssl_certificate  .*;", f"ssl_certificate {certificate};", part)
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{part}}}\n")
    told = subprocess.run(["nginx", "-t", "-c", whole], capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode == 0, told.stderr
