import contextlib
import json
from decimal import Decimal

import pytest
import yaml

from autoprovision.deployer.blueprint_folder import read_blueprint_folder
from autoprovision.deployer.blueprint_pages import Pages
from autoprovision.deployer.errors import InvalidCatalogError
from autoprovision.deployer.price_books import read_price_book
from autoprovision.deployer.rules.folder import read_folder
from autoprovision.deployer.rules.manifest import PLATFORM_SETTINGS
from autoprovision.deployer.sources import find_sources
from autoprovision.domain.errors import InvalidInputError
from autoprovision.ports import PlatformSettings
from autoprovision.usecases.plans import blueprint_settings

MANIFEST = {
    "id": "sample", "version": "1.0.0", "title": "Sample", "description": "A sample.",
    "serves": [{"projectType": "Static", "techStackNeeded": False}],
    "publish": {"method": "none"},
    "stackParameters": {"ApplicationName": "request.ApplicationName"},
}  # fmt: skip
TEMPLATE = """
Parameters:
  ApplicationName: {Type: String, AllowedPattern: "[a-z]+"}
  Size: {Type: Number}
  Optional: {Type: String, Default: x}
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Metadata: {Description: Files}
    Properties:
      BucketName: !Sub "${ApplicationId}-b"
      PublicAccessBlockConfiguration: {BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true}
      Tags:
        - {Key: autoprovision:application, Value: !If [A, !GetAtt B.C, !Ref AWS::NoValue]}
        - {Key: autoprovision:unit, Value: u}
        - {Key: autoprovision:owner, Value: o}
        - {Key: autoprovision:environment, Value: e}
Outputs:
  Url: {Value: u}
  BlueprintId: {Value: i}
  BlueprintVersion: {Value: v}
"""
ROLE = """
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Sub "${PlatformName}-blueprint-${BlueprintId}"
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: cloudformation.amazonaws.com}, Action: sts:AssumeRole}]
      Policies:
        - PolicyName: buckets
          PolicyDocument:
            Statement:
              - Effect: Allow
                Action: [s3:CreateBucket, s3:DeleteBucket, s3:PutBucketPublicAccessBlock, s3:PutBucketTagging]
                Resource: arn:aws:s3:::a-*
Outputs: {RoleArn: {Value: !GetAtt Role.Arn}}
"""
EXAMPLE = {
    "ApplicationName": "shop",
    "TargetEnvironment": "dev",
    "ProjectType": "Static",
    "ProjectEmail": "ada@example.edu",
}
FACTS = dict.fromkeys(("nodes", "zones", "database", "backup", "protection", "logs"), "none")


def dev(parameters=None, prices=None):
    """The topologies with a dev of these parameters and prices."""
    return {"dev": {
        "parameters": parameters or {"Size": "1"}, "defaultExpiry": "7d", "facts": FACTS,
        "prices": [{"resource": "Bucket", "price": "s3", "quantity": 0.1, "why": "a little"}] if prices is None else prices,
    }}  # fmt: skip


PRICES = "region: r\nversion: v\nprices:\n  s3: {cents: '2.5', unit: GB-month, description: d, source: s, asOf: '2026-11-22'}\n"


MANIFEST["topologies"] = dev()


BUILT = {
    **MANIFEST,
    "publish": {"method": "build", "target": "function", "recipe": "buildspec.yaml"},
}
RECIPE = "version: 0.2\nenv: {shell: bash}\nphases: {build: {commands: [make]}}\nartifacts: {base-directory: .release, files: ['**/*']}\n"


@pytest.fixture
def catalog(tmp_path):
    (tmp_path / "prices.yaml").write_text(PRICES)
    write(tmp_path, MANIFEST)
    return tmp_path


def write(root, manifest, *, template=TEMPLATE, role=ROLE, name="sample"):
    folder = root / name
    folder.mkdir(exist_ok=True)
    (folder / "blueprint.yaml").write_text(yaml.safe_dump(manifest))
    (folder / "template.yaml").write_text(template)
    (folder / "role.yaml").write_text(role)
    (folder / "README.md").write_text("# Sample\n")
    (folder / "examples").mkdir(exist_ok=True)
    build = manifest["publish"]["method"] == "build"
    more = {"ProjectURL": "github.com/example/shop"} if build else {}
    (folder / "examples" / "dev.json").write_text(json.dumps({**EXAMPLE, **more}))
    render(root, folder)
    return folder


def render(root, folder):
    """The pages that follow, as far as the folder's faults allow them."""
    found = read_folder(folder, read_price_book(root / "prices.yaml"))
    if found.manifest is not None and found.template is not None:
        with contextlib.suppress(InvalidInputError, KeyError):
            Pages(folder, found.manifest, found.template.resources, found.prices).write()


def read(root, name="sample"):
    return read_blueprint_folder(root / name, read_price_book(root / "prices.yaml"))


def faults(root):
    with pytest.raises(InvalidCatalogError) as caught:
        read(root)
    return caught.value.message


def test_a_whole_folder_is_read(catalog):
    found = read(catalog)
    assert found.manifest.id == "sample"
    assert found.manifest.topologies["dev"].prices[0].quantity == Decimal("0.1")
    assert found.parsed.resources == {"Bucket": "AWS::S3::Bucket"}
    assert found.prefix.startswith("blueprints/sample/1.0.0/")
    assert len(found.prefix.split("/")[3]) == 16


def test_digest_moves_with_what_matters_to_a_stack(catalog):
    first = read(catalog).digest
    assert read(catalog).digest == first
    readme = catalog / "sample" / "README.md"
    readme.write_text("Read me.\n" + readme.read_text())
    (catalog / "sample" / "role.yaml").write_text(ROLE + "# a comment\n")
    assert read(catalog).digest == first
    (catalog / "sample" / "template.yaml").write_text(TEMPLATE + "# a comment\n")
    second = read(catalog).digest
    write(catalog, {**MANIFEST, "title": "Another"})
    assert len({first, second, read(catalog).digest}) == 3


def test_a_recipe_belongs_to_the_digest(catalog):
    template = TEMPLATE + "  FunctionName: {Value: f}\n"
    write(catalog, BUILT, template=template)
    (catalog / "sample" / "buildspec.yaml").write_text(RECIPE)
    first = read(catalog)
    assert first.recipe == RECIPE.encode()
    (catalog / "sample" / "buildspec.yaml").write_text(f"{RECIPE}# more\n")
    assert read(catalog).digest != first.digest


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": "other"}, "'other', the folder 'sample'. (manifest-id)"),
        ({"version": "one"}, "/version"),
        ({"surprise": 1}, "no key 'surprise'"),
        ({"stackParameters": {"ApplicationName": "request.Everything"}}, "no source 'request.Everything'"),
        ({"stackParameters": {"ApplicationName": "request.ApplicationName", "Colour": "request.BusinessUnit"}}, "stackParameters/Colour"),
        ({"stackParameters": {}}, "parameter ApplicationName gets no value"),
        ({"publish": {"method": "build", "recipe": "buildspec.yaml"}}, "buildspec.yaml: There is no such file"),
        ({"publish": {"method": "build", "recipe": "../prices.yaml"}}, "../prices.yaml: There is no such file"),
        ({"topologies": dev(prices=[])}, "Bucket (AWS::S3::Bucket) has no price line"),
        ({"topologies": dev({"Size": "1", "Width": "2"})}, "parameters/Width"),
        ({"topologies": dev(prices=[{"resource": "Bucket", "price": "gold"}])}, "no price 'gold'"),
        ({"topologies": dev(prices=[{"resource": "Bath", "price": "s3"}])}, "has no Bath"),
    ],
)  # fmt: skip
def test_every_fault_of_a_manifest_is_named(catalog, change, words):
    write(catalog, {**MANIFEST, **change})
    assert words in faults(catalog)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"template": "just words"}, "template.yaml:1: It holds no mapping"),
        ({"template": "Resources: [\n"}, "template.yaml: It is not YAML"),
        (
            {"role": "Resources: {Role: {Type: AWS::IAM::Role}}"},
            "role.yaml:1 /Outputs: It has no RoleArn",
        ),
    ],
)
def test_every_fault_of_a_template_is_named(catalog, files, words):
    write(catalog, MANIFEST, **files)
    assert words in faults(catalog)


def test_all_faults_are_named_at_once(catalog):
    write(catalog, {**MANIFEST, "id": "other"}, role="Resources: {R: {Type: T}}")
    (catalog / "sample" / "template.yaml").unlink()
    message = faults(catalog)
    assert "'other'" in message
    assert "RoleArn" in message
    assert "template.yaml: There is no such file" in message


def test_a_price_file_with_a_fault_is_refused(catalog):
    (catalog / "prices.yaml").write_text(PRICES.replace("'2.5'", "dear"))
    with pytest.raises(InvalidCatalogError, match=r"prices\.yaml"):
        read(catalog)


def test_a_blueprint_may_share_the_stack_of_another(catalog):
    write(catalog, {**MANIFEST, "id": "shared", "templateOf": "sample"}, name="shared")
    for name in ("template.yaml", "role.yaml"):
        (catalog / "shared" / name).unlink()
    assert read(catalog, "shared").template == read(catalog).template


def test_platform_settings_are_those_of_a_plan():
    settings = PlatformSettings(name="a", region="r", sender="s", allowed_git_hosts="h")
    platform = type("Fake", (), {"settings": settings})()
    assert set(blueprint_settings(platform, "dev")) == PLATFORM_SETTINGS


def test_every_price_says_where_and_when_it_was_read():
    book = read_price_book(find_sources().catalog / "prices.yaml")
    assert book.region == "ap-southeast-1"
    for name, price in book.prices.items():
        assert price.source, name
        assert price.as_of.year >= 2026, name
        assert price.cents > 0, name
