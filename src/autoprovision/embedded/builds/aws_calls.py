"""What a build asks of other services, with the credentials of its service role."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autoprovision.embedded import roles
from autoprovision.embedded.builds.failures import PhaseFailed

_CHUNK = 1024 * 1024
_PARAMETERS_AT_ONCE = 10
_ARN_PARTS = 7


class AwsCalls:
    """The calls of one build."""

    def __init__(self, session: roles.RoleSession, region: str) -> None:
        self._session = session
        self._region = region

    def download(self, bucket: str, key: str, version: str, target: Path) -> None:
        """Bring an S3 object.

        Raises:
            PhaseFailed: It is not there, or the role may not read it.
        """
        wanted = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
        with self._calling("s3", "CLIENT_ERROR") as s3, target.open("wb") as file:
            for chunk in s3.get_object(**wanted)["Body"].iter_chunks(_CHUNK):
                file.write(chunk)

    def upload(self, source: Path, bucket: str, key: str) -> None:
        """Put a file into S3.

        Raises:
            PhaseFailed: The bucket is not there, or the role may not write to it.
        """
        with self._calling("s3", "CLIENT_ERROR") as s3, source.open("rb") as file:
            s3.put_object(Bucket=bucket, Key=key, Body=file)

    def parameters(self, names: Mapping[str, str]) -> dict[str, str]:
        """Values from the parameter store, by the variables they are for.

        Raises:
            PhaseFailed: One is not there, or the role may not read it.
        """
        wanted = sorted(set(names.values()))
        values: dict[str, str] = {}
        with self._calling("ssm", "Decrypted Variables Error") as ssm:
            for start in range(0, len(wanted), _PARAMETERS_AT_ONCE):
                answer = ssm.get_parameters(
                    Names=wanted[start : start + _PARAMETERS_AT_ONCE], WithDecryption=True
                )
                values |= {found["Name"]: found["Value"] for found in answer["Parameters"]}
        if missing := [name for name in wanted if name not in values]:
            raise PhaseFailed(
                "Decrypted Variables Error", f"parameter does not exist: {', '.join(missing)}"
            )
        return {variable: values[name] for variable, name in names.items()}

    def secret(self, reference: str) -> str:
        """A secret's value by `id:json-key:version-stage:version-id`, the id being an ARN or name.

        Raises:
            PhaseFailed: It or its key is not there, or the role may not read it.
        """
        parts = reference.split(":")
        length = _ARN_PARTS if reference.startswith("arn:") else 1
        key, stage, version = [*parts[length:], "", "", ""][:3]
        named = {"SecretId": ":".join(parts[:length])}
        chosen = {"VersionStage": stage, "VersionId": version}
        with self._calling("secretsmanager", "Secrets Manager Error") as client:
            text = client.get_secret_value(
                **named, **{name: value for name, value in chosen.items() if value}
            )["SecretString"]
        if not key:
            return str(text)
        try:
            return str(json.loads(text)[key])
        except (ValueError, KeyError, TypeError) as problem:
            raise PhaseFailed(
                "Secrets Manager Error", f"the secret {named['SecretId']} has no key {key}"
            ) from problem

    @contextmanager
    def _calling(self, service: str, code: str) -> Iterator[Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            with roles.acting_as(self._session):
                yield roles.client(service, self._region)
        except ClientError as problem:
            error = problem.response.get("Error", {})
            status = problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            raise PhaseFailed(
                code, f"{error.get('Code')}: {error.get('Message')} status code: {status}"
            ) from problem
        except BotoCoreError as problem:
            raise PhaseFailed(code, str(problem)) from problem
