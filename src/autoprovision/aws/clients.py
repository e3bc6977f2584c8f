"""The clients of AWS services: few, made when first used, shared by a process.

Making one costs 20 to 60 ms of a cold start, so nothing here is made before it is needed.
"""

import threading
from functools import cache
from typing import Any

# A Lambda answers within 29 s or not at all: a call that hangs must leave time to say so.
_CONNECT_SECONDS = 2
_READ_SECONDS = 8
_ATTEMPTS = 3

# boto3 sessions and the making of clients are not safe between threads; clients are.
_making = threading.Lock()


@cache
def _session() -> Any:
    import boto3

    return boto3.Session()


@cache
def _config(service: str, attempts: int) -> Any:
    from botocore.config import Config

    return Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": attempts},
        # Presigned uploads are signed with version 2 otherwise, which newer regions refuse.
        signature_version="s3v4" if service == "s3" else None,
    )


_clients: dict[tuple[str, int, str | None], Any] = {}


def client(service: str, *, repeats: bool = True, region: str | None = None) -> Any:
    """The client of a service, with the credentials of the environment.

    Args:
        service: boto3's name of it, for example `dynamodb`.
        repeats: whether it tries again by itself after an error or a lost answer; False for what
            must not happen twice and has no token against it, which is sending a mail.
        region: another one than the environment's.
    """
    attempts = _ATTEMPTS if repeats else 1
    key = (service, attempts, region)
    found = _clients.get(key)
    if found is None:
        with _making:
            found = _clients.get(key)
            if found is None:
                found = _session().client(
                    service, region_name=region, config=_config(service, attempts)
                )
                _clients[key] = found
    return found
