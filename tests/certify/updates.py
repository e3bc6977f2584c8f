"""What must be true of an application after an update, whatever went wrong: all of it, or nothing."""

from tests.certify.cloudformation import Shape
from tests.certify.world import CertifiedWorld, Standing

from autoprovision.domain.application import Application
from autoprovision.domain.request import Request, RequestStatus
from autoprovision.usecases.updates import LIVE_IMAGE, LIVE_PATH

# What an application keeps when its update fails; the rest moves with every change.
_KEPT = (
    "blueprint", "version", "blueprint_digest", "parameters", "template", "tech_stack",
    "project_email", "project_url", "secret_arn", "monthly_credits", "release", "stack_id", "url",
    "expires_at",
)  # fmt: skip


def update_is_whole_or_nothing(world: CertifiedWorld, request: Request) -> list[str]:
    """Every way in which an application is neither what was asked for nor what it was."""
    before = world.before
    application = world.records.application(request.application_id or "")
    if before is None or application.stack_id is None:
        return ["update: there was nothing to update"]
    if request.status is RequestStatus.SUCCEEDED:
        return _whole(world, request, application, before)
    return _nothing(world, application, before)


def _nothing(world: CertifiedWorld, application: Application, before: Standing) -> list[str]:
    found = [
        f"update: {name} is not what it was"
        for name in _KEPT
        if getattr(application, name) != getattr(before.application, name)
    ]
    shape = world.stacks.shapes[before.application.stack_id or ""]
    if _of_the_plan(shape) != _of_the_plan(before.shape):
        found.append("update: the stack is not what it was")
    if world.live_release(application.stack_id or "") != before.release:
        found.append("update: another release is live than before")
    if frozenset(world.secrets.kept) != before.secrets:
        found.append("update: the credentials are not those of before")
    return found


def _whole(
    world: CertifiedWorld, request: Request, application: Application, before: Standing
) -> list[str]:
    found = []
    stack_id = application.stack_id or ""
    plan = request.plan
    if plan is not None:
        shape = world.stacks.shapes[stack_id]
        if shape.template != plan.template_url or not (
            plan.parameters.items() <= dict(shape.parameters).items()
        ):
            found.append("update: the stack is not what was asked for")
        asked = (plan.version, plan.parameters, plan.monthly_credits)
        if (application.version, application.parameters, application.monthly_credits) != asked:
            found.append("update: the application is not what was asked for")
    if request.secret_arn and frozenset(world.secrets.kept) != {request.secret_arn}:
        found.append("update: the credentials before are not forgotten")
    moved = world.target is not None and request.template.get("ProjectURL") != (
        before.application.template.get("ProjectURL")
    )
    if moved and world.live_release(stack_id) == before.release:
        found.append("update: the release before is still live")
    return found


def _of_the_plan(shape: Shape) -> tuple[str, dict[str, str]]:
    """A stack without what names the live release, which is looked at where it is live."""
    told = {LIVE_PATH, LIVE_IMAGE}
    return shape.template, {name: v for name, v in shape.parameters.items() if name not in told}
