"""Second factors: whether a sign-in had the one that its person's role needs.

An access token of Cognito does not say how its person signed in. Cognito says whether it asks a
person for a code now, and the token when its person signed in (`auth_time`, which a refresh keeps).
So the platform notes when it first saw that a person is asked for a code: every sign-in since then
had one. docs/decisions/0007-second-factor.md has the reasons.
"""

from autoprovision.domain.actor import Actor, SecondFactor
from autoprovision.domain.clock import iso, moment
from autoprovision.domain.errors import ConflictError
from autoprovision.domain.user import User
from autoprovision.ports import Platform


def standing(user: User, signed_in_at: int, platform: Platform) -> SecondFactor:
    """How a sign-in stands to what the role of its person needs.

    Args:
        signed_in_at: the token's `auth_time`, in seconds since the epoch.
    """
    if user.role.value not in platform.settings.mfa_roles:
        return SecondFactor.NOT_NEEDED
    # Asked anew at every call, so that switching it off has its effect at once.
    if not platform.directory.has_second_factor(user.id):
        return SecondFactor.NOT_ENROLLED
    # The token's clock ticks in seconds: one of the very second may be from before.
    if user.mfa_since is None or signed_in_at <= int(moment(user.mfa_since).timestamp()):
        return SecondFactor.OLD_SIGN_IN
    return SecondFactor.GIVEN


def note(actor: Actor, platform: Platform) -> bool:
    """Note that a person is asked for a code at sign-in, or is no longer.

    Returns:
        Whether they are; None of it is asked on a platform that needs second factors of nobody.
    """
    if not platform.settings.mfa_roles:
        return False
    enrolled = platform.directory.has_second_factor(actor.id)
    user = platform.users.get(actor.id)
    if user is None or enrolled == (user.mfa_since is not None):
        return enrolled
    at = iso(platform.now())
    try:
        platform.users.replace(user, user.with_(mfa_since=at if enrolled else None, updated_at=at))
    except ConflictError:
        # An admin changed them in this moment; the next look notes it.
        return enrolled
    return enrolled
