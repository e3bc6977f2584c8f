"""Only who knows the secret is the account's root.

AWS: every signature is verified, the root's too (IAM user guide, "AWS Signature Version 4 for API
requests").

MiniStack: takes `test`, any twelve digits and the root's key for root whatever the signature, so
any function could do anything.

Mend: the root is one key, and its signature is verified like any other.
"""
# ruff: noqa: SLF001 - MiniStack is mended at its inner functions; it has no other place.

import os


def apply() -> None:
    """Verify the root's signatures."""
    from ministack.core import iam_evaluator
    from ministack.services import sts

    def is_root(access_key_id: str) -> bool:
        # No key: an operation that AWS serves unsigned, such as a sign-in; others never get here.
        return not access_key_id or access_key_id == os.environ["AWS_ACCESS_KEY_ID"]

    # Where MiniStack asks this, it skips the verification of the signature.
    iam_evaluator._is_root_key = lambda _: False
    iam_evaluator.is_root_access_key = is_root
    sts.is_root_access_key = is_root
