"""What is not as it looks in a blueprint's folder: files without an end, rules that are hidden."""

import pytest
from tests.unit.deployer.test_rules import (
    BREAKS,
    GREETING,
    MANIFEST,
    ROLE,
    TEMPLATE,
    changed,
    rendered,
    seen,
)

from autoprovision.deployer.rules.forbidden import TRANSFORM
from autoprovision.deployer.yaml_files import read_yaml


def nested_merges(levels: int) -> str:
    """Mappings that each merge the one inside them ten times: few letters, very many pairs."""
    if levels == 0:
        return "&a0 {x: 1}"
    inside = ", ".join([nested_merges(levels - 1), *[f"*a{levels - 1}"] * 9])
    return f"&a{levels} {{<<: [{inside}]}}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"a: {nested_merges(9)}", "far too many parts"), ("a: &a {<<: *a}", "refers to itself"),
        ("a: {<<: [b]}", "names no mapping"), ("a: 2026-13-45", "month must be"),
        ("a: " + "[" * 200 + "]" * 200, "levels deep"), ("a: " + "[" * 100_000, "levels deep"),
        ("".join(f"a{n}: &a{n} [{f'*a{n - 1}' if n else 1}]\n" for n in range(3000)), "levels deep"),
    ],
    ids=["merges", "itself", "no mapping", "no date", "deep", "abyss", "chain"],
)  # fmt: skip
def test_a_file_without_end_is_named_not_read(tmp_path, text, said):
    folder = changed(tmp_path, GREETING, [("prices.yaml", "", text)])
    for name in (MANIFEST, TEMPLATE, ROLE):
        (folder / name).write_text(text)
    found = {one.file: one.detail for one in seen(folder).errors}
    assert said in found[MANIFEST]
    assert set(found) == {MANIFEST, TEMPLATE, ROLE, "prices.yaml"}


def test_merge_keys_bring_what_yaml_says(tmp_path):
    text = b"a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], z: 3}\nd:\n  <<: *b\n"
    read = read_yaml(text)
    assert read.value["c"] == {"x": 1, "y": 1, "z": 3}
    assert read.value["d"] == {"y": 2, "z": 2}
    assert "/c" in read.repeats
    assert read.doubles == ()


@pytest.mark.parametrize("name", [TEMPLATE, ROLE])
def test_what_cloudformation_takes_no_aliases_for_is_found(tmp_path, name):
    more = "Mappings:\n  One: &one {a: {b: c}}\n  Other: *one\nResources:\n"
    folder = changed(tmp_path, GREETING, [(name, "Resources:\n", more)])
    (found,) = rendered(folder).findings
    assert (found.rule, found.file, found.pointer) == ("not-yaml", name, "/Mappings/Other")


HIDDEN = '{Effect: Allow, Action: "iam:*", Resource: "*"}'


@pytest.mark.parametrize(
    "statement",
    [HIDDEN, f"[!If [HasZone, {HIDDEN}, !Ref AWS::NoValue]]", f"!If [HasZone, [{HIDDEN}], []]"],
    ids=["alone", "conditional", "conditional list"],
)
@pytest.mark.parametrize("role", ["Role", "AssumeRolePolicyDocument"])
def test_no_statement_of_a_role_is_overlooked(tmp_path, statement, role):
    policy = f"      Policies:\n        - {{PolicyName: more, PolicyDocument: {{Statement: {statement}}}}}\n"
    folder = changed(
        tmp_path, GREETING, [(ROLE, "      Policies:\n", policy), (ROLE, "  Role:\n", f"  {role}:\n")]
    )  # fmt: skip
    assert "role-wildcard" in {one.rule for one in rendered(folder).findings}


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ('{Effect: !If [HasZone, Allow, Deny], Action: "s3:*", Resource: "*"}', "role-wildcard"),
        ('{Effect: Allow, Action: !Sub "s3:*", Resource: "*"}', "role-wildcard"),
        ('{Effect: Allow, Action: "s3:Put????ct", Resource: "*"}', "role-wildcard"),
        ('{Effect: Allow, Action: "IAM:CREATEROLE", Resource: "arn:x"}', "role-boundary"),
        ('{Effect: Allow, Action: "iam:passrole", Resource: "arn:x"}', "role-pass"),
        ('{Effect: Allow, Action: !Sub "iam:PutUserPolicy", Resource: "arn:x"}', "role-attach"),
    ],
)
def test_no_spelling_of_a_statement_of_a_role_is_overlooked(tmp_path, statement, rule):
    policy = f"      Policies:\n        - {{PolicyName: more, PolicyDocument: {{Statement: {statement}}}}}\n"
    folder = changed(tmp_path, GREETING, [(ROLE, "      Policies:\n", policy)])
    assert rule in {one.rule for one in rendered(folder).findings}


def test_everything_is_everything_in_a_function_too(tmp_path):
    narrow, wide = BREAKS["role-resource"][1][0][1:]
    folder = changed(tmp_path, GREETING, [(ROLE, narrow, str(wide).replace('"*"', '!Sub "*"'))])
    assert {one.rule for one in rendered(folder).findings} == {"role-resource"}


def test_a_role_has_no_transform_either(tmp_path):
    folder = changed(
        tmp_path, GREETING, [(ROLE, "Resources:\n", "Transform: AWS::LanguageExtensions\nResources:\n")]
    )  # fmt: skip
    (found,) = rendered(folder).findings
    assert (found.rule, found.file) == (TRANSFORM, ROLE)


@pytest.mark.parametrize(
    "ingress",
    [
        "[!If [A, {CidrIp: 0.0.0.0/0}, !Ref AWS::NoValue]]", "!If [A, [{CidrIpv6: '::/0'}], []]",
        "[{CidrIp: !If [A, 0.0.0.0/0, 10.0.0.0/8]}]", "{CidrIp: !Sub 0.0.0.0/0}",
    ],
)  # fmt: skip
def test_a_condition_hides_no_open_group(tmp_path, ingress):
    source, changes = BREAKS["forbidden-open-group"]
    file, old, new = changes[0]
    hidden = str(new).replace("[{CidrIp: 0.0.0.0/0}]", ingress)
    folder = changed(tmp_path, source, [(file, old, hidden), *changes[1:]])
    assert "forbidden-open-group" in {one.rule for one in rendered(folder).findings}


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        ("defaultExpiry: 7d", "defaultExpiry: soon", "/topologies/dev/defaultExpiry"),
        ("parameters:\n  Greeting:", "parameters:\n  Colour: {type: integer, description: d, default: red}\n  Greeting:", "/parameters/Colour"),
        ("parameters:\n  Greeting:", "parameters:\n  Colour: {type: text, description: d, pattern: '['}\n  Greeting:", "/parameters/Colour"),
    ],
    ids=["life", "default", "pattern"],
)  # fmt: skip
def test_what_nobody_could_order_is_a_fault_of_the_manifest(tmp_path, old, new, at):
    (found,) = seen(changed(tmp_path, GREETING, [(MANIFEST, old, new)])).errors
    assert (found.rule, found.pointer) == ("manifest-field", at)


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("      RoleName:", "      Policies: [{PolicyName: a, PolicyDocument: {Statement: [{Effect: Allow, Action: s3:GetObject, Resource: !Sub 'arn:aws:s3:::${Greeting}*'}]}}]\n      RoleName:", "forbidden-wide-policy"),
        ("      RoleName:", "      Policies: !Ref Greeting\n      RoleName:", "forbidden-wide-policy"),
        ("{Service: lambda.amazonaws.com}", "{AWS: !Ref Greeting}", "forbidden-open-policy"),
        ("Default: Hello", "Default: '{{resolve:secretsmanager:another}}'", "forbidden-foreign-secret"),
        ("Resources:\n", "Mappings: {All: {of: {it: '{{resolve:secretsmanager:another}}'}}}\nResources:\n", "forbidden-foreign-secret"),
    ],
    ids=["star", "policies", "principal", "default", "mapping"],
)  # fmt: skip
def test_what_a_parameter_or_a_map_holds_hides_nothing(tmp_path, old, new, rule):
    folder = changed(tmp_path, GREETING, [(TEMPLATE, old, new)])
    assert rule in {one.rule for one in rendered(folder).findings}


def test_what_the_platform_fills_is_not_anything(tmp_path):
    own = "      Policies: [{PolicyName: a, PolicyDocument: {Statement: [{Effect: Allow, Action: s3:GetObject, Resource: !Sub 'arn:aws:s3:::x-${ApplicationId}/*'}]}}]\n      RoleName:"
    folder = changed(tmp_path, GREETING, [(TEMPLATE, "      RoleName:", own)])
    assert "forbidden-wide-policy" not in {one.rule for one in rendered(folder).findings}
