"""What CloudFormation needs to be allowed for the resources of the catalog.

Taken from the handlers' permissions in the CloudFormation registry (`DescribeType`), reduced to the
calls that make, tag and delete a resource: enough to find a role that forgot one.
"""

from autoprovision.deployer.needs.calls import Also, Need
from autoprovision.deployer.needs.networks import NETWORK_NEEDS
from autoprovision.deployer.needs.services import SERVICE_NEEDS

NEEDS: dict[str, Need] = {
    "AWS::S3::Bucket": Need(
        "arn:aws:s3:::{name}",
        ("s3:CreateBucket",),
        ("s3:DeleteBucket",),
        "BucketName",
        {
            "BucketEncryption": "s3:PutEncryptionConfiguration",
            "CorsConfiguration": "s3:PutBucketCORS",
            "LifecycleConfiguration": "s3:PutLifecycleConfiguration",
            "LoggingConfiguration": "s3:PutBucketLogging",
            "NotificationConfiguration": "s3:PutBucketNotification",
            "OwnershipControls": "s3:PutBucketOwnershipControls",
            "PublicAccessBlockConfiguration": "s3:PutBucketPublicAccessBlock",
            "Tags": "s3:PutBucketTagging",
            "VersioningConfiguration": "s3:PutBucketVersioning",
            "WebsiteConfiguration": "s3:PutBucketWebsite",
        },
    ),
    "AWS::S3::BucketPolicy": Need(
        "arn:aws:s3:::{name}", ("s3:PutBucketPolicy",), ("s3:DeleteBucketPolicy",), "Bucket"
    ),
    "AWS::CloudFront::Distribution": Need(
        "arn:aws:cloudfront::{account}:distribution/{id}",
        ("cloudfront:CreateDistribution",),
        ("cloudfront:DeleteDistribution",),
        by_property={"Tags": "cloudfront:TagResource"},
    ),
    "AWS::CloudFront::ResponseHeadersPolicy": Need(
        "arn:aws:cloudfront::{account}:response-headers-policy/{id}",
        ("cloudfront:CreateResponseHeadersPolicy",),
        ("cloudfront:DeleteResponseHeadersPolicy",),
    ),
    "AWS::CloudFront::Function": Need(
        "arn:aws:cloudfront::{account}:function/{name}",
        ("cloudfront:CreateFunction",),
        ("cloudfront:DeleteFunction",),
        "Name",
    ),
    "AWS::CloudFront::OriginAccessControl": Need(
        "arn:aws:cloudfront::{account}:origin-access-control/{id}",
        ("cloudfront:CreateOriginAccessControl",),
        ("cloudfront:DeleteOriginAccessControl",),
    ),
    "AWS::Route53::RecordSet": Need(
        "arn:aws:route53:::hostedzone/{name}",
        ("route53:ChangeResourceRecordSets",),
        ("route53:ChangeResourceRecordSets",),
        "HostedZoneId",
    ),
    "AWS::DynamoDB::Table": Need(
        "arn:aws:dynamodb:{region}:{account}:table/{name}",
        ("dynamodb:CreateTable",),
        ("dynamodb:DeleteTable",),
        "TableName",
        {
            "PointInTimeRecoverySpecification": "dynamodb:UpdateContinuousBackups",
            "Tags": "dynamodb:TagResource",
            "TimeToLiveSpecification": "dynamodb:UpdateTimeToLive",
        },
    ),
    "AWS::SQS::Queue": Need(
        "arn:aws:sqs:{region}:{account}:{name}",
        ("sqs:CreateQueue",),
        ("sqs:DeleteQueue",),
        "QueueName",
        {"Tags": "sqs:TagQueue"},
    ),
    "AWS::SNS::Topic": Need(
        "arn:aws:sns:{region}:{account}:{name}",
        ("sns:CreateTopic",),
        ("sns:DeleteTopic",),
        "TopicName",
        {"Tags": "sns:TagResource"},
    ),
    "AWS::Lambda::Function": Need(
        "arn:aws:lambda:{region}:{account}:function:{name}",
        ("lambda:CreateFunction",),
        ("lambda:DeleteFunction",),
        "FunctionName",
        {"Tags": "lambda:TagResource"},
        passes={"Role": "lambda.amazonaws.com"},
    ),
    "AWS::Logs::LogGroup": Need(
        "arn:aws:logs:{region}:{account}:log-group:{name}:*",
        ("logs:CreateLogGroup",),
        ("logs:DeleteLogGroup",),
        "LogGroupName",
        {"RetentionInDays": "logs:PutRetentionPolicy", "Tags": "logs:TagResource"},
    ),
    "AWS::IAM::Role": Need(
        "arn:aws:iam::{account}:role/{name}",
        ("iam:CreateRole",),
        ("iam:DeleteRole",),
        "RoleName",
        {
            "ManagedPolicyArns": "iam:AttachRolePolicy",
            "Policies": "iam:PutRolePolicy",
            "Tags": "iam:TagRole",
        },
        {"iam:PermissionsBoundary": "PermissionsBoundary"},
        delete_by_property={
            "ManagedPolicyArns": "iam:DetachRolePolicy",
            "Policies": "iam:DeleteRolePolicy",
        },
    ),
    "AWS::SecretsManager::Secret": Need(
        "arn:aws:secretsmanager:{region}:{account}:secret:{name}",
        ("secretsmanager:CreateSecret",),
        ("secretsmanager:DeleteSecret",),
        "Name",
        {"Tags": "secretsmanager:TagResource"},
        also=(Also("secretsmanager:GetRandomPassword", when="GenerateSecretString"),),
    ),
    "AWS::SSM::Parameter": Need(
        "arn:aws:ssm:{region}:{account}:parameter/{name}",
        ("ssm:PutParameter",),
        ("ssm:DeleteParameter",),
        "Name",
    ),
    "AWS::SSM::Document": Need(
        "arn:aws:ssm:{region}:{account}:document/{name}",
        ("ssm:CreateDocument",),
        ("ssm:DeleteDocument",),
        "Name",
        {"Tags": "ssm:AddTagsToResource"},
    ),
    "AWS::CodeBuild::Project": Need(
        "arn:aws:codebuild:{region}:{account}:project/{name}",
        ("codebuild:CreateProject",),
        ("codebuild:DeleteProject",),
        "Name",
        passes={"ServiceRole": "codebuild.amazonaws.com"},
    ),
    **SERVICE_NEEDS,
    **NETWORK_NEEDS,
}
