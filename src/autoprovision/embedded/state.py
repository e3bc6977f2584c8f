"""What is known about one running embedded AWS, and the file that remembers it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STATE_FILE = "embedded-aws.json"
LOG_FILE = "embedded-aws.log"
_PORT_FILE = "embedded-aws.port"


@dataclass(frozen=True)
class EmbeddedAws:
    """A running embedded AWS and the credentials of its account's root."""

    endpoint_url: str
    region: str
    port: int
    pid: int
    account_id: str
    access_key_id: str
    secret_access_key: str
    data: Path
    log: Path

    def client(self, service: str) -> Any:
        """A boto3 client of a service, with the root's credentials."""
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.endpoint_url,
            region_name=self.region,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
        )

    def environment(self) -> dict[str, str]:
        """The AWS_* variables that point the aws CLI, SAM or any SDK here."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def __repr__(self) -> str:
        """Everything but the secret."""
        return f"EmbeddedAws({self.endpoint_url!r}, region={self.region!r}, pid={self.pid})"


@dataclass(frozen=True)
class SavedState:
    """The state file's content: the server and when its process started."""

    aws: EmbeddedAws
    started_at: str


def save(state: SavedState) -> None:
    """Write the state file whole or not at all, readable by its owner only."""
    aws = state.aws
    content = {
        "endpointUrl": aws.endpoint_url,
        "region": aws.region,
        "port": aws.port,
        "pid": aws.pid,
        "startedAt": state.started_at,
        "accountId": aws.account_id,
        "accessKeyId": aws.access_key_id,
        "secretAccessKey": aws.secret_access_key,
    }
    target = aws.data / STATE_FILE
    draft = target.with_suffix(".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(content, file, indent=1)
    draft.replace(target)
    (aws.data / _PORT_FILE).write_text(str(aws.port))


def load(data: Path) -> SavedState | None:
    """The remembered server, or None; an unreadable file counts as none and is removed."""
    try:
        content = json.loads((data / STATE_FILE).read_text())
        aws = EmbeddedAws(
            endpoint_url=content["endpointUrl"],
            region=content["region"],
            port=content["port"],
            pid=content["pid"],
            account_id=content["accountId"],
            access_key_id=content["accessKeyId"],
            secret_access_key=content["secretAccessKey"],
            data=data,
            log=data / LOG_FILE,
        )
        return SavedState(aws, content["startedAt"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        forget(data)
        return None


def forget(data: Path) -> None:
    """Remove the state file; the port is remembered for the next start."""
    (data / STATE_FILE).unlink(missing_ok=True)
    (data / STATE_FILE).with_suffix(".new").unlink(missing_ok=True)


def remembered_port(data: Path) -> int | None:
    """The port of the last run, so that URLs handed out then stay true."""
    try:
        return int((data / _PORT_FILE).read_text())
    except (FileNotFoundError, ValueError):
        return None
