"""`blueprint validate`: a good folder, and each fault."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import Result

TEMPLATE = """
Parameters:
  ApplicationName: {Type: String}
  Size: {Type: String, Default: small}
Resources:
  Site:
    Type: AWS::S3::Bucket
    Metadata: {Description: A bucket}
    Properties:
      BucketName: !Sub "${ApplicationName}-site"
      Tags:
        - {Key: autoprovision:application, Value: a}
        - {Key: autoprovision:unit, Value: a}
        - {Key: autoprovision:owner, Value: a}
        - {Key: autoprovision:environment, Value: !If [Big, a, !Ref AWS::NoValue]}
      Other: !GetAtt {a: b}
Outputs:
  Url: {Value: a}
  BlueprintId: {Value: a}
  BlueprintVersion: {Value: a}
  SiteBucket: {Value: !Ref Site}
  DistributionId: {Value: a}
"""
ROLE = "Outputs: {RoleArn: {Value: a}}"


@pytest.fixture
def manifest() -> dict[str, Any]:
    return {
        "id": "tiny-site",
        "version": "1.0.0",
        "title": "Tiny",
        "description": "A bucket.",
        "serves": [{"projectType": "Static", "techStackNeeded": False}],
        "publish": {"method": "files"},
        "parameters": {"Size": {"type": "text", "description": "How big.", "default": "small"}},
        "stackParameters": {
            "ApplicationName": "request.ApplicationName",
            "Size": "parameters.Size",
        },
        "topologies": {"dev": {"prices": [{"resource": "Site", "price": "free", "why": "Empty."}]}},
    }


@pytest.fixture
def validate(tmp_path: Path, run: Callable[..., Result]) -> Callable[..., Any]:
    def go(manifest: Any, template: str = TEMPLATE, name: str = "tiny-site") -> Any:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "blueprint.yaml").write_text(yaml.safe_dump(manifest))
        (folder / "template.yaml").write_text(template)
        (folder / "role.yaml").write_text(ROLE)
        result = run("blueprint", "validate", str(folder), "--json")
        answer = json.loads(result.stdout)
        assert result.exit_code == (0 if answer["valid"] else 1)
        return answer

    return go


def test_a_good_folder_is_valid(validate: Callable[..., Any], manifest: dict[str, Any]):
    assert validate(manifest) == {
        "valid": True,
        "id": "tiny-site",
        "version": "1.0.0",
        "errors": [],
    }


def _change(manifest: dict[str, Any], path: str, value: Any) -> None:
    *way, last = path.split("/")
    for part in way:
        manifest = manifest[part]
    manifest[last] = value


@pytest.mark.parametrize(
    ("path", "value", "pointer", "detail"),
    [
        ("version", "1", "/version", "pattern"),
        ("colour", "red", "/colour", "no key 'colour'"),
        ("id", "other-site", "/id", "The folder is called tiny-site"),
        ("publish", {"method": "build", "recipe": "b.yaml"}, "/publish/recipe", "no file b.yaml"),
        ("stackParameters/Size", "weather", "/stackParameters/Size", "There is no source weather"),
        ("stackParameters/Size", "parameters.Colour", "/stackParameters/Size", "no parameter Colour"),
        ("stackParameters/More", "request.BusinessUnit", "/stackParameters/More", "no such parameter"),
        ("stackParameters", {}, "/topologies/dev/parameters", "fills the template's parameter ApplicationName"),
        ("topologies/dev/parameters", {"Zones": "2"}, "/topologies/dev/parameters/Zones", "no such parameter"),
        ("topologies/dev/prices", [], "/topologies/dev/prices", "Site (AWS::S3::Bucket)"),
        ("topologies/dev/prices", [{"resource": "X", "price": "free"}], "/topologies/dev/prices", "no resource X"),
    ],
)  # fmt: skip
def test_each_fault_is_named_with_its_place(
    validate: Callable[..., Any],
    manifest: dict[str, Any],
    path: str,
    value: Any,
    pointer: str,
    detail: str,
):
    _change(manifest, path, value)
    errors = validate(manifest)["errors"]
    assert any(error["pointer"] == pointer and detail in error["detail"] for error in errors), (
        errors
    )


@pytest.mark.parametrize(
    ("old", "new", "pointer", "detail"),
    [
        ("  Url: {Value: a}\n", "", "/Outputs", "no output Url"),
        ("  DistributionId: {Value: a}\n", "", "/Outputs", "needs the output DistributionId"),
        ("    Metadata: {Description: A bucket}\n", "", "/Resources/Site", "words of the progress"),
        ("autoprovision:owner", "owner", "/Resources/Site/Properties/Tags", "autoprovision:owner"),
        ("AWS::S3::Bucket", "AWS::IAM::Role", "/Resources/Site", "PermissionsBoundary"),
    ],
)
def test_what_the_platform_needs_of_a_template(
    validate: Callable[..., Any], manifest: dict[str, Any], old: str, new: str, pointer: str, detail: str
):  # fmt: skip
    assert old in TEMPLATE
    errors = validate(manifest, template=TEMPLATE.replace(old, new))["errors"]
    assert [error["pointer"] for error in errors] == [pointer]
    assert detail in errors[0]["detail"]


def test_files_that_are_no_yaml_mapping(validate: Callable[..., Any], manifest: dict[str, Any]):
    errors = validate(["a list"], template="a: [")["errors"]
    assert [error["file"] for error in errors] == ["blueprint.yaml", "template.yaml"]


def test_a_folder_without_files_or_no_folder(run: Callable[..., Result], tmp_path: Path):
    result = run("blueprint", "validate", str(tmp_path))
    assert result.exit_code == 1
    assert result.stdout.count("cannot be read") == 3
    assert run("blueprint", "validate", str(tmp_path / "none")).exit_code == 2
