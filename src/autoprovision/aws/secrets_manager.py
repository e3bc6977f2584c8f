"""The port `SecretStore` on Secrets Manager: only ARNs travel."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from autoprovision.aws.answers import answering, code_of
from autoprovision.domain.errors import NotFoundError
from autoprovision.ports.pages import Page

_SERVICE = "Secrets Manager"
_MOST = 100
_MISSING = "ResourceNotFoundException"


class SecretsManagerStore:
    """One secret a request, named after it."""

    def __init__(self, client: Any, *, platform_name: str) -> None:
        self._client = client
        self._platform_name = platform_name

    def put(self, request_id: str, secrets: Mapping[str, str]) -> str:
        """Keep a request's secrets; putting them again gives the same ARN."""
        name = f"{self._platform_name}/requests/{request_id}"
        # Of the request's id alone: a digest of a secret would stand in CloudTrail.
        token = hashlib.sha256(request_id.encode()).hexdigest()
        with answering(_SERVICE):
            try:
                answer = self._client.create_secret(
                    Name=name, SecretString=json.dumps(dict(secrets)), ClientRequestToken=token,
                    Description="Credentials for a project's repository.",
                    Tags=[
                        {"Key": "autoprovision:request", "Value": request_id},
                        {"Key": "autoprovision:platform", "Value": self._platform_name},
                    ],
                )  # fmt: skip
            except ClientError as error:
                if code_of(error) != "ResourceExistsException":
                    raise
                answer = self._client.describe_secret(SecretId=name)
        return str(answer["ARN"])

    def get(self, arn: str) -> dict[str, str]:
        """The secrets.

        Raises:
            NotFoundError: they were forgotten.
        """
        with answering(_SERVICE):
            try:
                answer = self._client.get_secret_value(SecretId=arn)
            except ClientError as error:
                # Asked for while it is being deleted, it answers InvalidRequestException.
                if code_of(error) not in {_MISSING, "InvalidRequestException"}:
                    raise
                raise NotFoundError("The secrets of this request are forgotten.") from error
        return dict(json.loads(answer["SecretString"]))

    def list(self, *, limit: int, after: str | None = None) -> Page[tuple[str, str]]:
        """The ARN of everything that is kept, with the request that it was kept for; no secret."""
        prefix = f"{self._platform_name}/requests/"
        start = {"NextToken": after} if after else {}
        with answering(_SERVICE):
            page = self._client.list_secrets(
                Filters=[{"Key": "name", "Values": [prefix]}], MaxResults=min(limit, _MOST), **start
            )
        found = [
            (str(one["ARN"]), str(one["Name"]).removeprefix(prefix))
            for one in page["SecretList"]
            if str(one["Name"]).startswith(prefix)
        ]
        return Page(tuple(found), page.get("NextToken") or None)

    def forget(self, arn: str) -> None:
        """Delete them at once; gone already is fine."""
        with answering(_SERVICE):
            try:
                self._client.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
            except ClientError as error:
                if code_of(error) != _MISSING:
                    raise
