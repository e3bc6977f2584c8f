"""What reading a resource takes: CloudFormation detects drift with the rights of whoever asks.

By resource type, from the read handlers of the CloudFormation registry (`DescribeType`). Left out
is what would open more than it shows: the values of secrets, and objects in buckets. The role of
the audit has these rights, and a test holds it to them.
"""

_API = ("apigateway:GET",)
_EC2 = (
    "ec2:DescribeAccountAttributes", "ec2:DescribeAvailabilityZones",
    "ec2:DescribeInternetGateways", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
    "ec2:DescribeVpcAttribute", "ec2:DescribeVpcs",
)  # fmt: skip

READS: dict[str, tuple[str, ...]] = {
    "AWS::ApiGatewayV2::Api": _API,
    "AWS::ApiGatewayV2::ApiMapping": _API,
    "AWS::ApiGatewayV2::DomainName": _API,
    "AWS::ApiGatewayV2::Integration": _API,
    "AWS::ApiGatewayV2::Route": _API,
    "AWS::ApiGatewayV2::Stage": _API,
    "AWS::AutoScaling::AutoScalingGroup": (
        "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeLifecycleHooks",
        "autoscaling:DescribeNotificationConfigurations", "autoscaling:DescribeTags",
        "autoscaling:DescribeTrafficSources",
    ),
    "AWS::CloudFront::Distribution": (
        "cloudfront:GetDistribution", "cloudfront:GetDistributionConfig",
        "cloudfront:ListTagsForResource",
    ),
    "AWS::CloudFront::OriginAccessControl": ("cloudfront:GetOriginAccessControl",),
    # They have no read handler in the registry: what describes them.
    "AWS::DocDB::DBCluster": ("rds:DescribeDBClusters",),
    "AWS::DocDB::DBInstance": ("rds:DescribeDBInstances",),
    "AWS::DynamoDB::Table": (
        "dynamodb:DescribeContinuousBackups", "dynamodb:DescribeContributorInsights",
        "dynamodb:DescribeKinesisStreamingDestination", "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive", "dynamodb:GetResourcePolicy", "dynamodb:ListTagsOfResource",
    ),
    # Without Elastic Inference and Elastic GPUs, which AWS has ended.
    "AWS::EC2::Instance": (
        "ec2:DescribeInstanceAttribute", "ec2:DescribeInstanceCreditSpecifications",
        "ec2:DescribeInstances", "ec2:DescribeLaunchTemplates", "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeVolumes", "ssm:DescribeAssociation", "ssm:ListAssociations",
    ),
    "AWS::EC2::LaunchTemplate": (
        "ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions",
    ),
    "AWS::EC2::SecurityGroup": ("ec2:DescribeSecurityGroups",),
    "AWS::EC2::SecurityGroupEgress": ("ec2:DescribeSecurityGroupRules",),
    "AWS::ECR::Repository": (
        "ecr:DescribeRepositories", "ecr:GetLifecyclePolicy", "ecr:GetRepositoryPolicy",
        "ecr:ListTagsForResource",
    ),
    "AWS::ECS::Service": ("ecs:DescribeServices",),
    "AWS::ECS::TaskDefinition": ("ecs:DescribeTaskDefinition",),
    "AWS::EFS::FileSystem": (
        "elasticfilesystem:DescribeBackupPolicy", "elasticfilesystem:DescribeFileSystemPolicy",
        "elasticfilesystem:DescribeFileSystems", "elasticfilesystem:DescribeLifecycleConfiguration",
        "elasticfilesystem:DescribeReplicationConfigurations",
    ),
    "AWS::EFS::MountTarget": (
        "elasticfilesystem:DescribeMountTargets",
        "elasticfilesystem:DescribeMountTargetSecurityGroups",
    ),
    "AWS::ElasticLoadBalancingV2::ListenerRule": (
        "elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTags",
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": (
        "elasticloadbalancing:DescribeTags", "elasticloadbalancing:DescribeTargetGroupAttributes",
        "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth",
    ),
    "AWS::IAM::InstanceProfile": ("iam:GetInstanceProfile",),
    "AWS::IAM::Role": (
        "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies",
    ),
    "AWS::Lambda::Function": (
        "lambda:GetFunction", "lambda:GetFunctionCodeSigningConfig",
        "lambda:GetFunctionRecursionConfig", "lambda:GetFunctionScalingConfig",
        "lambda:GetRuntimeManagementConfig",
    ),
    "AWS::Lambda::Permission": ("lambda:GetPolicy",),
    "AWS::Logs::LogGroup": (
        "logs:DescribeIndexPolicies", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
        "logs:GetDataProtectionPolicy", "logs:ListTagsForResource",
    ),
    "AWS::RDS::DBInstance": ("rds:DescribeDBInstances", *_EC2),
    # It has no handler in the registry, and CloudFormation does not detect its drift.
    "AWS::Route53::RecordSet": (),
    "AWS::S3::Bucket": (
        "s3:GetAccelerateConfiguration", "s3:GetAnalyticsConfiguration", "s3:GetBucketAbac",
        "s3:GetBucketAcl", "s3:GetBucketCORS", "s3:GetBucketLogging",
        "s3:GetBucketMetadataTableConfiguration", "s3:GetBucketNotification",
        "s3:GetBucketObjectLockConfiguration", "s3:GetBucketOwnershipControls",
        "s3:GetBucketPublicAccessBlock", "s3:GetBucketTagging", "s3:GetBucketVersioning",
        "s3:GetBucketWebsite", "s3:GetEncryptionConfiguration",
        "s3:GetIntelligentTieringConfiguration", "s3:GetInventoryConfiguration",
        "s3:GetLifecycleConfiguration", "s3:GetMetricsConfiguration",
        "s3:GetReplicationConfiguration", "s3:ListBucket", "s3:ListTagsForResource",
    ),
    "AWS::S3::BucketPolicy": ("s3:GetBucketPolicy",),
    "AWS::SecretsManager::Secret": ("secretsmanager:DescribeSecret",),
}  # fmt: skip


def unseen(types: set[str]) -> list[str]:
    """The types whose drift the audit may not see, unless an operator gives it the rights."""
    return sorted(types - READS.keys())
