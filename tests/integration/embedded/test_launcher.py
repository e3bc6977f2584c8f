"""The embedded AWS starts, is found and stops, whatever happens in between."""

import errno
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoprovision.embedded import launcher, processes, state
from autoprovision.embedded.environment import DATA_VARIABLE
from autoprovision.embedded.errors import EmbeddedAwsError


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    launcher.stop(folder)


def left_behind(data: Path) -> list[int]:
    return processes.marked_processes(f"{DATA_VARIABLE}={data}")


def listening_addresses(pid: int) -> set[str]:
    """The local addresses a process listens on, from the kernel's own table."""
    inodes = set()
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(str(handle.readlink()))
        except FileNotFoundError:
            continue
    found = set()
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = row.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                found.add(fields[1])
    return found


def test_it_starts_once_listens_on_loopback_only_and_stops(data: Path):
    aws = launcher.start(data)
    assert launcher.start(data) == aws == launcher.status(data)
    assert aws.client("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{aws.account_id}:root"
    assert listening_addresses(aws.pid) == {f"0100007F:{aws.port:04X}"}
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / state.STATE_FILE).stat().st_mode) == 0o600
    assert aws.secret_access_key not in repr(aws)
    assert launcher.stop(data) is True
    assert (launcher.status(data), launcher.stop(data), left_behind(data)) == (None, False, [])


def test_two_run_side_by_side_and_the_port_is_remembered(data: Path, tmp_path: Path):
    first, other = launcher.start(data), tmp_path / "other"
    try:
        second = launcher.start(other, region="eu-west-1")
        assert first.port != second.port
        second.client("sqs").create_queue(QueueName="only-there")
        assert not first.client("sqs").list_queues().get("QueueUrls")
        assert "eu-west-1" in second.client("sns").create_topic(Name="t")["TopicArn"]
    finally:
        launcher.stop(other)
    launcher.stop(data)
    assert launcher.start(data).port == first.port


def test_a_dead_server_is_noticed_and_replaced(data: Path):
    first = launcher.start(data)
    os.kill(first.pid, signal.SIGKILL)
    processes.collect_child(first.pid)
    deadline = time.monotonic() + 10
    while processes.started_at(first.pid) is not None:
        assert time.monotonic() < deadline
        processes.collect_child(first.pid)
    assert launcher.status(data) is None
    assert not (data / state.STATE_FILE).exists()
    assert launcher.start(data).pid != first.pid


def test_a_process_id_that_was_given_to_another_program_is_left_alone(data: Path):
    aws = launcher.start(data)
    launcher.stop(data)
    bystander = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        stale = state.EmbeddedAws(**{**aws.__dict__, "pid": bystander.pid})
        state.save(state.SavedState(stale, "long ago"))
        assert launcher.status(data) is None
        state.save(state.SavedState(stale, "long ago"))
        assert launcher.stop(data) is False
        assert bystander.poll() is None
    finally:
        bystander.communicate(b"\n")


SLEEPER = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)'], start_new_session=True)\ndef handler(event, context): return 1\n"


def test_stopping_ends_what_functions_started_even_in_sessions_of_their_own(data: Path):
    import io
    import zipfile

    aws = launcher.start(data)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", SLEEPER)
    trust = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
    )
    role = aws.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"][
        "Arn"
    ]
    functions = aws.client("lambda")
    functions.create_function(
        FunctionName="f",
        Runtime="python3.13",
        Handler="index.handler",
        Role=role,
        Code={"ZipFile": code.getvalue()},
        Timeout=20,
    )
    assert functions.invoke(FunctionName="f")["StatusCode"] == 200
    assert len(left_behind(data)) == 3  # the server, the function, and what it started
    assert launcher.stop(data) is True
    assert left_behind(data) == []


def test_a_busy_port_is_named(data: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EmbeddedAwsError, match=f"Port {port} is busy"):
            launcher.start(data, port=port)
    assert left_behind(data) == []


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "not permitted"),
        (OverflowError("port must be 0-65535"), "not a TCP port"),
    ],
)
def test_a_port_that_cannot_be_is_named(
    data: Path, monkeypatch: pytest.MonkeyPatch, problem: Exception, said: str
):
    def refuse(port: int) -> int:
        raise problem

    monkeypatch.setattr(launcher, "_bind", refuse)
    with pytest.raises(EmbeddedAwsError, match=said):
        launcher.start(data, port=80)


def test_a_folder_that_is_a_file_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedAwsError, match="cannot be used"):
        launcher.start(tmp_path / "file" / "below")


def test_a_full_disk_is_named_and_nothing_runs(data: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(saved: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(state, "save", refuse)
    with pytest.raises(EmbeddedAwsError, match="is full"):
        launcher.start(data)
    assert left_behind(data) == []


def test_a_server_that_dies_says_its_last_words(data: Path):
    with pytest.raises(
        EmbeddedAwsError, match=r"could not convert string to float: .never."
    ) as died:
        launcher.start(data, extra_environment={"LAMBDA_WARM_TTL_SECONDS": "never"})
    assert str(data) in died.value.hint
    assert launcher.status(data) is None
    assert left_behind(data) == []


def test_a_server_that_is_never_ready_is_ended(data: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(launcher, "_START_SECONDS", 0.3)
    monkeypatch.setattr(launcher, "_is_ready", lambda aws: False)
    with pytest.raises(EmbeddedAwsError, match="not ready after"):
        launcher.start(data)
    assert left_behind(data) == []


def test_an_interrupt_in_the_middle_leaves_nothing(data: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupt(aws: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(launcher, "_is_ready", interrupt)
    with pytest.raises(KeyboardInterrupt):
        launcher.start(data)
    assert left_behind(data) == []
    assert not (data / state.STATE_FILE).exists()


def test_a_server_outlives_the_process_that_started_it(data: Path):
    code = f"from pathlib import Path; from autoprovision.embedded import launcher; print(launcher.start(Path({str(data)!r})).pid)"
    started = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    aws = launcher.status(data)
    assert aws is not None
    assert aws.pid == int(started.stdout)
    with urllib.request.urlopen(f"{aws.endpoint_url}/_ministack/ready", timeout=5) as answer:
        assert answer.status == 200
    assert launcher.stop(data) is True
    assert left_behind(data) == []
