"""A template from elsewhere becomes a folder: what can be known is there, the rest is said."""

import json
from pathlib import Path

import pytest
import yaml

from autoprovision.deployer.blueprint_folder import render_folder
from autoprovision.deployer.errors import InvalidCatalogError
from autoprovision.deployer.price_books import read_price_book
from autoprovision.deployer.rules.check import inspect
from autoprovision.deployer.starting import manifest as first_manifest
from autoprovision.deployer.starting import template as fitting
from autoprovision.deployer.starting.start import start_from_template
from autoprovision.deployer.templates import read_template

ROOT = Path(__file__).parents[3]
TEMPLATES = ROOT / "examples" / "templates"
BOOK = read_price_book(ROOT / "catalog" / "prices.yaml")


def started(folder, name, source):
    made = start_from_template(folder / name, source, BOOK.region)
    return made, inspect(folder / name, BOOK, linters=False)


def template_of(folder):
    return read_template((folder / "template.yaml").read_bytes()).file.value


def test_a_usual_sample_is_valid_at_once(tmp_path):
    made, _ = started(tmp_path, "notes", TEMPLATES / "notes-api.yaml")
    render_folder(made.folder, BOOK)
    found = inspect(made.folder, BOOK, linters=False)
    assert found.findings == ()
    assert found.credits == {"dev": 12}
    assert (made.folder / "original.yaml").read_bytes() == (
        TEMPLATES / "notes-api.yaml"
    ).read_bytes()
    assert [sentence.split(" ")[0] for sentence in made.decisions] == [
        "StageName",
        "MaxNotes",
        "Exceptions",
    ]


def test_nothing_of_the_template_is_lost(tmp_path):
    made, _ = started(tmp_path, "notes", TEMPLATES / "notes-api.yaml")
    before = read_template((TEMPLATES / "notes-api.yaml").read_bytes()).file.value
    after = template_of(made.folder)
    for name, resource in before["Resources"].items():
        kept = after["Resources"][name]["Properties"]
        for key, value in resource["Properties"].items():
            if key not in {"TableName", "FunctionName", "ManagedPolicyArns", "Policies"}:
                assert kept[key] == value, (name, key)
    assert after["Outputs"]["Endpoint"] == before["Outputs"]["Endpoint"]
    assert (
        after["Resources"]["NotesRole"]["Properties"]["Policies"][0]
        == before["Resources"]["NotesRole"]["Properties"]["Policies"][0]
    )


def test_names_tags_and_boundary_are_the_platforms(tmp_path):
    made, _ = started(tmp_path, "notes", TEMPLATES / "notes-api.yaml")
    resources = template_of(made.folder)["Resources"]
    name = {"Fn::Sub": "${PlatformName}-app-${ApplicationId}"}
    assert resources["NotesTable"]["Properties"]["TableName"] == name
    assert resources["NotesFunction"]["Properties"]["FunctionName"] == name
    assert "application-boundary" in str(
        resources["NotesRole"]["Properties"]["PermissionsBoundary"]
    )
    assert set(resources["NotesApi"]["Properties"]["Tags"]) >= {"autoprovision:owner"}
    assert {"Key": "autoprovision:owner", "Value": {"Ref": "Owner"}} in resources["NotesTable"][
        "Properties"
    ]["Tags"]
    assert resources["NotesFunction"]["Properties"]["LoggingConfig"] == {
        "LogGroup": {"Ref": "NotesFunctionLogs"}
    }


def test_what_only_the_author_can_decide_is_said_and_found(tmp_path):
    made, found = started(tmp_path, "thumbnails", TEMPLATES / "thumbnails.json")
    said = " ".join(made.decisions)
    for part in (
        "Pictures is kept when its stack is deleted (Retain)", "The public may reach the bucket Pictures",
        "ThumbnailsRole has managed policies (AmazonS3FullAccess)", "SubnetIds is a List<AWS::EC2::Subnet::Id>",
        "ApiToken is a secret", "Where does it answer?", "AWS::Glue::Crawler: the registry's actions",
        "What does Cache (AWS::ElastiCache::CacheCluster) cost a month?",
    ):  # fmt: skip
        assert part in said
    rules = {one.rule for one in found.errors}
    assert rules >= {
        "forbidden-public-bucket", "forbidden-managed", "parameter-unfilled", "output-missing",
        "price-missing",
    }  # fmt: skip
    # All that it could know is right: no fault of these kinds is left.
    assert not rules & {
        "tag-missing", "boundary-missing", "description-missing", "role-action", "role-unknown", "role-pass",
        "role-wildcard", "role-resource", "role-trust", "role-name", "manifest-field", "source-unknown",
        "parameter-open", "topology-facts", "price-free", "price-unknown", "not-yaml",
    }  # fmt: skip


def test_unpriced_types_are_listed_never_zero(tmp_path):
    _, found = started(tmp_path, "thumbnails", TEMPLATES / "thumbnails.json")
    unpriced = [one.detail for one in found.errors if one.rule == "price-missing"]
    assert unpriced == [
        "Crawler (AWS::Glue::Crawler) has no price line.",
        "Cache (AWS::ElastiCache::CacheCluster) has no price line.",
    ]
    manifest = tmp_path / "thumbnails" / "blueprint.yaml"
    document = yaml.safe_load(manifest.read_text())
    document["topologies"]["dev"]["prices"].append(
        {"resource": "Cache", "price": "free", "why": "I hope so"}
    )
    manifest.write_text(yaml.safe_dump(document))
    found = inspect(tmp_path / "thumbnails", BOOK, linters=False)
    assert [one.detail for one in found.errors if one.rule == "price-free"] == [
        "Cache is made in dev; AWS::ElastiCache::CacheCluster is charged for."
    ]


@pytest.mark.parametrize("kind", ["AWS::MSK::Cluster", "AWS::Nobody::HeardOfIt", "AWS::SQS::Queue"])
def test_what_is_not_known_to_be_free_is_asked_for(tmp_path, kind):
    source = tmp_path / "t.json"
    source.write_text(json.dumps({"Resources": {"Dear": {"Type": kind}}}))
    made, found = started(tmp_path, "dear", source)
    assert f"What does Dear ({kind}) cost a month? Add its price lines." in made.decisions
    assert "price-missing" in {one.rule for one in found.errors}


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("AWS::MSK::Cluster", "kafka:CreateCluster"), ("AWS::AppRunner::Service", "apprunner:CreateService"),
        ("AWS::SageMaker::NotebookInstance", "sagemaker:CreateNotebookInstance"),
    ],
)  # fmt: skip
def test_a_types_own_service_is_not_the_one_that_it_calls_most(tmp_path, kind, action):
    source = tmp_path / "t.json"
    source.write_text(json.dumps({"Resources": {"Dear": {"Type": kind}}}))
    made, _ = started(tmp_path, "dear", source)
    assert action in (made.folder / "role.yaml").read_text()


def test_a_subscription_gets_a_role_that_is_narrow_enough(tmp_path):
    source = tmp_path / "t.json"
    topic = {"Type": "AWS::SNS::Topic"}
    heard = {"Type": "AWS::SNS::Subscription", "Properties": {"TopicArn": {"Ref": "Topic"}}}
    source.write_text(json.dumps({"Resources": {"Topic": topic, "Heard": heard}}))
    _, found = started(tmp_path, "heard", source)
    assert not {one.rule for one in found.errors} & {"role-resource", "role-action"}


def test_what_has_to_go_is_said_first(tmp_path):
    source = tmp_path / "t.json"
    kinds = {"Inner": "AWS::CloudFormation::Stack", "Somebody": "AWS::IAM::User"}
    source.write_text(
        json.dumps({"Resources": {name: {"Type": kind} for name, kind in kinds.items()}})
    )
    made, _ = started(tmp_path, "gone", source)
    for said, (name, kind) in zip(made.decisions, kinds.items(), strict=False):
        assert said.startswith(f"{name} ({kind}) has to go: no blueprint has ")
    # Nothing is granted for what will not be there.
    assert "iam:CreateUser" not in (made.folder / "role.yaml").read_text()


def test_an_export_that_only_one_application_can_have_is_dropped(tmp_path):
    source = tmp_path / "t.json"
    outputs = {"Topic": {"Value": {"Ref": "Topic"}, "Export": {"Name": "the-topic"}}}
    source.write_text(
        json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": outputs})
    )
    made, found = started(tmp_path, "topic", source)
    assert template_of(made.folder)["Outputs"]["Topic"] == {"Value": {"Ref": "Topic"}}
    assert "The output Topic is exported no longer" in " ".join(made.decisions)
    assert "export-shared" not in {one.rule for one in found.errors}


def test_a_template_that_says_something_twice_is_refused(tmp_path):
    source = tmp_path / "t.yaml"
    source.write_text("Resources:\n  A: {Type: AWS::S3::Bucket}\n  A: {Type: AWS::SNS::Topic}\n")
    with pytest.raises(InvalidCatalogError, match="Resources/A stands twice"):
        start_from_template(tmp_path / "twice", source, BOOK.region)


def test_parameters_become_what_people_may_set(tmp_path):
    started(tmp_path, "thumbnails", TEMPLATES / "thumbnails.json")
    manifest = yaml.safe_load((tmp_path / "thumbnails" / "blueprint.yaml").read_text())
    assert manifest["parameters"]["Size"] == {
        "type": "choice", "description": "As the template takes it.", "choices": ["small", "large"], "default": "small",
    }  # fmt: skip
    # A default that the usual pattern keeps out stays possible.
    assert manifest["parameters"]["Environment"]["default"] == "demo stage"
    assert set(manifest["parameters"]) == {"Size", "Environment"}
    assert manifest["stackParameters"]["BucketName"] == "application.bucket"
    assert "glue:CreateCrawler" in manifest["needs"]["AWS::Glue::Crawler"]


def test_a_name_of_the_platforms_stays_the_platforms(tmp_path):
    source = tmp_path / "t.json"
    source.write_text(json.dumps({
        "Parameters": {"Owner": {"Type": "String", "Default": "me"}},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Owner"}}}},
    }))  # fmt: skip
    made, found = started(tmp_path, "topic", source)
    assert "Default" not in template_of(made.folder)["Parameters"]["Owner"]
    assert not {one.rule for one in found.errors} & {"parameter-open", "parameter-unfilled"}


def test_two_of_a_kind_get_two_names(tmp_path):
    source = tmp_path / "t.json"
    kinds = ("AWS::SQS::Queue", "AWS::S3::Bucket")
    resources = {f"{kind[-6:].strip(':')}{n}": {"Type": kind} for kind in kinds for n in (1, 2)}
    source.write_text(json.dumps({"Resources": resources}))
    made, _ = started(tmp_path, "pairs", source)
    names = [
        one["Properties"].get("QueueName") or one["Properties"]["BucketName"]
        for one in template_of(made.folder)["Resources"].values()
    ]
    texts = [one["Fn::Sub"] for one in names]
    assert len(set(texts)) == 4
    assert "${BucketName}-2" in texts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Transform: AWS::Serverless-2016-10-31\nResources: {A: {Type: AWS::Serverless::Function}}", "has the transform AWS::Serverless"),
        ("hello", "is no CloudFormation template"),
        ("{", "is no CloudFormation template"),
        ("Resources: {}", "It has no resources"),
    ],
)  # fmt: skip
def test_what_cannot_become_one_is_refused_before_anything_is_made(tmp_path, text, words):
    source = tmp_path / "t.yaml"
    source.write_text(text)
    with pytest.raises(InvalidCatalogError, match=words):
        start_from_template(tmp_path / "made", source, BOOK.region)
    assert not (tmp_path / "made").exists()


def test_without_the_registry_it_is_said_what_nobody_knows(tmp_path, monkeypatch):
    for module in (first_manifest, fitting):
        monkeypatch.setattr(module, "registered", lambda *_: None)
    made, _ = started(tmp_path, "thumbnails", TEMPLATES / "thumbnails.json")
    assert "Nobody knows what AWS::Glue::Crawler needs" in " ".join(made.decisions)


ROLE = "Resources: {A: {Type: AWS::IAM::Role, Properties: {%s}}}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Resources: {A: {Type: AWS::S3::Bucket, Properties: [1]}}", "Resources/A/Properties is no mapping."),
        ("Resources: {A: {Type: AWS::S3::Bucket, Properties: }}", "Resources/A/Properties is no mapping."),
        (ROLE % "Policies: x", "Resources/A/Properties/Policies is no list."),
        (ROLE % "ManagedPolicyArns: 5", "Resources/A/Properties/ManagedPolicyArns is no list."),
        (ROLE % "RoleName: !Ref [a]", "Resources/A/Properties/RoleName gives Ref nothing that it takes."),
        ("Parameters: {P: x}\n" + ROLE % "", "Parameters/P is no parameter with a Type."),
        ("Parameters: {P: {Type: Number, Default: x}}\n" + ROLE % "", "Parameters/P/Default is no whole number."),
        ("Conditions: 5\n" + ROLE % "", "Conditions is no mapping."),
    ],
    ids=range(8),
)  # fmt: skip
def test_a_template_of_an_odd_shape_is_told_not_thrown(tmp_path, text, said):
    source = tmp_path / "odd.yaml"
    source.write_text(text)
    with pytest.raises(InvalidCatalogError, match="cannot be taken as it is") as told:
        start_from_template(tmp_path / "odd", source, BOOK.region)
    assert said in str(told.value)
    assert not (tmp_path / "odd").exists()


def test_of_machines_it_is_taken_that_changes_lose_their_disks(tmp_path):
    source = tmp_path / "group.yaml"
    source.write_text(
        "Resources:\n  Workers:\n    Type: AWS::AutoScaling::AutoScalingGroup\n"
        "    Properties: {MinSize: '1', MaxSize: '1', AvailabilityZones: !GetAZs ''}\n"
    )
    made, found = started(tmp_path, "workers", source)
    manifest = yaml.safe_load((tmp_path / "workers" / "blueprint.yaml").read_text())
    assert manifest["data"]["Workers"]["lostBy"] == "modification"
    assert any("the disks of Workers" in one for one in made.decisions)
    assert not [one for one in found.findings if one.rule.startswith("data-")]
