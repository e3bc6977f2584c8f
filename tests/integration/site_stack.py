"""One deployed stack of the static-site blueprint for the integration tests, and ways to harm it."""

import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from autoprovision.aws.site_bucket import SiteBucket
from autoprovision.domain.git_source import SourceFile, SourceTree
from autoprovision.embedded.launcher import EmbeddedAws

TEMPLATE = Path(__file__).parents[2] / "catalog/static-site/template.yaml"
_NUMBERS = iter(range(1, 1000))


def tree_of(commit: str, files: dict[str, bytes]) -> SourceTree:
    return SourceTree(
        commit * 40,
        {
            path: SourceFile(path, len(text), False, "0" * 40, lambda text=text: text)
            for path, text in sorted(files.items())
        },
    )


ONE = tree_of(
    "1",
    {
        "index.html": b"<h1>one</h1>",
        "old.html": b"only in one",
        "docs/index.html": b"docs",
        "app.3f2a9c1b.js": b"let one",
        "style.css": b"p{}",
        ".env": b"SECRET=canary",
        ".well-known/security.txt": b"Contact: x",
    },
)
TWO = tree_of("2", {"index.html": b"<h1>two</h1>", "new.html": b"only in two", "404.html": b"lost"})
THREE = tree_of("3", {"index.html": b"<h1>three</h1>"})


class Site:
    """One deployed stack of the blueprint, and how a visitor sees it."""

    def __init__(self, aws: EmbeddedAws, **parameters: str) -> None:
        self.aws = aws
        self.s3, self.cloudfront = aws.client("s3"), aws.client("cloudfront")
        self.cloudformation = aws.client("cloudformation")
        number = next(_NUMBERS)
        self.stack = f"ap-dev-site{number}-1"
        self.parameters = {
            "ApplicationName": f"site{number}",
            "TargetEnvironment": "dev",
            "ApplicationId": f"app_{number:026d}",
            "BusinessUnit": "physics",
            "Owner": "someone",
            "BucketName": f"autoprovision-site-{number:026d}",
            "UrlScheme": "http",
            **parameters,
        }
        self.cloudformation.create_stack(
            StackName=self.stack, TemplateBody=TEMPLATE.read_text(), Parameters=self._listed()
        )
        self.outputs = self.settled("CREATE_COMPLETE")
        self.sites = SiteBucket(self.s3, self.cloudfront, sleep=lambda _: None)

    def _listed(self) -> list[dict[str, str]]:
        return [{"ParameterKey": k, "ParameterValue": v} for k, v in self.parameters.items()]

    def settled(self, wanted: str) -> dict[str, str]:
        deadline = time.monotonic() + 30
        while True:
            seen = self.cloudformation.describe_stacks(StackName=self.stack)["Stacks"][0]
            if not seen["StackStatus"].endswith("_IN_PROGRESS"):
                break
            assert time.monotonic() < deadline, seen
            time.sleep(0.05)
        assert seen["StackStatus"] == wanted, seen
        return {o["OutputKey"]: o["OutputValue"] for o in seen["Outputs"]}

    def update(self, **parameters: str) -> None:
        self.parameters |= parameters
        self.cloudformation.update_stack(
            StackName=self.stack, UsePreviousTemplate=True, Parameters=self._listed()
        )
        self.settled("UPDATE_COMPLETE")

    def get(self, path: str) -> tuple[int, bytes, Any]:
        try:
            with urllib.request.urlopen(self.outputs["Url"] + path, timeout=10) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read(), refused.headers

    def home(self) -> bytes:
        return self.get("/")[1]

    def stored(self) -> set[str]:
        listed = self.s3.list_objects_v2(Bucket=self.outputs["SiteBucket"])
        return {entry["Key"] for entry in listed.get("Contents", [])}

    def folders(self) -> set[str]:
        return {key.split("/")[1] for key in self.stored() if key.startswith("releases/")}

    def invalidations(self) -> int:
        listed = self.cloudfront.list_invalidations(DistributionId=self.outputs["DistributionId"])
        return len(listed["InvalidationList"].get("Items", []))

    def through(self, s3: Any = None, cloudfront: Any = None) -> SiteBucket:
        """The same site with clients that do harm."""
        return SiteBucket(s3 or self.s3, cloudfront or self.cloudfront, sleep=lambda _: None)


class Killed(BaseException):
    """The process ends here, as by kill -9: nothing may catch it."""


class Harming:
    """A client whose operations pass through `harm`, which may raise or swallow."""

    def __init__(self, client: Any, **harm: Any) -> None:
        self._client = client
        self._harm = harm
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)
        if name == "get_paginator":
            return real

        def call(**arguments: Any) -> Any:
            self.calls.append(name)
            if name in self._harm:
                return self._harm[name](real, self.calls.count(name), arguments)
            return real(**arguments)

        return call


def killed_at(number: int) -> Any:
    def harm(real: Any, count: int, arguments: dict[str, Any]) -> Any:
        if count >= number:
            raise Killed
        return real(**arguments)

    return harm
