"""Routes about what is done with an application's machines."""

from autoprovision.functions.bodies import AskedOperation
from autoprovision.functions.call import Answer, Call
from autoprovision.usecases import operations


def offered(call: Call) -> Answer:
    """What can be done, and on which machines."""
    return Answer(200, operations.offered(call.actor, call.path["id"], call.platform))


def operate(call: Call) -> Answer:
    """Do it."""
    body = call.read(AskedOperation)
    request = operations.operate(
        call.actor, call.path["id"], body.operation, body.parameters, call.platform,
        request_id=f"req_{call.operation_id}",
    )  # fmt: skip
    return Answer(202, request.shown(), {"Location": f"/requests/{request.id}"})


def diagnostics(call: Call) -> Answer:
    """What the machines brought."""
    found = operations.diagnostics(call.actor, call.path["id"], call.platform)
    return Answer(200, {"items": [one.document() for one in found], "next": None})
