"""What CloudFormation needs to be allowed for networks, machines, containers and databases."""

from autoprovision.deployer.needs.calls import Also, Need

_EC2 = "arn:aws:ec2:{region}:{account}"
_ECS = "arn:aws:ecs:{region}:{account}"
_ELB = "arn:aws:elasticloadbalancing:{region}:{account}"
_EFS = "arn:aws:elasticfilesystem:{region}:{account}:file-system"
_RDS = "arn:aws:rds:{region}:{account}"
_GROUP = f"{_EC2}:security-group/{{GroupId}}"
_ROUTES = f"{_EC2}:route-table/{{RouteTableId}}"
_TAGS = {"Tags": "ec2:CreateTags"}


def _ec2(noun: str, create: str, delete: str) -> Need:
    return Need(f"{_EC2}:{noun}/{{id}}", (f"ec2:{create}",), (f"ec2:{delete}",), "", _TAGS)


NETWORK_NEEDS: dict[str, Need] = {
    "AWS::EC2::VPC": _ec2("vpc", "CreateVpc", "DeleteVpc"),
    "AWS::EC2::Subnet": _ec2("subnet", "CreateSubnet", "DeleteSubnet"),
    "AWS::EC2::InternetGateway": _ec2(
        "internet-gateway", "CreateInternetGateway", "DeleteInternetGateway"
    ),
    "AWS::EC2::RouteTable": _ec2("route-table", "CreateRouteTable", "DeleteRouteTable"),
    "AWS::EC2::NatGateway": _ec2("natgateway", "CreateNatGateway", "DeleteNatGateway"),
    "AWS::EC2::EIP": _ec2("elastic-ip", "AllocateAddress", "ReleaseAddress"),
    "AWS::EC2::VPCEndpoint": _ec2("vpc-endpoint", "CreateVpcEndpoint", "DeleteVpcEndpoints"),
    "AWS::EC2::Instance": _ec2("instance", "RunInstances", "TerminateInstances"),
    "AWS::EC2::SecurityGroup": Need(
        f"{_EC2}:security-group/{{id}}",
        ("ec2:CreateSecurityGroup",),
        ("ec2:DeleteSecurityGroup",),
        "",
        {
            **_TAGS,
            "SecurityGroupIngress": "ec2:AuthorizeSecurityGroupIngress",
            "SecurityGroupEgress": "ec2:AuthorizeSecurityGroupEgress",
        },
    ),
    "AWS::EC2::SecurityGroupIngress": Need(
        _GROUP, ("ec2:AuthorizeSecurityGroupIngress",), ("ec2:RevokeSecurityGroupIngress",)
    ),
    "AWS::EC2::SecurityGroupEgress": Need(
        _GROUP, ("ec2:AuthorizeSecurityGroupEgress",), ("ec2:RevokeSecurityGroupEgress",)
    ),
    "AWS::EC2::Route": Need(_ROUTES, ("ec2:CreateRoute",), ("ec2:DeleteRoute",)),
    "AWS::EC2::SubnetRouteTableAssociation": Need(
        _ROUTES, ("ec2:AssociateRouteTable",), ("ec2:DisassociateRouteTable",)
    ),
    "AWS::EC2::VPCGatewayAttachment": Need(
        f"{_EC2}:vpc/{{VpcId}}", ("ec2:AttachInternetGateway",), ("ec2:DetachInternetGateway",)
    ),
    "AWS::EC2::FlowLog": Need(
        f"{_EC2}:vpc-flow-log/{{id}}",
        ("ec2:CreateFlowLogs",),
        ("ec2:DeleteFlowLogs",),
        "",
        _TAGS,
        passes={"DeliverLogsPermissionArn": "vpc-flow-logs.amazonaws.com"},
    ),
    "AWS::EC2::LaunchTemplate": Need(
        f"{_EC2}:launch-template/{{id}}",
        ("ec2:CreateLaunchTemplate",),
        ("ec2:DeleteLaunchTemplate",),
        "",
        {"TagSpecifications": "ec2:CreateTags"},
    ),
    "AWS::AutoScaling::AutoScalingGroup": Need(
        "arn:aws:autoscaling:{region}:{account}:autoScalingGroup:{id}:autoScalingGroupName/{name}",
        ("autoscaling:CreateAutoScalingGroup",),
        ("autoscaling:DeleteAutoScalingGroup",),
        "AutoScalingGroupName",
        {"Tags": "autoscaling:CreateOrUpdateTags"},
        # Auto Scaling asks whether the caller may start what the launch template says.
        also=(Also("ec2:RunInstances", f"{_EC2}:instance/{{id}}", when="LaunchTemplate"),),
    ),
    "AWS::ECS::Cluster": Need(
        f"{_ECS}:cluster/{{name}}",
        ("ecs:CreateCluster",),
        ("ecs:DeleteCluster",),
        "ClusterName",
        {"Tags": "ecs:TagResource"},
    ),
    "AWS::ECS::Service": Need(
        f"{_ECS}:service/{{Cluster:last}}/{{name}}",
        ("ecs:CreateService",),
        ("ecs:DeleteService",),
        "ServiceName",
        {"Tags": "ecs:TagResource"},
    ),
    "AWS::ECS::TaskDefinition": Need(
        f"{_ECS}:task-definition/{{name}}:*",
        ("ecs:RegisterTaskDefinition",),
        ("ecs:DeregisterTaskDefinition",),
        "Family",
        also=(Also("ecs:TagResource", f"{_ECS}:task-definition/{{name}}:1", when="Tags"),),
        delete_arn="*",
        passes={
            "ExecutionRoleArn": "ecs-tasks.amazonaws.com",
            "TaskRoleArn": "ecs-tasks.amazonaws.com",
        },
    ),
    "AWS::ECR::Repository": Need(
        "arn:aws:ecr:{region}:{account}:repository/{name}",
        ("ecr:CreateRepository",),
        ("ecr:DeleteRepository",),
        "RepositoryName",
        {
            "LifecyclePolicy": "ecr:PutLifecyclePolicy",
            "RepositoryPolicyText": "ecr:SetRepositoryPolicy",
            "Tags": "ecr:TagResource",
        },
    ),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": Need(
        f"{_ELB}:loadbalancer/app/{{name}}/{{id}}",
        ("elasticloadbalancing:CreateLoadBalancer",),
        ("elasticloadbalancing:DeleteLoadBalancer",),
        "Name",
        {
            "LoadBalancerAttributes": "elasticloadbalancing:ModifyLoadBalancerAttributes",
            "Tags": "elasticloadbalancing:AddTags",
        },
        delete_arn="{id}",
    ),
    "AWS::ElasticLoadBalancingV2::Listener": Need(
        "{LoadBalancerArn}",
        ("elasticloadbalancing:CreateListener",),
        ("elasticloadbalancing:DeleteListener",),
        delete_arn="{id}",
    ),
    "AWS::ElasticLoadBalancingV2::ListenerRule": Need(
        "{ListenerArn}",
        ("elasticloadbalancing:CreateRule",),
        ("elasticloadbalancing:DeleteRule",),
        delete_arn="{id}",
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": Need(
        f"{_ELB}:targetgroup/{{name}}/{{id}}",
        ("elasticloadbalancing:CreateTargetGroup",),
        ("elasticloadbalancing:DeleteTargetGroup",),
        "Name",
        {
            "Tags": "elasticloadbalancing:AddTags",
            "TargetGroupAttributes": "elasticloadbalancing:ModifyTargetGroupAttributes",
        },
        delete_arn="{id}",
    ),
    "AWS::EFS::FileSystem": Need(
        f"{_EFS}/{{id}}",
        ("elasticfilesystem:CreateFileSystem",),
        ("elasticfilesystem:DeleteFileSystem",),
        "",
        {
            "BackupPolicy": "elasticfilesystem:PutBackupPolicy",
            "FileSystemPolicy": "elasticfilesystem:PutFileSystemPolicy",
            "FileSystemTags": "elasticfilesystem:TagResource",
            "LifecyclePolicies": "elasticfilesystem:PutLifecycleConfiguration",
        },
    ),
    "AWS::EFS::MountTarget": Need(
        f"{_EFS}/{{FileSystemId}}",
        ("elasticfilesystem:CreateMountTarget",),
        ("elasticfilesystem:DeleteMountTarget",),
        # EFS makes the network interface with the caller's permissions (API reference).
        also=(
            Also("ec2:DescribeSubnets"),
            Also("ec2:DescribeNetworkInterfaces"),
            Also("ec2:CreateNetworkInterface", f"{_EC2}:subnet/{{SubnetId}}"),
        ),
    ),
    "AWS::DocDB::DBCluster": Need(
        f"{_RDS}:cluster:{{name:lower}}",
        ("rds:CreateDBCluster",),
        ("rds:DeleteDBCluster",),
        "DBClusterIdentifier",
        {"Tags": "rds:AddTagsToResource"},
        also=(
            Also(
                "rds:CreateDBCluster",
                f"{_RDS}:subgrp:{{DBSubnetGroupName:lower}}",
                when="DBSubnetGroupName",
            ),
        ),
    ),
    "AWS::DocDB::DBInstance": Need(
        f"{_RDS}:db:{{name:lower}}",
        ("rds:CreateDBInstance",),
        ("rds:DeleteDBInstance",),
        "DBInstanceIdentifier",
        {"Tags": "rds:AddTagsToResource"},
        also=(Also("rds:CreateDBInstance", f"{_RDS}:cluster:{{DBClusterIdentifier:lower}}"),),
    ),
    "AWS::RDS::DBInstance": Need(
        f"{_RDS}:db:{{name:lower}}",
        ("rds:CreateDBInstance",),
        ("rds:DeleteDBInstance",),
        "DBInstanceIdentifier",
        {"Tags": "rds:AddTagsToResource"},
        also=(
            Also(
                "rds:CreateDBInstance",
                f"{_RDS}:subgrp:{{DBSubnetGroupName:lower}}",
                when="DBSubnetGroupName",
            ),
        ),
    ),
    "AWS::RDS::DBSubnetGroup": Need(
        f"{_RDS}:subgrp:{{name:lower}}",
        ("rds:CreateDBSubnetGroup",),
        ("rds:DeleteDBSubnetGroup",),
        "DBSubnetGroupName",
        {"Tags": "rds:AddTagsToResource"},
    ),
}
