"""Cognito's triggers: who may sign up, and what a confirmed sign-up becomes."""

import os
from typing import Any

from aws_lambda_powertools import Logger

from autoprovision.bootstrap import platform
from autoprovision.usecases import users

logger = Logger(service="sign_up")


def pre_sign_up(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Lambda entry point for PreSignUp: only addresses of an allowed domain.

    Raises:
        PermissionError: Cognito shows the sentence to the person.
    """
    if event["triggerSource"] == "PreSignUp_SignUp":
        email = event["request"]["userAttributes"].get("email", "").lower()
        allowed = os.environ.get("SELF_SIGN_UP_DOMAINS", "").lower().replace(" ", "").split(",")
        if email.rpartition("@")[2] not in set(filter(None, allowed)):
            raise PermissionError("Sign-up is not open to this address; ask for an invitation.")
    return event


def post_confirmation(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Lambda entry point for PostConfirmation: the person becomes a requester without a unit."""
    if event["triggerSource"] == "PostConfirmation_ConfirmSignUp":
        attributes = event["request"]["userAttributes"]
        user = users.join(attributes["sub"], attributes["email"], platform())
        logger.info("joined", extra={"userId": user.id})
    return event
