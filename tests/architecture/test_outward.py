"""Functions that call outward, and the network that an operator may choose for them."""

from tests.architecture.infra import APP, FUNCTIONS, POLICIES, ROLES, attached_to, function_name
from tests.architecture.templates import listed, resolved, statements

# They call addresses that people or operators name, and so may have to reach private ones.
OUTWARD = {"StageSource", "PublishProject", "CheckUrl", "ApprovalWebhook"}


def test_functions_that_call_outward_join_the_network_that_the_operator_chose():
    joined = {
        function_name(name): one["Properties"]["VpcConfig"]
        for name, one in FUNCTIONS.items()
        if "VpcConfig" in one["Properties"]
    }
    assert set(joined) == OUTWARD
    subnets = "import ${PlatformName}-${FunctionNetwork}-FunctionSubnets"
    for condition, chosen, otherwise in (one["Fn::If"] for one in joined.values()):
        assert condition == "HasFunctionNetwork"
        separator, wanted = chosen["SubnetIds"]["Fn::Split"]
        assert (separator, resolved(wanted)) == (",", subnets)
        assert chosen["SecurityGroupIds"] == [{"Fn::GetAtt": ["FunctionNetworkGroup", "GroupId"]}]
        assert otherwise == {"Ref": "AWS::NoValue"}


def test_whoever_fetches_or_posts_knows_which_hosts_are_inside():
    told = {
        function_name(name)
        for name, one in FUNCTIONS.items()
        if "PRIVATE_HOSTS" in one["Properties"].get("Environment", {}).get("Variables", {})
    }
    assert told == OUTWARD - {"CheckUrl"}


def test_only_lambda_itself_makes_network_interfaces_and_only_for_those():
    roles = {name for name, role in ROLES.items() if "JoinNetworkPolicy" in attached_to(role)}
    assert roles == {f"{one}Role" for one in OUTWARD}
    for role in roles:
        (choice,) = [
            one["Fn::If"]
            for one in ROLES[role]["Properties"]["ManagedPolicyArns"]
            if "Fn::If" in one
        ]
        assert choice[0] == "HasFunctionNetwork"
    allow, deny = statements(POLICIES["JoinNetworkPolicy"])
    assert (allow["Effect"], deny["Effect"]) == ("Allow", "Deny")
    assert allow["Action"] == deny["Action"]
    assert not [one for one in allow["Action"] if not one.startswith("ec2:")]
    assert "lambda:SourceFunctionArn" in deny["Condition"]["ArnLike"]
    others = [
        action
        for name in {*ROLES, *POLICIES} - {"JoinNetworkPolicy"}
        for statement in statements(APP["Resources"][name])
        for action in listed(statement["Action"])
        if action.startswith("ec2:")
        and "NetworkInterface" in action
        and not action.startswith("ec2:Describe")
    ]
    assert others == []


def test_the_group_of_those_functions_is_reached_by_nobody_and_names_what_it_reaches():
    group = APP["Resources"]["FunctionNetworkGroup"]
    assert group["Condition"] == "HasFunctionNetwork"
    assert "SecurityGroupIngress" not in group["Properties"]
    egress = group["Properties"]["SecurityGroupEgress"]
    assert [(one["IpProtocol"], one["FromPort"], one["ToPort"]) for one in egress] == [
        ("tcp", port, port) for port in (443, 80, 22)
    ]
