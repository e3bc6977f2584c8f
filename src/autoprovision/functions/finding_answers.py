"""What the operations on findings answer; their routes stand in the table of operations."""

from autoprovision.functions import bodies
from autoprovision.functions.call import Answer, Call, listed
from autoprovision.usecases import findings


def list_findings(call: Call) -> Answer:
    """A page of findings."""
    gone_ones = call.query.get("gone", "").lower() == "true"
    name = "findings:gone" if gone_ones else "findings"
    page = findings.list_findings(
        call.actor, call.platform, gone_ones=gone_ones, limit=call.limit(),
        after=call.after_id(name),
    )  # fmt: skip
    return listed(name, page, lambda one: one.shown())


def show_finding(call: Call) -> Answer:
    """One finding."""
    return Answer(200, findings.show(call.actor, call.path["id"], call.platform).shown())


def acknowledge(call: Call) -> Answer:
    """Somebody knows of it."""
    comment = call.read(bodies.Remark).comment
    said = findings.acknowledge(call.actor, call.path["id"], call.platform, comment=comment)
    return Answer(200, said.shown())


def resolve(call: Call) -> Answer:
    """It is dealt with."""
    comment = call.read(bodies.Remark).comment
    said = findings.resolve(call.actor, call.path["id"], call.platform, comment=comment)
    return Answer(200, said.shown())
