"""The environment the embedded AWS runs in: named variables only, nothing of the host leaks in.

Functions inherit the server's environment, so whatever the host's shell knows (tokens, profiles)
must not reach it.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

DATA_VARIABLE = "EMBEDDED_AWS_DATA"
ACCOUNT_ID = "123456789012"
# Where builds and functions reach the internet through a proxy, they need to know it.
_INHERITED = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
)
# How npm and pip reach the packages of this machine.
_INHERITED_PREFIXES = ("NPM_CONFIG_", "npm_config_", "PIP_")
_LOOPBACK_NAMES = "127.0.0.1,localhost,.localhost"


def server_environment(data: Path, port: int, region: str, secret: str) -> dict[str, str]:
    """The variables of one server: MiniStack's settings, all paths below `data`.

    Args:
        data: The server's folder.
        port: The one TCP port it listens on.
        region: The AWS region it plays.
        secret: The secret access key of the account's root.
    """
    inherited = {name: value for name, value in os.environ.items() if is_inherited(name)}
    bypass = ",".join(filter(None, [os.environ.get("NO_PROXY", ""), _LOOPBACK_NAMES]))
    return {
        **inherited,
        "NO_PROXY": bypass,
        "no_proxy": bypass,
        "HOME": str(data / "home"),
        "TMPDIR": str(data / "tmp"),
        "PYTHONPATH": os.pathsep.join(_package_folders()),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        DATA_VARIABLE: str(data),
        **_aws_settings(region, secret),
        **_ministack_settings(data, port, region),
    }


def is_inherited(name: str) -> bool:
    """Whether a variable of the host also holds for the server and its builds."""
    return name in _INHERITED or name.startswith(_INHERITED_PREFIXES)


def _package_folders() -> list[str]:
    """Where this package was imported from, so that the server runs the same code."""
    source = str(Path(__file__).resolve().parents[2])
    return [source] if source in (str(Path(entry).resolve()) for entry in sys.path) else []


def _aws_settings(region: str, secret: str) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": ACCOUNT_ID,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _ministack_settings(data: Path, port: int, region: str) -> dict[str, str]:
    return {
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "localhost",
        "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
        "MINISTACK_REGION": region,
        "S3_DATA_DIR": str(data / "s3"),
        "STATE_DIR": str(data / "state"),
        "PERSIST_STATE": "0",
        "S3_PERSIST": "0",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        # A socket that is not there: Docker is never looked for.
        "DOCKER_HOST": f"unix://{data / 'no-docker.sock'}",
    }


def folders(data: Path) -> list[Path]:
    """The folders that the environment names and that must exist before the start."""
    return [data / name for name in ("home", "tmp", "s3", "state")]


def overridden(environment: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """The environment with a caller's own settings, such as SFN_WAIT_SCALE, above it."""
    return {**environment, **extra}
