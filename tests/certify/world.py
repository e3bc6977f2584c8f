"""A world in which one blueprint of the catalog is ordered: CloudFormation and CodeBuild take their
time, events travel, and workflows really start.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.certify.cloudformation import Shape, SlowChangeSets, SlowCloudFormation, bucket_of
from tests.certify.codebuild import SlowCodeBuild
from tests.workflow.world import ADA, DOMAIN, REPOSITORY, SECRET, World

from autoprovision.deployer.blueprint_folder import BlueprintFolder, read_blueprint_folder
from autoprovision.deployer.price_books import read_price_book
from autoprovision.domain.application import Application
from autoprovision.domain.blueprint import (
    Catalog,
    Publish,
    PublishedBlueprint,
    PublishMethod,
    PublishTarget,
)
from autoprovision.domain.git_source import SourceFile, SourceTree
from autoprovision.domain.price import PriceBook
from autoprovision.domain.request import Request, TargetEnvironment
from autoprovision.domain.stack import StackResource
from autoprovision.usecases.updates import LIVE_IMAGE, LIVE_PATH

ROOT = Path(__file__).resolve().parents[2]
CATALOG = ROOT / "catalog"
REQUEST_ID = "req_01jd0000000000000000000000"
# Where an update finds its code, and what is there.
OTHER, OTHER_COMMIT = REPOSITORY + "-2", "decade" * 6
IMAGES = "123456789012.dkr.ecr.ap-southeast-1.amazonaws.com"
_TEMPLATE = "https://s3.ap-southeast-1.amazonaws.com/catalog/"


def blueprints() -> list[BlueprintFolder]:
    """Everything that can be ordered."""
    prices = read_price_book(CATALOG / "prices.yaml")
    folders = sorted(path.parent for path in CATALOG.glob("*/blueprint.yaml"))
    return [read_blueprint_folder(folder, prices) for folder in folders]


def _needed(publish: Publish) -> Iterator[str]:
    """A file for everything that any tech stack of a blueprint needs."""
    yield from publish.needs
    for stack in publish.stacks.values():
        for one in stack.files:
            yield (one if isinstance(one, str) else one[0]).replace("*", "shop")


def _code(commit: str, *paths: str) -> SourceTree:
    made = {
        path: SourceFile(path, 2, False, "0" * 40, lambda: b"hi") for path in dict.fromkeys(paths)
    }
    return SourceTree(commit, made)


@dataclass(frozen=True)
class Standing:
    """How an application stands: what a failed update has to leave."""

    application: Application
    shape: Shape
    release: str
    secrets: frozenset[str]


class CertifiedWorld(World):
    """A platform on which one blueprint can be ordered.

    Attributes:
        before: how the application stood when the workflow began, if there was one.
    """

    def __init__(self, folder: BlueprintFolder) -> None:
        super().__init__()
        self.folder = folder
        self.before: Standing | None = None
        publish = folder.manifest.publish
        is_built = publish.method is PublishMethod.BUILD
        self.target = publish.target if publish.method is not PublishMethod.NONE else None
        self.stacks: SlowCloudFormation = SlowCloudFormation(
            names=self.names, domain=DOMAIN, outputs_of=self._outputs,
            more_resources=self._running, applied=self._applied,
            bucket_is_full=lambda bucket: bucket in self.sites.live,
            defaults=_DEFAULTS.get(self.target, {}),
        )  # fmt: skip
        self.change_sets = SlowChangeSets(self.stacks)
        self.code_build = SlowCodeBuild(self, output=self._built)
        self._published = PublishedBlueprint(
            manifest=folder.manifest, digest=folder.digest, template_url=_TEMPLATE + "1",
            role_arn="arn:aws:iam::000000000000:role/stack", resources=folder.parsed.resources,
            recipe_key="recipe" if is_built else None, build_project="build",
        )  # fmt: skip
        self._publish(self._published, read_price_book(CATALOG / "prices.yaml"))
        for url, commit in ((REPOSITORY, "c0ffee" * 6), (OTHER, OTHER_COMMIT)):
            self.source.trees[url] = _code(commit, "index.html", *_needed(publish))

    def _publish(self, one: PublishedBlueprint, prices: PriceBook) -> None:
        self.catalog.publish(Catalog(
            blueprints=(one,), prices=prices, version=one.manifest.version,
            networks=tuple(TargetEnvironment),
        ))  # fmt: skip

    def publish_next(self) -> None:
        """A newer version of the blueprint, with another template and at twice the price."""
        prices = self.catalog.catalog().prices
        dearer = {name: one.with_(cents=one.cents * 2) for name, one in prices.prices.items()}
        manifest = self.folder.manifest.model_copy(update={"version": "9.0.0"})
        following = {"manifest": manifest, "digest": "sha256:9", "template_url": _TEMPLATE + "2"}
        self._publish(
            self._published.model_copy(update=following), prices.with_(prices=dearer, version="2")
        )

    # What stacks have, and what becomes of it.

    def _outputs(self, stack_id: str) -> dict[str, str]:
        name = stack_id.split("/")[1]
        application = self.stacks.stacks[stack_id].tags.get("autoprovision:application")
        return {
            "Url": "http://shop.test", "BucketName": bucket_of(stack_id), "FunctionName": f"f-{name}",
            "ClusterName": "dev", "ServiceName": f"s-{name}", "RepositoryUri": f"{IMAGES}/{name}",
            "BuildRoleArn": f"arn:aws:iam::000000000000:role/it-app-{application}-build", "Nodes": "1",
        }  # fmt: skip

    def _running(self, stack_id: str) -> list[StackResource]:
        """What runs an application's code, besides its bucket."""
        outputs = self._outputs(stack_id)
        service = f"arn:aws:ecs:memory:000000000000:service/dev/{outputs['ServiceName']}"
        made = {
            PublishTarget.FUNCTION: (("AWS::Lambda::Function", outputs["FunctionName"]),),
            PublishTarget.SERVICE: (
                ("AWS::ECS::Service", service),
                ("AWS::ECS::TaskDefinition", f"{service.replace('service/dev', 'task')}:1"),
            ),
        }
        return [
            StackResource(
                logical_id=kind.rpartition(":")[2], type=kind, physical_id=physical,
                status="CREATE_COMPLETE",
            )
            for kind, physical in made.get(self.target, ())
        ]  # fmt: skip

    def _applied(self, stack_id: str, before: Shape, now: Shape) -> None:
        """A stack's resources are made anew where its template or parameters differ."""
        outputs = self._outputs(stack_id)
        if self.target is PublishTarget.SITE and _differ(LIVE_PATH, before, now):
            self.sites.paths[bucket_of(stack_id)] = now.parameters[LIVE_PATH]
        if self.target is PublishTarget.SERVICE and _differ(LIVE_IMAGE, before, now):
            self.services.live[outputs["ServiceName"]] = now.parameters[LIVE_IMAGE]
        if self.target is PublishTarget.FUNCTION and before.template != now.template:
            # A newer template may come with another placeholder.
            self.functions.live[outputs["FunctionName"]] = "placeholder"

    def _built(self, variables: dict[str, str]) -> dict[str, str]:
        image = f"{variables['OUTPUT_RepositoryUri']}:{variables['COMMIT'][:12]}"
        return {
            "index.html": variables["COMMIT"], "index.py": variables["COMMIT"],
            "image.json": json.dumps({"image": image}),
        }  # fmt: skip

    def live_release(self, stack_id: str) -> str:
        """What runs at an application."""
        outputs = self._outputs(stack_id)
        return {
            PublishTarget.SITE: self.sites.paths.get(bucket_of(stack_id), ""),
            PublishTarget.FUNCTION: self.functions.live.get(outputs["FunctionName"], ""),
            PublishTarget.SERVICE: self.services.live.get(outputs["ServiceName"], ""),
            None: "",
        }[self.target]

    def note_standing(self) -> None:
        """How the application stands now; it does not expire while questions wait for days."""
        for one in self.records.applications(None, limit=1).items:
            if one.stack_id is None:
                continue
            application = self.records.patch_application(one.id, expires_at=None)
            self.before = Standing(
                application, self.stacks.shapes[application.stack_id],
                self.live_release(application.stack_id), frozenset(self.secrets.kept),
            )  # fmt: skip

    def order(
        self, environment: str = "dev", *, request_id: str = REQUEST_ID, name: str = "shop"
    ) -> Request:
        """A private repository's request, admitted by the product's own admission."""
        from autoprovision.usecases import submission

        example = CATALOG / self.folder.manifest.id / "examples" / f"{environment}.json"
        document = json.loads(example.read_text("utf-8"))
        document |= {"ApplicationName": name, "ProjectEmail": "team@uni.edu"}
        if "ProjectURL" in document:  # else it runs a ready-made image
            document |= {"ProjectURL": "github.com/acme/site", "AccessToken": SECRET}
        document.pop("BusinessUnit", None)
        actor = self.users.by_email(ADA).actor()
        return submission.submit(actor, document, self, request_id=request_id)


_DEFAULTS: Mapping[Any, dict[str, str]] = {
    PublishTarget.SITE: {LIVE_PATH: "/releases/first"},
    PublishTarget.SERVICE: {LIVE_IMAGE: ""},
}


def _differ(name: str, before: Shape, now: Shape) -> bool:
    return before.parameters.get(name) != now.parameters.get(name)
