"""The port `Chat`: an incoming webhook in Slack's format, whose address is a secret.

Who has the address can post, so it stands in Secrets Manager and in no error, log or event. The
host is resolved once and called at the address that was checked: over https, to the public
Internet, without following a redirect.
"""

import ipaddress
import json
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit

import urllib3

from autoprovision.aws.answers import answering
from autoprovision.domain.errors import ConflictError, UnavailableError
from autoprovision.domain.public_addresses import NOTHING_INSIDE, Address

Resolver = Callable[[str, int], Sequence[str]]
_CONNECT_SECONDS, _READ_SECONDS = 5.0, 10.0
_MOST_BYTES = 4096
_HTTPS_PORT = 443
_FIRST_REDIRECT, _FIRST_SERVER_ERROR, _TOO_MANY = 300, 500, 429


def _system_resolver(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Webhook:
    """Posts one message at a time.

    Args:
        client: boto3's `secretsmanager`.
        secret_arn: the secret holds the webhook's URL and nothing else.
        resolver: host and port to addresses.
        may_call: whether a host may be called at an address.
        ca_certs: file of the authorities that are trusted; the system's when None.
    """

    def __init__(
        self, client: Any, *, secret_arn: str, resolver: Resolver = _system_resolver,
        may_call: Callable[[str, Address], bool] = NOTHING_INSIDE.may_call,
        ca_certs: str | None = None,
    ) -> None:  # fmt: skip
        self._client, self._secret_arn = client, secret_arn
        self._resolver, self._may_call, self._ca_certs = resolver, may_call, ca_certs

    def post(self, message: Mapping[str, Any]) -> None:
        """Post a message.

        Raises:
            ConflictError: code WEBHOOK_REFUSED, the address may not be called, or it says no.
            UnavailableError: nothing answers there now.
        """
        with answering("Secrets Manager"):
            answer = self._client.get_secret_value(SecretId=self._secret_arn)
        url = _checked(str(answer["SecretString"]).strip())
        host, port = str(url.hostname), url.port or _HTTPS_PORT
        status = self._send(url, host, port, json.dumps(dict(message)).encode())
        if status >= _FIRST_SERVER_ERROR or status == _TOO_MANY:
            raise UnavailableError(f"The webhook of {host} answers {status}.")
        if status >= _FIRST_REDIRECT:
            raise _refused(f"The webhook of {host} answers {status}; look at the secret.")

    def _address(self, host: str, port: int) -> str:
        try:
            addresses = list(self._resolver(host, port))
        except (OSError, UnicodeError) as error:
            raise UnavailableError(f"The webhook's host {host} has no address now.") from error
        if not addresses or not all(
            self._may_call(host, ipaddress.ip_address(one)) for one in addresses
        ):
            raise _refused(f"The webhook's host {host} is not on the public Internet.")
        return addresses[0]

    def _send(self, url: SplitResult, host: str, port: int, body: bytes) -> int:
        pool = urllib3.HTTPSConnectionPool(
            self._address(host, port), port, server_hostname=host, assert_hostname=host,
            cert_reqs="CERT_REQUIRED", ca_certs=self._ca_certs, retries=False,
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
        )  # fmt: skip
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        headers = {
            "Host": url.netloc, "Content-Type": "application/json", "User-Agent": "autoprovision",
        }  # fmt: skip
        try:
            response = pool.urlopen(
                "POST", target, body=body, headers=headers, redirect=False, preload_content=False
            )
            response.read(_MOST_BYTES)
            response.close()
        except urllib3.exceptions.HTTPError as error:
            # Its text could hold the path, which is the secret.
            kind = type(error).__name__
            raise UnavailableError(f"The webhook of {host} does not answer: {kind}.") from None
        finally:
            pool.close()
        return int(response.status)


def _checked(text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise _refused("The webhook's secret holds no web address.") from None
    if url.scheme != "https" or not url.hostname or port == 0:
        raise _refused("The webhook's secret must hold an https address.")
    if url.username is not None or url.password is not None or not text.isascii():
        raise _refused("The webhook's address may hold no user name and only plain characters.")
    return url


def _refused(message: str) -> ConflictError:
    return ConflictError(message, code="WEBHOOK_REFUSED")
