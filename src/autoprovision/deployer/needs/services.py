"""What CloudFormation needs to be allowed for APIs, workflows, messages, identities and alarms."""

from autoprovision.deployer.needs.calls import Also, Need

_APIS = "arn:aws:apigateway:{region}::/apis"
_DOMAINS = "arn:aws:apigateway:{region}::/domainnames"
_FUNCTION = "arn:aws:lambda:{region}:{account}:function:{FunctionName:last}"
_EVENTS = "arn:aws:events:{region}:{account}"
_IAM = "arn:aws:iam::{account}"


def _of_api(children: str, *also: Also) -> Need:
    return Need(
        f"{_APIS}/{{ApiId}}/{children}",
        ("apigateway:POST",),
        ("apigateway:DELETE",),
        delete_arn=f"{_APIS}/{{ApiId}}/{children}/{{id}}",
        also=also,
    )


SERVICE_NEEDS: dict[str, Need] = {
    "AWS::ApiGatewayV2::Api": Need(
        _APIS,
        ("apigateway:POST",),
        ("apigateway:DELETE",),
        delete_arn=f"{_APIS}/{{id}}",
        also=(Also("apigateway:TagResource", _APIS, when="Tags"),),
    ),
    "AWS::ApiGatewayV2::Authorizer": _of_api("authorizers"),
    "AWS::ApiGatewayV2::Integration": _of_api("integrations"),
    "AWS::ApiGatewayV2::Route": _of_api("routes"),
    "AWS::ApiGatewayV2::Stage": _of_api(
        "stages", Also("apigateway:TagResource", f"{_APIS}/{{ApiId}}/stages", when="Tags")
    ),
    "AWS::ApiGatewayV2::DomainName": Need(
        _DOMAINS,
        ("apigateway:POST",),
        ("apigateway:DELETE",),
        delete_arn=f"{_DOMAINS}/{{id}}",
        also=(Also("apigateway:TagResource", _DOMAINS, when="Tags"),),
    ),
    "AWS::ApiGatewayV2::ApiMapping": Need(
        f"{_DOMAINS}/{{DomainName}}/apimappings",
        ("apigateway:POST",),
        ("apigateway:DELETE",),
        delete_arn=f"{_DOMAINS}/{{DomainName}}/apimappings/{{id}}",
    ),
    "AWS::Lambda::Permission": Need(
        _FUNCTION, ("lambda:AddPermission",), ("lambda:RemovePermission",)
    ),
    "AWS::Lambda::EventInvokeConfig": Need(
        _FUNCTION,
        ("lambda:PutFunctionEventInvokeConfig",),
        ("lambda:DeleteFunctionEventInvokeConfig",),
    ),
    "AWS::Lambda::EventSourceMapping": Need(
        "arn:aws:lambda:{region}:{account}:event-source-mapping:{id}",
        ("lambda:CreateEventSourceMapping",),
        ("lambda:DeleteEventSourceMapping",),
        "",
        {"Tags": "lambda:TagResource"},
    ),
    "AWS::Lambda::Url": Need(
        "arn:aws:lambda:{region}:{account}:function:{TargetFunctionArn:last}",
        ("lambda:CreateFunctionUrlConfig",),
        ("lambda:DeleteFunctionUrlConfig",),
    ),
    "AWS::IAM::ManagedPolicy": Need(
        f"{_IAM}:policy/{{name}}",
        ("iam:CreatePolicy",),
        ("iam:DeletePolicy",),
        "ManagedPolicyName",
        delete_arn="{id}",
    ),
    "AWS::IAM::InstanceProfile": Need(
        f"{_IAM}:instance-profile/{{name}}",
        ("iam:CreateInstanceProfile",),
        ("iam:DeleteInstanceProfile",),
        "InstanceProfileName",
        {"Roles": "iam:AddRoleToInstanceProfile"},
        passes={"Roles": "ec2.amazonaws.com"},
        delete_by_property={"Roles": "iam:RemoveRoleFromInstanceProfile"},
    ),
    "AWS::KMS::Key": Need(
        "arn:aws:kms:{region}:{account}:key/{id}",
        (),
        ("kms:ScheduleKeyDeletion",),
        also=(
            Also("kms:CreateKey"),
            Also("kms:TagResource", "arn:aws:kms:{region}:{account}:key/{id}", when="Tags"),
            Also(
                "kms:EnableKeyRotation",
                "arn:aws:kms:{region}:{account}:key/{id}",
                when="EnableKeyRotation",
            ),
        ),
    ),
    "AWS::StepFunctions::StateMachine": Need(
        "arn:aws:states:{region}:{account}:stateMachine:{name}",
        ("states:CreateStateMachine",),
        ("states:DeleteStateMachine",),
        "StateMachineName",
        {"Tags": "states:TagResource"},
        passes={"RoleArn": "states.amazonaws.com"},
    ),
    "AWS::Events::EventBus": Need(
        f"{_EVENTS}:event-bus/{{name}}",
        ("events:CreateEventBus",),
        ("events:DeleteEventBus",),
        "Name",
        {"Tags": "events:TagResource"},
    ),
    "AWS::Events::Rule": Need(
        f"{_EVENTS}:rule/{{name}}",
        ("events:PutRule",),
        ("events:DeleteRule",),
        "Name",
        {"Targets": "events:PutTargets"},
        delete_by_property={"Targets": "events:RemoveTargets"},
    ),
    "AWS::Scheduler::Schedule": Need(
        "arn:aws:scheduler:{region}:{account}:schedule/{GroupName}/{name}",
        ("scheduler:CreateSchedule",),
        ("scheduler:DeleteSchedule",),
        "Name",
    ),
    "AWS::Scheduler::ScheduleGroup": Need(
        "arn:aws:scheduler:{region}:{account}:schedule-group/{name}",
        ("scheduler:CreateScheduleGroup",),
        ("scheduler:DeleteScheduleGroup",),
        "Name",
        {"Tags": "scheduler:TagResource"},
    ),
    "AWS::SNS::Subscription": Need(
        "arn:aws:sns:{region}:{account}:{TopicArn:last}", ("sns:Subscribe",), ("sns:Unsubscribe",)
    ),
    "AWS::SNS::TopicPolicy": Need(
        "arn:aws:sns:{region}:{account}:{Topics:last}",
        ("sns:SetTopicAttributes",),
        ("sns:SetTopicAttributes",),
    ),
    "AWS::SQS::QueuePolicy": Need(
        "arn:aws:sqs:{region}:{account}:{Queues:last}",
        ("sqs:SetQueueAttributes",),
        ("sqs:SetQueueAttributes",),
    ),
    "AWS::CloudWatch::Alarm": Need(
        "arn:aws:cloudwatch:{region}:{account}:alarm:{name}",
        ("cloudwatch:PutMetricAlarm",),
        ("cloudwatch:DeleteAlarms",),
        "AlarmName",
    ),
    "AWS::SES::EmailIdentity": Need(
        "arn:aws:ses:{region}:{account}:identity/{name}",
        ("ses:CreateEmailIdentity",),
        ("ses:DeleteEmailIdentity",),
        "EmailIdentity",
    ),
    "AWS::Cognito::UserPool": Need(
        "arn:aws:cognito-idp:{region}:{account}:userpool/{id}",
        (),
        ("cognito-idp:DeleteUserPool",),
        also=(Also("cognito-idp:CreateUserPool"),),
    ),
    "AWS::Cognito::UserPoolClient": Need(
        "arn:aws:cognito-idp:{region}:{account}:userpool/{UserPoolId}",
        ("cognito-idp:CreateUserPoolClient",),
        ("cognito-idp:DeleteUserPoolClient",),
    ),
}
