"""User pools guard attributes and call their triggers.

AWS: a client writes only the attributes in its WriteAttributes, the standard ones if it names none
(API reference of CreateUserPoolClient), else NotAuthorizedException; ConfirmSignUp verifies the
e-mail address that got the code; a confirmed sign-up or password reset calls the PostConfirmation
trigger, and a trigger that fails is UserLambdaValidationException, "PreSignUp failed with error …"
(Cognito developer guide, "Customizing user pool workflows with Lambda triggers"). `auth_time` is
when the person authenticated, so a refresh keeps it ("Understanding the access token").

MiniStack: lets a client write any attribute, leaves the address unverified, calls PreSignUp only
and puts the function's whole answer into the message; a refreshed token has a new `auth_time`.

Mend: these checks and calls stand around MiniStack's operations.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import ast
import json
from typing import Any

_OK = 200
_READ_ONLY = {"sub", "email_verified", "phone_number_verified"}
_STANDARD = {
    "address",
    "birthdate",
    "email",
    "family_name",
    "gender",
    "given_name",
    "locale",
    "middle_name",
    "name",
    "nickname",
    "phone_number",
    "picture",
    "preferred_username",
    "profile",
    "updated_at",
    "website",
    "zoneinfo",
}
_AFTER = {
    "ConfirmSignUp": "PostConfirmation_ConfirmSignUp",
    "AdminConfirmSignUp": "PostConfirmation_ConfirmSignUp",
    "SignUp": "PostConfirmation_ConfirmSignUp",
    "ConfirmForgotPassword": "PostConfirmation_ConfirmForgotPassword",
}


def apply() -> None:
    """Put the checks and calls around Cognito's operations."""
    from ministack.services import cognito

    run = cognito._run_idp_handler
    before_sign_up = cognito._apply_presignup_trigger

    def run_guarded(handler: Any, action: str, request: dict[str, Any]) -> Any:
        refused = _write_refusal(cognito, action, request)
        if refused is not None:
            return refused
        answer = run(handler, action, request)
        if answer[0] != _OK or action not in _AFTER:
            return answer
        return _confirmed(cognito, action, request, json.loads(answer[2] or b"{}")) or answer

    def apply_presignup_trigger(*arguments: Any, **options: Any) -> Any:
        try:
            return before_sign_up(*arguments, **options)
        except cognito._PreSignUpRejected as problem:
            message = f"PreSignUp failed with error {_reason(str(problem))}."
            raise cognito._PreSignUpRejected(message) from problem

    before_signing = cognito._apply_pretoken_trigger
    signed_in: dict[str, int] = {}

    def with_time_of_sign_in(*arguments: Any, **options: Any) -> Any:
        claims = before_signing(*arguments, **options)
        if "auth_time" in claims:
            claims["auth_time"] = signed_in.setdefault(claims["origin_jti"], claims["auth_time"])
        return claims

    cognito._apply_pretoken_trigger = with_time_of_sign_in
    cognito._run_idp_handler = run_guarded
    cognito._apply_presignup_trigger = apply_presignup_trigger


def _write_refusal(cognito: Any, action: str, request: dict[str, Any]) -> Any:
    if action == "SignUp":
        client_id = request.get("ClientId")
    elif action in {"UpdateUserAttributes", "DeleteUserAttributes"}:
        client_id = cognito._token_claims(request.get("AccessToken")).get("client_id")
    else:
        return None
    pool, _ = cognito._pool_for_client(client_id)
    client = (pool or {}).get("_clients", {}).get(client_id)
    if client is None:
        return None
    named = {attribute["Name"] for attribute in request.get("UserAttributes") or []}
    written = named | set(request.get("UserAttributeNames") or [])
    allowed = set(client.get("WriteAttributes") or _STANDARD)
    if written <= allowed - _READ_ONLY:
        return None
    return cognito.error_response_json(
        "NotAuthorizedException", "A client attempted to write unauthorized attribute", 400
    )


def _confirmed(cognito: Any, action: str, request: dict[str, Any], answer: dict[str, Any]) -> Any:
    """Finish a confirmation; a refusal to answer instead, or None."""
    if action == "SignUp" and not answer.get("UserConfirmed"):
        return None
    pool_id = request.get("UserPoolId")
    if pool_id is None:
        _, pool_id = cognito._pool_for_client(request.get("ClientId"))
    pool = cognito._user_pools[pool_id]
    user, _ = cognito._resolve_user(pool, request["Username"])
    attributes = cognito._attr_list_to_dict(user["Attributes"])
    if action == "ConfirmSignUp" and "email" in attributes:
        attributes["email_verified"] = "true"
        user["Attributes"] = cognito._dict_to_attr_list(attributes)
    function = (pool.get("LambdaConfig") or {}).get("PostConfirmation")
    if not function:
        return None
    event = _event(cognito, pool_id, request, user["Username"], attributes, _AFTER[action])
    failure = _invoke(function, event)
    if failure is None:
        return None
    return cognito.error_response_json(
        "UserLambdaValidationException", f"PostConfirmation failed with error {failure}.", 400
    )


def _event(
    cognito: Any,
    pool_id: str,
    request: dict[str, Any],
    user_name: str,
    attributes: dict[str, str],
    source: str,
) -> dict[str, Any]:
    return {
        "version": "1",
        "region": cognito._pool_region(pool_id),
        "userPoolId": pool_id,
        "userName": user_name,
        "callerContext": {
            "awsSdkVersion": "aws-sdk-unknown-unknown",
            "clientId": request.get("ClientId", "CLIENT_ID_NOT_APPLICABLE"),
        },
        "triggerSource": source,
        "request": {
            "userAttributes": {**attributes, "cognito:user_status": "CONFIRMED"},
            "clientMetadata": request.get("ClientMetadata") or {},
        },
        "response": {},
    }


def _invoke(function: str, event: dict[str, Any]) -> str | None:
    """Call a trigger; why it failed, or None."""
    from ministack.services import lambda_svc

    record, configuration, _ = lambda_svc._get_func_record_for_ref(function)
    if record is None or configuration is None:
        return f"the function {function} does not exist"
    execution = lambda_svc._execution_record_for_config(record, configuration)
    result = lambda_svc._execute_function_with_config_scope(execution, event)
    return _reason(str(result.get("body"))) if result.get("error") else None


def _reason(said: str) -> str:
    """The message in a failed function's answer, which MiniStack hands on as Python's text."""
    try:
        return str(ast.literal_eval(said)["errorMessage"])
    except (ValueError, SyntaxError, KeyError, TypeError):
        return said
