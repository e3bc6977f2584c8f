"""A world in which one blueprint of the catalog is ordered: CloudFormation takes its time, events
travel, and workflows really start.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.workflow.cloudformation import CloudFormation
from tests.workflow.world import ADA, DOMAIN, REPOSITORY, SECRET, World, tree

from autoprovision.deployer.blueprint_folder import (
    BlueprintFolder,
    read_blueprint_folder,
    read_price_book,
)
from autoprovision.domain.blueprint import Catalog, PublishedBlueprint, PublishMethod
from autoprovision.domain.request import Request, TargetEnvironment
from autoprovision.domain.stack import StackResource

ROOT = Path(__file__).resolve().parents[2]
CATALOG = ROOT / "catalog"
REQUEST_ID = "req_01jd0000000000000000000000"


def blueprints() -> list[BlueprintFolder]:
    """Everything whose code goes live without a build."""
    prices = read_price_book(CATALOG / "prices.yaml")
    folders = sorted(path.parent for path in CATALOG.glob("*/blueprint.yaml"))
    read = [read_blueprint_folder(folder, prices) for folder in folders]
    return [one for one in read if one.manifest.publish.method is not PublishMethod.BUILD]


def bucket_of(stack_id: str) -> str:
    """The bucket of a stack."""
    return f"site-{stack_id.split('/')[1]}"


@dataclass
class SlowCloudFormation(CloudFormation):
    """Stacks that reach their ends when it is time, with an event for each.

    Attributes:
        under_way: stacks and the status that they come to next.
        bucket_is_full: whether something lies in a bucket.
    """

    under_way: dict[str, str] = field(default_factory=dict)
    bucket_is_full: Callable[[str], bool] = lambda bucket: False

    def becomes(self, stack_id: str, status: str) -> None:
        self.outputs = {"Url": "http://shop.test", "BucketName": bucket_of(stack_id)}
        super().becomes(stack_id, status)

    def create(self, arguments: dict[str, Any]) -> dict[str, Any]:
        end, self.create_ends = self.create_ends, None
        try:
            answer = super().create(arguments)
        finally:
            self.create_ends = end
            for stack in self.stacks.values():
                if stack.status == "CREATE_IN_PROGRESS" and end:
                    self.under_way.setdefault(stack.id, end)
        return answer

    def delete(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.calls.append("delete")
        stack = self.find(arguments["StackName"])
        if stack is None or stack.status in {"DELETE_COMPLETE", "DELETE_IN_PROGRESS"}:
            return {}
        end = self.begin_deletion(stack, arguments)
        self.stacks[stack.id] = stack.with_(status="DELETE_IN_PROGRESS")
        self.under_way[stack.id] = end or "DELETE_COMPLETE"
        return {}

    def go_on(self) -> bool:
        """Let everything under way come to its end. Gives whether there was anything."""
        ends = list(self.under_way.items())
        self.under_way.clear()
        for stack_id, end in ends:
            full = end == "DELETE_COMPLETE" and self.bucket_is_full(bucket_of(stack_id))
            self.becomes(stack_id, "DELETE_FAILED" if full else end)
        return bool(ends)

    def resources(self, stack_id: str) -> list[StackResource]:
        status = self.stacks[stack_id].status
        return [
            StackResource(
                logical_id="Site", type="AWS::S3::Bucket", physical_id=bucket_of(stack_id),
                status="DELETE_FAILED" if status == "DELETE_FAILED" else "CREATE_COMPLETE",
            ),
            *self.records(stack_id),
        ]  # fmt: skip

    def ours(self) -> list[Any]:
        return [one for one in self.live if "autoprovision:application" in one.tags]


class CertifiedWorld(World):
    """A platform on which one blueprint can be ordered."""

    def __init__(self, folder: BlueprintFolder) -> None:
        super().__init__()
        self.stacks: SlowCloudFormation = SlowCloudFormation(names=self.names, domain=DOMAIN)
        self.stacks.bucket_is_full = lambda bucket: bucket in self.sites.live
        self.folder = folder
        published = PublishedBlueprint(
            manifest=folder.manifest, digest=folder.digest,
            template_url="https://s3.ap-southeast-1.amazonaws.com/catalog/1",
            role_arn="arn:aws:iam::000000000000:role/stack", resources=folder.parsed.resources,
            recipe_key="recipe" if folder.recipe else None, build_project="build",
        )  # fmt: skip
        prices = read_price_book(CATALOG / "prices.yaml")
        self.catalog.publish(Catalog(
            blueprints=(published,), prices=prices, version="1", networks=tuple(TargetEnvironment),
        ))  # fmt: skip
        self.source.trees[REPOSITORY] = tree("index.html", *folder.manifest.publish.needs)

    def order(
        self, environment: str = "dev", *, request_id: str = REQUEST_ID, name: str = "shop"
    ) -> Request:
        """A private repository's request, admitted by the product's own admission."""
        from autoprovision.usecases import requests

        example = CATALOG / self.folder.manifest.id / "examples" / f"{environment}.json"
        document = json.loads(example.read_text("utf-8"))
        document |= {"ApplicationName": name, "ProjectEmail": "team@uni.edu"}
        if "ProjectURL" in document:  # else it runs a ready-made image
            document |= {"ProjectURL": "github.com/acme/site", "AccessToken": SECRET}
        document.pop("BusinessUnit", None)
        actor = self.users.by_email(ADA).actor()
        return requests.submit(actor, document, self, request_id=request_id)
