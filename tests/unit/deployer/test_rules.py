"""Every rule of a blueprint can fail, alone, and says where; the folders we ship break none."""

import contextlib
import json
import shutil
from pathlib import Path

import botocore.session
import pytest

from autoprovision.deployer.blueprint_folder import read_blueprint_folder
from autoprovision.deployer.blueprint_pages import Pages
from autoprovision.deployer.price_books import read_price_book
from autoprovision.deployer.rules.check import Inspection, inspect
from autoprovision.deployer.rules.forbidden import FORBIDDEN, TRANSFORM
from autoprovision.deployer.rules.table import RULES
from autoprovision.domain.errors import InvalidInputError

ROOT = Path(__file__).parents[3]
CATALOG = ROOT / "catalog"
GREETING = ROOT / "examples" / "blueprints" / "greeting"
BOOK = read_price_book(CATALOG / "prices.yaml")
MANIFEST, TEMPLATE, ROLE, RECIPE = "blueprint.yaml", "template.yaml", "role.yaml", "buildspec.yaml"
FREE = "      - {resource: GreeterRole, price: free, why: Roles are free}\n"
MORE = "Resources:\n  Extra:\n    Metadata: {Description: More}\n    Type: "
TAGS = """
      Tags:
        - {Key: autoprovision:application, Value: !Ref ApplicationId}
        - {Key: autoprovision:unit, Value: !Ref BusinessUnit}
        - {Key: autoprovision:owner, Value: !Ref Owner}
        - {Key: autoprovision:environment, Value: !Ref TargetEnvironment}
"""
PRICED = (MANIFEST, FREE, FREE + FREE.replace("GreeterRole", "Extra"))

GROUPS = (
    "autoscaling:CreateAutoScalingGroup", "autoscaling:CreateOrUpdateTags",
    "autoscaling:DeleteAutoScalingGroup", "autoscaling:DeleteTags",
    "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeScalingActivities",
    "autoscaling:UpdateAutoScalingGroup",
)  # fmt: skip


def known(kind: str, *actions: str) -> tuple[str, str, str]:
    """The manifest says what a type needs: something that the role allows already."""
    return (
        MANIFEST,
        "capabilities:",
        f"needs: {{{kind}: [{', '.join(actions) or 'lambda:GetFunction'}]}}\ncapabilities:",
    )


def allows(*actions: str) -> tuple[str, str, str]:
    return (
        ROLE,
        "                  - lambda:AddPermission\n",
        "".join(f"                  - {one}\n" for one in ("lambda:AddPermission", *actions)),
    )


def extra(kind: str, properties: str = "", *, tags: bool = False) -> tuple[str, str, str]:
    """One more resource in the template."""
    text = f"{MORE}{kind}\n" + (
        f"    Properties: {properties}\n" if properties and not tags else ""
    )
    if tags:
        text += f"    Properties:\n      {properties}{TAGS}"
    return (TEMPLATE, "Resources:\n", text)


# rule: the folder that is changed, and (file, old, new) for each change. No new text removes a file.
BREAKS: dict[str, tuple[Path, list[tuple[str, str, str | None]]]] = {
    "file-missing": (GREETING, [("README.md", "", None)]),
    "not-yaml": (GREETING, [(MANIFEST, "id: greeting\n", "id: greeting\nid: greeting\n")]),
    "manifest-field": (GREETING, [(MANIFEST, "provenOn: embedded", "provenOn: the moon")]),
    "manifest-id": (GREETING, [(MANIFEST, "id: greeting", "id: another")]),
    "source-unknown": (GREETING, [(MANIFEST, "platform.name", "platform.weather")]),
    "parameter-unknown": (GREETING, [(MANIFEST, "stackParameters:\n", "stackParameters:\n  Colour: request.BusinessUnit\n")]),
    "parameter-unfilled": (GREETING, [(TEMPLATE, "Parameters:\n", "Parameters:\n  Colour: {Type: String}\n")]),
    "parameter-idle": (GREETING, [(MANIFEST, "parameters:\n  Greeting:", "parameters:\n  Colour: {type: text, description: None., default: red}\n  Greeting:")]),
    "expiry-dev": (GREETING, [(MANIFEST, "    defaultExpiry: 7d\n", "")]),
    "topology-facts": (GREETING, [(MANIFEST, "zones: all", "weather: fine")]),
    "example-unresolved": (GREETING, [("examples/dev.json", "Good day", "Good-day!")]),
    "page-old": (GREETING, [("golden/dev.json", "greeting", "parting")]),
    "price-missing": (GREETING, [(MANIFEST, FREE, "")]),
    "price-unknown": (GREETING, [(MANIFEST, "price: lambda.requests", "price: lambda.wishes")]),
    "price-resource": (GREETING, [(MANIFEST, FREE, FREE + FREE.replace("GreeterRole", "Nobody"))]),
    "price-why": (GREETING, [(MANIFEST, ", why: Roles are free", "")]),
    "price-free": (GREETING, [(MANIFEST, 'price: lambda.requests, quantity: 0.01, why: "0.01 million calls"', "price: free, why: I say so")]),
    "price-free-unknown": (GREETING, [extra("AWS::SQS::Queue", 'QueueName: !Sub "${PlatformName}-app-${ApplicationId}"', tags=True), PRICED, allows("sqs:CreateQueue", "sqs:DeleteQueue", "sqs:GetQueueAttributes", "sqs:SetQueueAttributes", "sqs:TagQueue")]),
    "price-when": (GREETING, [(MANIFEST, FREE, FREE.replace("why: ", "when: {Greeting: Hello}, why: "))]),
    "keeps-unknown": (GREETING, [(MANIFEST, "    defaultExpiry: 7d\n", "    defaultExpiry: 7d\n    keeps: {Nobody: its memory}\n")]),
    "keeps-missing": (GREETING, [(TEMPLATE, "    Type: AWS::Lambda::Function\n", "    Type: AWS::Lambda::Function\n    DeletionPolicy: Retain\n")]),
    "data-unknown": (GREETING, [(MANIFEST, "capabilities:", "data: {Greeter: {what: its words, lostBy: modification, properties: [Colour]}}\ncapabilities:")]),
    "data-undeclared": (GREETING, [extra("AWS::AutoScaling::AutoScalingGroup", "{MinSize: '1', MaxSize: '1', Tags: [{Key: 'autoprovision:application', Value: !Ref ApplicationId, PropagateAtLaunch: true}, {Key: 'autoprovision:unit', Value: !Ref BusinessUnit, PropagateAtLaunch: true}, {Key: 'autoprovision:owner', Value: !Ref Owner, PropagateAtLaunch: true}, {Key: 'autoprovision:environment', Value: !Ref TargetEnvironment, PropagateAtLaunch: true}]}"), (MANIFEST, FREE, FREE + FREE.replace("GreeterRole, price: free", "Extra, price: ec2.t4g.micro, quantity: 730")), allows(*GROUPS)]),
    "data-store": (GREETING, [extra("AWS::Timestream::Table", "DatabaseName: readings", tags=True), (MANIFEST, FREE, FREE + FREE.replace("GreeterRole, price: free", "Extra, price: lambda.requests, quantity: 1")), (MANIFEST, "capabilities:", "needs: {'AWS::Timestream::Table': [lambda:GetFunction]}\ndata: {Extra: {what: nothing, lostBy: nothing}}\ncapabilities:")]),
    "image-kept": (CATALOG / "web-service", [(TEMPLATE, '"tagPrefixList": ["live"]', '"tagPrefixList": ["release"]')]),
    "price-book": (GREETING, [("prices.yaml", "", "region: elsewhere\nversion: v\nprices: {}\n")]),
    "price-old": (GREETING, [("prices.yaml", "", "region: ap-southeast-1\nversion: v\nprices:\n  gold: {cents: 1, unit: g, description: d, source: s, asOf: '2020-01-01'}\n"), (MANIFEST, "price: free, why: Roles are free", "price: gold, why: it shines")]),
    "output-missing": (GREETING, [(TEMPLATE, "  BlueprintVersion: {Description: Which version of it., Value: !Ref BlueprintVersion}\n", "")]),
    "name-shared": (GREETING, [(TEMPLATE, 'FunctionName: !Sub "${PlatformName}-app-${ApplicationId}"', "FunctionName: greeter")]),
    "export-shared": (GREETING, [(TEMPLATE, "Outputs:\n", "Outputs:\n  Greeting: {Value: Hello, Export: {Name: greeting}}\n")]),
    "description-missing": (GREETING, [(TEMPLATE, "    Metadata: {Description: Every path}\n", "")]),
    "tag-missing": (GREETING, [(TEMPLATE, "        autoprovision:owner: !Ref Owner\n", "")]),
    "boundary-missing": (GREETING, [(TEMPLATE, "application-boundary", "no-boundary")]),
    "parameter-open": (GREETING, [(TEMPLATE, 'AllowedPattern: "[A-Za-z ]{1,40}", ', "")]),
    "value-pasted": (GREETING, [(TEMPLATE, "        ZipFile: |\n          import os\n", "        ZipFile: !Sub |\n          import os # ${Greeting}\n")]),
    "secret-default": (GREETING, [(TEMPLATE, "Parameters:\n", "Parameters:\n  Code: {Type: String, NoEcho: true, Default: hunter2}\n")]),
    "secret-shown": (GREETING, [(TEMPLATE, "Parameters:\n", "Parameters:\n  AdminPassword: {Type: String, Default: ''}\n")]),
    "secret-written": (GREETING, [(TEMPLATE, "{GREETING: !Ref Greeting}", "{GREETING: !Ref Greeting, API_KEY: hunter2}")]),
    "exception-unexplained": (GREETING, [(TEMPLATE, "{id: CKV_AWS_117, comment: It reaches nothing private.}", "{id: CKV_AWS_117}")]),
    "role-output": (GREETING, [(ROLE, "  RoleArn:\n", "  Arn:\n")]),
    "role-only": (GREETING, [(ROLE, "Resources:\n", "Resources:\n  Topic: {Type: AWS::SNS::Topic}\n")]),
    "role-name": (GREETING, [(ROLE, "${PlatformName}-blueprint-greeting", "${PlatformName}-helper")]),
    "role-trust": (GREETING, [(ROLE, "Principal: {Service: cloudformation.amazonaws.com}", "Principal: {Service: lambda.amazonaws.com}")]),
    "role-wildcard": (GREETING, [(ROLE, "- lambda:GetPolicy", "- lambda:*")]),
    "role-resource": (GREETING, [(ROLE, "Resource: !Sub arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${PlatformName}-app-*", 'Resource: "*"')]),
    "role-boundary": (GREETING, [(ROLE, "iam:PermissionsBoundary: !Sub", "iam:ResourceTag/a: !Sub")]),
    "role-pass": (GREETING, [(ROLE, "Condition: {StringEquals: {iam:PassedToService: lambda.amazonaws.com}}", "Condition: {StringEquals: {aws:RequestedRegion: ap-southeast-1}}")]),
    "role-attach": (GREETING, [(ROLE, "- iam:UntagRole", "- iam:UntagRole\n                  - iam:AttachRolePolicy")]),
    "role-action": (GREETING, [(ROLE, "                  - lambda:UpdateFunctionCode\n", "")]),
    "role-unknown": (GREETING, [extra("AWS::CloudFront::CachePolicy", "{a: b}"), PRICED]),
    "recipe-version": (CATALOG / "serverless-web", [(RECIPE, "version: 0.2", "version: 0.1")]),
    "recipe-shell": (CATALOG / "serverless-web", [(RECIPE, "shell: bash", "shell: sh")]),
    "recipe-phase": (CATALOG / "serverless-web", [(RECIPE, "  post_build:", "  afterwards:")]),
    "recipe-artifacts": (CATALOG / "serverless-web", [(RECIPE, "base-directory: .release", "base-directory: dist")]),
    "recipe-tool": (CATALOG / "serverless-web", [(MANIFEST, "Flask: {files: [requirements.txt], tools: [python3]}", "Flask: {files: [requirements.txt], tools: [python3, hugo]}")]),
    "recipe-eval": (CATALOG / "serverless-web", [(RECIPE, '        echo "Entry point: $entry"', '        eval "$OUTPUT_EntryPoint"')]),
    "forbidden-identity": (GREETING, [extra("AWS::IAM::AccessKey", "{a: b}"), PRICED, known("AWS::IAM::AccessKey")]),
    "forbidden-policy": (GREETING, [extra("AWS::IAM::Policy", "{a: b}"), PRICED, known("AWS::IAM::Policy")]),
    "forbidden-managed": (GREETING, [(TEMPLATE, "      RoleName:", "      ManagedPolicyArns: [!Ref AWS::NoValue]\n      RoleName:")]),
    "forbidden-key-pair": (GREETING, [extra("AWS::EC2::LaunchTemplate", "{LaunchTemplateData: {KeyName: mine, MetadataOptions: {HttpTokens: required}}}"), PRICED, allows("ec2:CreateLaunchTemplate", "ec2:DeleteLaunchTemplate", "ec2:CreateLaunchTemplateVersion", "ec2:DescribeLaunchTemplates")]),
    "forbidden-custom": (GREETING, [extra("Custom::Thing", "ServiceToken: x", tags=True), PRICED, known('"Custom::Thing"')]),
    "forbidden-nested": (GREETING, [extra("AWS::CloudFormation::Stack", "TemplateURL: https://elsewhere.example/t.yaml", tags=True), PRICED, known("AWS::CloudFormation::Stack")]),
    "forbidden-network": (GREETING, [extra("AWS::EC2::VPC", "CidrBlock: 10.0.0.0/16", tags=True), PRICED, allows("ec2:CreateVpc", "ec2:DeleteVpc", "ec2:CreateTags")]),
    "forbidden-dev-cost": (GREETING, [extra("AWS::EC2::NatGateway", "SubnetId: s", tags=True), (MANIFEST, FREE, FREE + FREE.replace("GreeterRole, price: free", "Extra, price: vpc.ipv4")), allows("ec2:CreateNatGateway", "ec2:DeleteNatGateway", "ec2:CreateTags")]),
    "forbidden-open-group": (GREETING, [extra("AWS::EC2::SecurityGroup", "SecurityGroupIngress: [{CidrIp: 0.0.0.0/0}]", tags=True), PRICED, allows("ec2:CreateSecurityGroup", "ec2:DeleteSecurityGroup", "ec2:CreateTags", "ec2:AuthorizeSecurityGroupIngress")]),
    "forbidden-foreign-group": (GREETING, [extra("AWS::EC2::SecurityGroupEgress", "{GroupId: sg-1}"), PRICED, allows("ec2:AuthorizeSecurityGroupEgress", "ec2:RevokeSecurityGroupEgress", "ec2:DescribeSecurityGroups")]),
    "forbidden-public-bucket": (GREETING, [extra("AWS::S3::Bucket", 'BucketName: !Sub "${ApplicationId}"', tags=True), (MANIFEST, FREE, FREE + FREE.replace("GreeterRole, price: free", "Extra, price: s3.standard.storage")), allows("s3:CreateBucket", "s3:DeleteBucket", "s3:PutBucketTagging")]),
    "forbidden-open-policy": (GREETING, [extra("AWS::SQS::QueuePolicy", "{PolicyDocument: {Statement: [{Effect: Allow, Principal: '*'}]}}"), PRICED, allows("sqs:SetQueueAttributes")]),
    "forbidden-foreign-account": (GREETING, [(TEMPLATE, "Principal: {Service: lambda.amazonaws.com}", 'Principal: {AWS: "arn:aws:iam::999999999999:root"}')]),
    "forbidden-wide-policy": (GREETING, [(TEMPLATE, "      RoleName:", "      Policies: [{PolicyName: all, PolicyDocument: {Statement: [{Effect: Allow, Action: '*', Resource: '*'}]}}]\n      RoleName:")]),
    "forbidden-foreign-secret": (GREETING, [(TEMPLATE, "{GREETING: !Ref Greeting}", "{GREETING: !Ref Greeting, ELSE: '{{resolve:secretsmanager:another}}'}")]),
    "forbidden-open-permission": (GREETING, [(TEMPLATE, "Principal: apigateway.amazonaws.com", 'Principal: "*"')]),
    "forbidden-open-url": (GREETING, [extra("AWS::Lambda::Url", "{AuthType: NONE, TargetFunctionArn: x}"), PRICED, allows("lambda:CreateFunctionUrlConfig", "lambda:DeleteFunctionUrlConfig", "lambda:GetFunctionUrlConfig", "lambda:UpdateFunctionUrlConfig")]),
    "forbidden-public-database": (GREETING, [extra("AWS::RDS::DBInstance", "StorageEncrypted: true", tags=True), (MANIFEST, FREE, FREE + FREE.replace("GreeterRole, price: free", "Extra, price: rds.t4g.micro")), allows("rds:CreateDBInstance", "rds:DeleteDBInstance", "rds:AddTagsToResource", "rds:DescribeDBInstances", "rds:ModifyDBInstance")]),
    "forbidden-plain-database": (GREETING, [extra("AWS::RDS::DBInstance", "PubliclyAccessible: false", tags=True), (MANIFEST, FREE, FREE + FREE.replace("GreeterRole, price: free", "Extra, price: rds.t4g.micro")), allows("rds:CreateDBInstance", "rds:DeleteDBInstance", "rds:AddTagsToResource", "rds:DescribeDBInstances", "rds:ModifyDBInstance")]),
    "forbidden-plain-disk": (GREETING, [extra("AWS::EC2::LaunchTemplate", "{LaunchTemplateData: {BlockDeviceMappings: [{Ebs: {VolumeSize: 8}}], MetadataOptions: {HttpTokens: required}}}"), PRICED, allows("ec2:CreateLaunchTemplate", "ec2:DeleteLaunchTemplate", "ec2:CreateLaunchTemplateVersion", "ec2:DescribeLaunchTemplates")]),
    "forbidden-old-metadata": (GREETING, [extra("AWS::EC2::LaunchTemplate", "{LaunchTemplateData: {InstanceType: t4g.nano}}"), PRICED, allows("ec2:CreateLaunchTemplate", "ec2:DeleteLaunchTemplate", "ec2:CreateLaunchTemplateVersion", "ec2:DescribeLaunchTemplates")]),
    TRANSFORM: (GREETING, [(TEMPLATE, "Resources:\n", "Transform: AWS::Serverless-2016-10-31\nResources:\n")]),
}  # fmt: skip


def changed(tmp_path: Path, source: Path, changes: list[tuple[str, str, str | None]]) -> Path:
    folder = Path(shutil.copytree(source, tmp_path / source.name))
    for file, old, new in changes:
        path = folder / file
        if new is None:
            path.unlink()
            continue
        text = path.read_text() if path.exists() else ""
        assert old in text, f"{file} has no {old!r}"
        path.write_text(text.replace(old, new, 1))
    return folder


def seen(folder: Path) -> Inspection:
    return inspect(folder, BOOK, linters=False)


def rendered(folder: Path) -> Inspection:
    """What is found once the pages were rendered again, as far as they can be."""
    read = seen(folder).folder
    if read.manifest is not None and read.template is not None and (folder / "README.md").exists():
        with contextlib.suppress(InvalidInputError, KeyError):
            Pages(folder, read.manifest, read.template.resources, read.prices).write()
    return seen(folder)


def test_every_rule_has_a_folder_that_breaks_it():
    assert set(BREAKS) == {*RULES, *FORBIDDEN, TRANSFORM}


@pytest.mark.parametrize("rule", BREAKS)
def test_a_rule_fails_alone_and_says_where(tmp_path, rule):
    source, changes = BREAKS[rule]
    folder = changed(tmp_path, source, changes)
    found = seen(folder) if rule == "page-old" else rendered(folder)
    assert {one.rule for one in found.findings} == {rule}, found.findings
    one = found.findings[0]
    assert one.detail.endswith(".")
    assert one.remedy
    assert one.line or rule in {"file-missing", "page-old", "price-book", "example-unresolved"}
    warns = rule in RULES and RULES[rule].warning
    assert one.warning is warns
    assert bool(found.errors) is not warns


@pytest.mark.parametrize(
    "folder", [*sorted(one.parent for one in CATALOG.glob("*/blueprint.yaml")), GREETING],
    ids=lambda one: one.name,
)  # fmt: skip
def test_what_we_ship_breaks_no_rule(folder):
    assert seen(folder).findings == ()


def test_all_faults_are_found_at_once(tmp_path):
    rules = [
        "file-missing", "price-why", "output-missing", "tag-missing", "role-trust", "secret-written",
        "role-action", "topology-facts",
    ]  # fmt: skip
    folder = changed(tmp_path, GREETING, [one for rule in rules for one in BREAKS[rule][1]])
    assert {one.rule for one in seen(folder).findings} >= set(rules)


def test_an_empty_folder_misses_four_files(tmp_path):
    found = seen(tmp_path).findings
    assert sorted(one.file for one in found) == [
        "README.md",
        "blueprint.yaml",
        "role.yaml",
        "template.yaml",
    ]
    assert {one.rule for one in found} == {"file-missing"}


@pytest.mark.parametrize("text", ["a: [", "- a list", "a: &a [*a]", "a: &a {b: 1}\n" + "".join(f"b{n}: &b{n} [*{'a' if n == 0 else f'b{n - 1}'}, *{'a' if n == 0 else f'b{n - 1}'}]\n" for n in range(30)), "", "\x00", "a: !Ref {b: [}"], ids=range(7))  # fmt: skip
def test_a_file_that_is_no_template_is_named_not_thrown(tmp_path, text):
    folder = changed(tmp_path, GREETING, [])
    for name in (MANIFEST, TEMPLATE, ROLE):
        (folder / name).write_text(text)
    assert {one.file for one in seen(folder).errors} >= {MANIFEST, TEMPLATE, ROLE}


@pytest.mark.parametrize("name", [TEMPLATE, ROLE])
@pytest.mark.parametrize(
    "text",
    [
        "Resources: {A: b}", "Resources: []", "Resources: {A: {Type: 1}}", "Resources: {A: {Type: AWS::IAM::Role, Properties: []}}",
        "Resources: {A: {Type: AWS::IAM::Role, Properties: {Policies: 3, AssumeRolePolicyDocument: {Statement: [1]}}}}",
        "Resources: {A: {Type: AWS::S3::Bucket, Metadata: 1, Properties: {Tags: 5}}}\nParameters: []\nOutputs: 3",
        "Resources: {A: {Type: AWS::S3::Bucket, Condition: [1]}}\nConditions: {X: {Fn::And: 1}, Y: []}\nParameters: {P: x}",
        "Resources: {A: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: x, PolicyDocument: {Statement: {Effect: Allow, Principal: x, Condition: 1, Action: {a: b}, Resource: 1}}}}}",
    ],
)  # fmt: skip
def test_odd_shapes_are_findings_not_errors(tmp_path, name, text):
    folder = changed(tmp_path, GREETING, [])
    (folder / name).write_text(text)
    assert seen(folder).errors


def test_what_may_be_declared_is_declared_with_a_comment(tmp_path):
    source, changes = BREAKS["forbidden-open-url"]
    declared = "    Metadata: {Description: More, autoprovision: {allow: [{id: forbidden-open-url, comment: A demo.}]}}\n"
    plain = "    Metadata: {Description: More}\n"
    folder = changed(tmp_path, source, [*changes, (TEMPLATE, plain, declared)])
    found = rendered(folder)
    assert found.findings == ()
    assert found.allowed == (("Extra", "forbidden-open-url", "A demo."),)
    template = folder / TEMPLATE
    template.write_text(template.read_text().replace(", comment: A demo.", ""))
    assert {one.rule for one in seen(folder).findings} == {"exception-unexplained"}


def test_whoever_publishes_is_told_of_warnings_and_of_what_was_declared(tmp_path):
    source, unknown = BREAKS["price-free-unknown"]
    declared = "    Metadata: {Description: Only this API may call the function, autoprovision: {allow: [{id: forbidden-foreign-account, comment: Our own other account.}]}}\n"
    stranger = [
        (TEMPLATE, "Principal: apigateway.amazonaws.com", 'Principal: "999999999999"'),
        (TEMPLATE, "    Metadata: {Description: Only this API may call the function}\n", declared),
    ]
    folder = changed(tmp_path, source, [*unknown, *stranger])
    assert rendered(folder).errors == ()
    warning, allowed = read_blueprint_folder(folder, BOOK).warnings
    assert warning.startswith("Warning: blueprint.yaml:")
    assert warning.endswith("knows that of AWS::SQS::Queue. (price-free-unknown)")
    assert allowed == "Allowed: forbidden-foreign-account on MayInvoke: Our own other account."


def test_a_role_is_named_by_its_own_blueprint(tmp_path):
    old, new = "${PlatformName}-blueprint-greeting", "${PlatformName}-blueprint-web-service"
    folder = changed(tmp_path, GREETING, [(ROLE, old, new)])
    assert [one.rule for one in seen(folder).findings] == ["role-name"]


def test_what_may_not_be_declared_stays_forbidden(tmp_path):
    source, changes = BREAKS["forbidden-network"]
    allow = "    Metadata: {Description: More, autoprovision: {allow: [{id: forbidden-network, comment: Please.}]}}\n"
    folder = changed(
        tmp_path, source, [*changes, (TEMPLATE, "    Metadata: {Description: More}\n", allow)]
    )
    assert "forbidden-network" in {one.rule for one in rendered(folder).findings}


def test_a_load_balancer_is_no_fault_where_dev_does_not_make_it(tmp_path):
    source, changes = BREAKS["forbidden-dev-cost"]
    condition = (
        TEMPLATE,
        "Resources:\n",
        "Conditions:\n  InProd: !Equals [!Ref TargetEnvironment, prod]\nResources:\n",
    )
    only_prod = (
        TEMPLATE,
        "    Type: AWS::EC2::NatGateway\n",
        "    Type: AWS::EC2::NatGateway\n    Condition: InProd\n",
    )
    folder = changed(tmp_path, source, [condition, *changes, only_prod])
    assert rendered(folder).findings == ()


@pytest.mark.parametrize(
    ("pattern", "harmful"),
    [
        ("[a-z0-9-]{1,20}", False), ("[A-Za-z0-9._/-]{0,200}", False), ("(a|b)+", False), ("[0-9]+\\.[0-9]+", False),
        (".*", True), ("[^a]", True), ("[a-z ]*", True), ("\\S+", True), ("[$a]", True), ("[a;b]", True),
    ],
)  # fmt: skip
def test_patterns_that_keep_harm_out(pattern, harmful):
    from autoprovision.deployer.rules.template import may_harm

    assert may_harm({"AllowedPattern": pattern}) is harmful


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("DatabasePassword", True), ("DB_PASSWORD", True), ("ApiKey", True), ("AuthToken", True), ("PrivateKey", True),
        ("GenerateStringKey", False), ("PasswordLength", False), ("TokenKeyArn", False), ("KeyName", False), ("HealthPath", False),
    ],
)  # fmt: skip
def test_names_of_secrets(name, secret):
    from autoprovision.deployer.rules.secrets import is_secret_name

    assert is_secret_name(name) is secret


@pytest.mark.parametrize(
    "text", ["AKIAABCDEFGHIJKLMNOP", "-----BEGIN RSA PRIVATE KEY-----", "ghp_" + "a" * 36]
)
def test_pasted_secrets_are_found_in_every_file(tmp_path, text):
    folder = changed(
        tmp_path,
        CATALOG / "serverless-web",
        [(RECIPE, "version: 0.2\n", f"version: 0.2\n# {text}\n")],
    )
    (found,) = seen(folder).findings
    assert (found.rule, found.file) == ("secret-written", RECIPE)
    assert text in (folder / RECIPE).read_text().splitlines()[found.line - 1]
    assert text not in json.dumps(found.as_dict())


def test_what_takes_tags_is_what_the_registry_says():
    from autoprovision.deployer.needs.registry import registered
    from autoprovision.deployer.needs.table import NEEDS
    from autoprovision.deployer.rules.template import UNTAGGED

    # A rule of a load balancer is found by its target group, which carries the tags.
    known = {*NEEDS, *UNTAGGED} - {"AWS::ElasticLoadBalancingV2::ListenerRule"}
    said = {kind: registered(kind, BOOK.region) for kind in known}
    assert {kind for kind, one in said.items() if one and not one.tags} == UNTAGGED & {
        kind for kind in known if said[kind]
    }


def test_what_the_table_asks_for_is_an_action_of_the_registry():
    """A misspelt action would ask authors for what AWS does not know."""
    from autoprovision.deployer.needs.later import LATER
    from autoprovision.deployer.needs.registry import registered

    # Types without handlers in the registry: their actions are operations of their API.
    docdb = botocore.session.get_session().get_service_model("docdb")
    operations = {f"rds:{one}" for one in docdb.operation_names}
    for kind, actions in LATER.items():
        if kind.startswith("AWS::DocDB::"):
            assert set(actions) <= operations, kind
            continue
        said = registered(kind, BOOK.region)
        services = {one.partition(":")[0] for one in said.actions} if said else set()
        if "apigateway" not in str(actions):  # Its handlers call HTTP's verbs and more by turns.
            assert {one.partition(":")[0] for one in actions} <= services, kind
