"""What MiniStack does unlike AWS, mended one by one.

Each module says what AWS does and where that is written, what MiniStack does instead, and how it is
mended; each has a test that fails when the mend is no longer needed or no longer works.
"""

from importlib import import_module

NAMES = (
    "root_credentials",
    "own_paths",
    "step_functions_integrations",
    "task_tokens",
    "execution_scopes",
    "cloudformation_events",
    "bucket_deletion",
    "bucket_tags",
    "bucket_versioning",
    "ecs_numbers",
    "final_snapshots",
    "stack_identity",
    "change_sets",
    "stack_deletion",
    "cloudformation_roles",
    "cloudfront_addresses",
    "cloudfront_origins",
    "lambda_networks",
    "lambda_workers",
    "lambda_async",
    "lambda_errors",
    "cognito_users",
    "iam_resources",
    "principal_arns",
    "codebuild_builds",
    "cloudformation_network_types",
    "websocket_apis",
    "http_api_cors",
    "function_urls",
    "public_images",
    "auto_scaling_machines",
    "ssm_automation",
    "ssm_commands",
)


def apply_all() -> None:
    """Apply every mend, in the order of `NAMES`, before MiniStack serves its first request."""
    for name in NAMES:
        import_module(f"{__name__}.{name}").apply()
