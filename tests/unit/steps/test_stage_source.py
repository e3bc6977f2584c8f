"""What a build is started with, and what is refused before one starts."""

import pytest
from tests.workflow.world import REPOSITORY, World, catalog, manifest, published

from autoprovision.domain.git_source import SourceError, SourceFile, SourceTree
from autoprovision.steps import approval, build

BUILT = manifest(
    serves=[{"projectType": "Static", "techStacks": ["Hugo"]}],
    publish={
        "method": "build", "recipe": "buildspec.yaml",
        "stacks": {"Hugo": {"files": [["hugo.toml", "*/hugo.toml"]], "tools": ["python3", "sh"]}},
    },
)  # fmt: skip


def staged(*paths: str) -> dict:
    world = World()
    world.catalog.publish(catalog(published(BUILT)))
    files = {path: SourceFile(path, 2, False, "0" * 40, lambda: b"hi") for path in paths}
    world.source.trees[REPOSITORY] = SourceTree("c0ffee" * 6, files)
    request = world.submit(stack="hugo")
    event = {"requestId": request.id, "execution": request.id}
    launch = approval.authorize_launch(event, world)["launch"]
    stack = world.stacks.create({"StackName": launch["stackName"], "Tags": launch["tags"]})
    return build.stage_source({**event, "stackId": stack["StackId"]}, world)["build"]


def test_the_build_is_told_its_stack_and_the_programs_it_needs():
    told = {one["Name"]: one["Value"] for one in staged("hugo.toml")["variables"]}
    assert (told["TECH_STACK"], told["TOOLS"]) == ("Hugo", "python3 sh")


@pytest.mark.parametrize("path", ["sites/deep/hugo.toml", "hugo.toml.orig", "hugoxtoml"])
def test_a_file_elsewhere_or_named_otherwise_does_not_count(path: str):
    with pytest.raises(SourceError, match=r"does not fit Hugo: there is no hugo\.toml or \*/hugo"):
        staged(path)


def test_a_star_stands_for_one_name():
    assert staged("site/hugo.toml")["target"] == "site"
