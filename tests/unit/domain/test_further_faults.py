"""Everything that is wrong with a template is named at once, whoever knows it."""

from typing import Any

import pytest
from tests.workflow.world import ADA, World, catalog, manifest, published

from autoprovision.domain.errors import InvalidInputError
from autoprovision.domain.further_faults import further_faults
from autoprovision.domain.git_source import AllowedHosts
from autoprovision.domain.identifiers import new_id
from autoprovision.domain.request import TargetEnvironment, parse_template
from autoprovision.usecases import plans, submission

REQUEST = {
    "ApplicationName": "shop", "TargetEnvironment": "stag", "ProjectType": "Static",
    "ProjectURL": "github.com/acme/site", "ProjectEmail": "team@uni.edu",
}  # fmt: skip
CATALOG = catalog(published(manifest(needsNetwork=True))).model_copy(
    update={"networks": (TargetEnvironment.STAG,)}
)
BAD_URL, BAD_TYPE = {"ProjectURL": "ftp://x"}, {"ProjectType": "Blog"}


def named(**changes: Any) -> tuple[set[str], set[str]]:
    """What the template alone is told of, and what the catalog adds."""
    document = {**REQUEST, **changes}
    with pytest.raises(InvalidInputError) as told:
        parse_template(document)
    more = further_faults(document, told.value.faults, CATALOG, AllowedHosts.parse("github.com"))
    return {one.pointer for one in told.value.faults}, {one.pointer for one in more}


@pytest.mark.parametrize(
    ("changes", "told", "more"),
    [
        ({"ApplicationName": "www"}, {"/ApplicationName"}, set()),
        ({"ApplicationName": "www", **BAD_URL}, {"/ApplicationName"}, {"/ProjectURL"}),
        ({"ProjectEmail": "x", **BAD_TYPE, **BAD_URL}, {"/ProjectEmail"}, {"/ProjectType", "/ProjectURL"}),
        ({"TargetEnvironment": "qa", **BAD_TYPE}, {"/TargetEnvironment"}, {"/ProjectType"}),
        # dev stands in for what nobody knows, and its missing network is nobody's fault.
        ({"TargetEnvironment": "qa"}, {"/TargetEnvironment"}, set()),
        ({"ProjectType": 5, **BAD_URL}, {"/ProjectType"}, set()),
        ({"Foo": 1, "Parameters": {"Colour": "red"}}, {"/Foo"}, {"/Parameters/Colour"}),
        ({"Parameters": [], **BAD_TYPE}, {"/Parameters"}, {"/ProjectType"}),
        ({"AccessToken": "a", "PrivateKey": "b", **BAD_TYPE}, {""}, {"/ProjectType"}),
        ({"ExpiresAfter": "for ever", "TechStack": "Cobol"}, {"/ExpiresAfter"}, {"/TechStack"}),
    ],
)  # fmt: skip
def test_both_are_named(changes: dict[str, Any], told: set[str], more: set[str]):
    assert named(**changes) == (told, more)


def test_keys_are_known_without_regard_to_case():
    document = {key.lower(): value for key, value in {**REQUEST, **BAD_TYPE}.items()}
    document["projectemail"] = "x"
    with pytest.raises(InvalidInputError) as told:
        parse_template(document)
    (fault,) = further_faults(
        document, told.value.faults, CATALOG, AllowedHosts.parse("github.com")
    )
    assert fault.code == "UNSUPPORTED_PROJECT_TYPE"


def test_plan_and_request_name_them_together():
    world = World()
    ada = world.users.by_email(ADA).actor()
    document = {**REQUEST, "ApplicationName": "www", **BAD_TYPE, **BAD_URL}
    with pytest.raises(InvalidInputError) as planned:
        plans.make(ada, document, world)
    with pytest.raises(InvalidInputError) as submitted:
        submission.submit(ada, document, world, request_id=new_id("req"))
    for refused in (planned, submitted):
        assert [one.pointer for one in refused.value.faults] == [
            "/ApplicationName", "/ProjectType", "/ProjectURL",
        ]  # fmt: skip
