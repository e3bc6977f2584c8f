"""The timeline of a request: a sentence for people about every step.

`usecases.timeline.note` appends; the words of each step stand here.
"""

from typing import NamedTuple

from autoprovision.domain.timeline import StepStatus
from autoprovision.ports import Platform
from autoprovision.usecases.timeline import note


class Words(NamedTuple):
    """How a step is told.

    Attributes:
        doing: the sentence when it begins; empty for a step that tells its own lines.
        done: the sentence when it has succeeded and gives none itself.
        seconds: how long it usually takes.
    """

    doing: str
    done: str
    seconds: int


STEPS = {
    "PreparePlan": Words("Checking that the plan is still today's.", "The plan holds.", 1),
    "PrepareUpdate": Words("Looking at how the application stands.", "It can be updated.", 1),
    "AwaitChangeSet": Words("Asking CloudFormation what it would change.", "It is known.", 5),
    "AwaitStackRestored": Words("", "The stack is at rest.", 90),
    "RestoreRelease": Words("Going back to the release before.", "It is live.", 5),
    "ExpireApproval": Words("Closing the question.", "The question is closed.", 1),
    "AuthorizeLaunch": Words("Checking what the launch rests on.", "The launch is authorized.", 1),
    "AdoptStack": Words("Looking at the stack that is there already.", "It is this request's.", 1),
    "AwaitStack": Words("", "The stack is complete.", 120),
    "StageSource": Words("Fetching the code for its build.", "It is ready to be built.", 5),
    "AwaitBuild": Words("", "The build succeeded.", 60),
    "PublishProject": Words("Putting the code live.", "The code is live.", 10),
    "CheckUrl": Words("Asking the URL until it answers.", "The URL answers.", 5),
    "CommitQuota": Words("Making the quota's hold permanent.", "The application is yours.", 1),
    "BeginCompensation": Words("", "Taking back what was done.", 1),
    "WithdrawNames": Words("Taking its names away.", "No name leads to it.", 2),
    "UnpublishProject": Words("Emptying the stack's buckets.", "The buckets are empty.", 5),
    "AwaitStackDeletion": Words("", "The stack is verified gone.", 90),
    "ForgetSecrets": Words("Deleting the credentials.", "No credentials are kept.", 1),
    "CloseRequest": Words("Closing the request.", "Everything is taken back.", 1),
    "MarkNeedsOperator": Words("", "An operator is needed.", 1),
    "BeginTermination": Words("Preparing to terminate.", "The application is terminating.", 1),
    "EndApplication": Words("Giving the quota back.", "The application is terminated.", 1),
    "PrepareRunbook": Words("Looking at the machines.", "The runbook can begin.", 2),
    "AwaitRunbook": Words("", "The runbook is done.", 120),
    "AwaitRunbookStopped": Words("", "The runbook has ended.", 60),
    "KeepOutcome": Words("Reading what the machines said.", "It is kept.", 2),
    "EndOperation": Words("Freeing the application.", "It can be changed again.", 1),
    "Notify": Words("Telling how it ended.", "The mail is sent.", 1),
}


def waiting(platform: Platform, request_id: str, step: str, message: str, seconds: int) -> None:
    """Tell that a step waits for something outside."""
    note(platform, request_id, step, message, StepStatus.WAITING, expected_seconds=seconds)
