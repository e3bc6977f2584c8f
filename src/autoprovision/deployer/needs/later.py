"""What an update in place and looking at a resource need, beyond its making and deleting.

From the update and read handlers' permissions in the CloudFormation registry, reduced to what the
types' usual properties ask for. Types that stand elsewhere only have what making them needs.
"""

_API = ("apigateway:GET", "apigateway:PATCH")

LATER: dict[str, tuple[str, ...]] = {
    "AWS::ApiGatewayV2::Api": (*_API, "apigateway:PUT"),
    "AWS::ApiGatewayV2::ApiMapping": _API,
    "AWS::ApiGatewayV2::Authorizer": _API,
    "AWS::ApiGatewayV2::DomainName": _API,
    "AWS::ApiGatewayV2::Integration": _API,
    "AWS::ApiGatewayV2::Route": _API,
    "AWS::ApiGatewayV2::Stage": _API,
    "AWS::AutoScaling::AutoScalingGroup": (
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeScalingActivities",
        "autoscaling:UpdateAutoScalingGroup",
    ),
    "AWS::CloudFront::Distribution": (
        "cloudfront:GetDistribution",
        "cloudfront:GetDistributionConfig",
        "cloudfront:UpdateDistribution",
    ),
    "AWS::CloudFront::OriginAccessControl": (
        "cloudfront:GetOriginAccessControl",
        "cloudfront:UpdateOriginAccessControl",
    ),
    "AWS::CloudWatch::Alarm": ("cloudwatch:DescribeAlarms",),
    "AWS::DocDB::DBCluster": ("rds:DescribeDBClusters", "rds:ModifyDBCluster"),
    "AWS::DocDB::DBInstance": ("rds:DescribeDBInstances", "rds:ModifyDBInstance"),
    "AWS::DynamoDB::Table": ("dynamodb:DescribeTable", "dynamodb:UpdateTable"),
    "AWS::EC2::LaunchTemplate": (
        "ec2:CreateLaunchTemplateVersion",
        "ec2:DescribeLaunchTemplates",
    ),
    "AWS::ECR::Repository": ("ecr:DescribeRepositories",),
    "AWS::ECS::Service": ("ecs:DescribeServices", "ecs:UpdateService"),
    "AWS::ECS::TaskDefinition": ("ecs:DescribeTaskDefinition",),
    "AWS::EFS::FileSystem": (
        "elasticfilesystem:DescribeFileSystems",
        "elasticfilesystem:UpdateFileSystem",
    ),
    "AWS::EFS::MountTarget": (
        "elasticfilesystem:DescribeMountTargets",
        "elasticfilesystem:ModifyMountTargetSecurityGroups",
    ),
    "AWS::ElasticLoadBalancingV2::ListenerRule": (
        "elasticloadbalancing:DescribeRules",
        "elasticloadbalancing:ModifyRule",
    ),
    "AWS::ElasticLoadBalancingV2::TargetGroup": (
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:ModifyTargetGroup",
    ),
    "AWS::Events::Rule": ("events:DescribeRule",),
    "AWS::IAM::InstanceProfile": ("iam:GetInstanceProfile",),
    "AWS::IAM::Role": ("iam:GetRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole"),
    "AWS::Lambda::Function": (
        "lambda:GetFunction",
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
    ),
    "AWS::Lambda::Permission": ("lambda:GetPolicy",),
    "AWS::Lambda::Url": ("lambda:GetFunctionUrlConfig", "lambda:UpdateFunctionUrlConfig"),
    "AWS::Logs::LogGroup": ("logs:DescribeLogGroups",),
    "AWS::RDS::DBInstance": ("rds:DescribeDBInstances", "rds:ModifyDBInstance"),
    "AWS::Route53::RecordSet": ("route53:GetChange", "route53:GetHostedZone"),
    "AWS::S3::BucketPolicy": ("s3:GetBucketPolicy",),
    "AWS::SNS::Topic": ("sns:GetTopicAttributes", "sns:SetTopicAttributes"),
    "AWS::SQS::Queue": ("sqs:GetQueueAttributes", "sqs:SetQueueAttributes"),
    "AWS::SSM::Parameter": ("ssm:GetParameters",),
    "AWS::SecretsManager::Secret": (
        "secretsmanager:DescribeSecret",
        "secretsmanager:UpdateSecret",
    ),
    "AWS::StepFunctions::StateMachine": (
        "states:DescribeStateMachine",
        "states:UpdateStateMachine",
    ),
}
