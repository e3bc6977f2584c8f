"""The script that makes a machine a node, played with programs that write down how they are called."""

import os
import subprocess
from email import message_from_string
from pathlib import Path

import pytest
from tests.catalog.test_folders import FOLDERS, document

PROGRAMS = ("dnf", "systemctl", "docker")


def script(place: Path) -> str:
    """The machine's script for Sepolia, its data in a folder of the test."""
    (folder,) = [one for one in FOLDERS if one.manifest.id == "dapp"]
    template = document(folder)
    text, names = template["Resources"]["NodeMachine"]["Properties"]["UserData"]["Fn::Base64"][
        "Sub"
    ]
    values = {name: template["Parameters"][name]["Default"] for name in ("ExecutionImage", "ConsensusImage")}  # fmt: skip
    for name, value in names.items():
        assert value["If"][0] == "IsMainnet"
        values[name] = value["If"][2]
    for name, value in values.items():
        text = text.replace("${" + name + "}", value)
    assert "${" not in text
    settings, program = message_from_string(text).get_payload()
    assert settings.get_content_type() == "text/cloud-config"
    assert "[scripts-user, always]" in settings.get_payload()
    assert program.get_content_type() == "text/x-shellscript"
    return str(program.get_payload()).replace("/var/lib/node", str(place))


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder with programs that write down how they are called."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in PROGRAMS:
        program = programs / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/calls\n')
        program.chmod(0o755)
    # Nothing to remove yet is no fault.
    (programs / "docker").write_text(
        f'#!/bin/sh\necho docker "$@" >> {tmp_path}/calls\ntest "$1" != rm\n'
    )
    return tmp_path


def start(machine: Path) -> list[str]:
    """Start the machine once; what was called since."""
    (machine / "calls").write_text("")
    subprocess.run(
        ["bash", "-c", script(machine / "node")], check=True, capture_output=True, timeout=60,
        env={"PATH": f"{machine}/bin:{os.environ['PATH']}"},
    )  # fmt: skip
    return (machine / "calls").read_text().splitlines()


def test_both_clients_run_and_meet(machine: Path):
    calls = start(machine)
    execution, consensus = [one for one in calls if one.startswith("docker run")]
    assert "--name execution --restart always" in execution
    assert " ethereum/client-go:v" in execution
    assert " --sepolia " in execution
    assert " --http.api eth,net,web3" in execution
    assert " sigp/lighthouse:v" in consensus
    assert " --network sepolia " in consensus
    assert "--execution-endpoint http://127.0.0.1:8551 --execution-jwt /data/jwt" in consensus
    for one in (execution, consensus):
        assert f"--volume {machine}/node:/data" in one
        assert "--read-only" in one
        assert "--publish" not in one
    secret = machine / "node" / "jwt"
    assert len(secret.read_text().strip()) == 64
    assert (machine / "node").stat().st_mode & 0o077 == 0


def test_the_next_start_takes_new_clients_and_keeps_what_there_is(machine: Path):
    start(machine)
    secret = (machine / "node" / "jwt").read_text()
    (machine / "node" / "execution").mkdir()
    calls = start(machine)
    removed = [one for one in calls if one.startswith("docker rm")]
    assert removed == ["docker rm --force execution", "docker rm --force consensus"]
    assert len([one for one in calls if one.startswith("docker run")]) == 2
    assert (machine / "node" / "jwt").read_text() == secret
    assert (machine / "node" / "execution").is_dir()
    assert "dnf" not in {one.split()[0] for one in calls}, "docker is there already"
