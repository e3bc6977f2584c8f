"""How long from a failure until everything is undone, beside the bare deletion of the same stack?

Ours counts what it does besides: why it failed, names, buckets, verification, credentials, quota,
mail. The bare way is DeleteStack of the same template in the same run, until it is gone.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks import ground, report
from benchmarks.pipeline import Sample, ours

_READY, _GONE = "CREATE_COMPLETE", "DELETE_COMPLETE"
_POLL_SECONDS = 0.02
_PATIENCE_SECONDS = 180.0
Way = Callable[[ground.Person, ground.Ground], float]


def _ended(person: ground.Person, request_id: str, *statuses: str) -> float:
    """Wait for one of these statuses; gives the moment at which it was seen."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        status = person.http.get(f"/requests/{request_id}").json()["status"]
        if status in statuses:
            return time.perf_counter()
        if status in ground.ENDS:
            raise RuntimeError(f"{request_id} ended {status}.")
        time.sleep(_POLL_SECONDS)
    raise RuntimeError(f"{request_id} did not end.")


def _undoing(person: ground.Person, request_id: str, end: str) -> float:
    """Seconds from the first moment at which it was seen to go back until it had ended."""
    began = _ended(person, request_id, "COMPENSATING", end)
    return _ended(person, request_id, end) - began


def source_not_found(person: ground.Person, place: ground.Ground) -> float:
    """There is no such repository: the stack stands when that is found out."""
    template = {**place.template(), "ProjectURL": f"{place.repository}-not-there"}
    return _undoing(person, person.submit(template), "FAILED")


def stack_fails(person: ground.Person, place: ground.Ground) -> float:
    """A resource of the stack cannot be made: the role may make no distribution."""
    iam = place.client("iam")
    role, name = "autoprovision-blueprint-static-site", "no-distributions"
    deny = '{"Effect": "Deny", "Action": "cloudfront:CreateDistribution", "Resource": "*"}'
    document = f'{{"Version": "2012-10-17", "Statement": [{deny}]}}'
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)
    try:
        return _undoing(person, person.submit(place.template()), "FAILED")
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName=name)


def cancelled(person: ground.Person, place: ground.Ground) -> float:
    """Somebody cancels as soon as the stack is launched; counted from the cancel."""
    request_id = person.submit(place.template())
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not any(one["step"] == "LaunchStack" for one in person.timeline(request_id)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{request_id} launched nothing.")
        time.sleep(_POLL_SECONDS)
    begun = time.perf_counter()
    answer = person.http.post(f"/requests/{request_id}/cancel")
    answer.raise_for_status()
    return _ended(person, request_id, "CANCELLED") - begun


def terminated(person: ground.Person, place: ground.Ground) -> float:
    """An application that lives is terminated; counted from the call."""
    _, name, _ = ours(person, place)
    listed: list[dict[str, Any]] = person.http.get("/applications").json()["items"]
    application = next(one for one in listed if one["applicationName"] == name)
    begun = time.perf_counter()
    answer = person.http.delete(f"/applications/{application['id']}")
    answer.raise_for_status()
    return _ended(person, str(answer.json()["id"]), "SUCCEEDED") - begun


def bare(place: ground.Ground, sample: Sample) -> float:
    """DeleteStack of the same template, until it is gone; its bucket is empty."""
    client = place.client("cloudformation")
    name, parameters = sample.fresh()
    given = [{"ParameterKey": key, "ParameterValue": text} for key, text in parameters.items()]
    stack = client.create_stack(StackName=name, TemplateBody=sample.body, Parameters=given)
    stack_id = stack["StackId"]
    _until(client, stack_id, _READY)
    begun = time.perf_counter()
    client.delete_stack(StackName=stack_id)
    _until(client, stack_id, _GONE)
    return time.perf_counter() - begun


def _until(client: Any, stack_id: str, status: str) -> None:
    while client.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"] != status:
        time.sleep(_POLL_SECONDS)


WAYS: dict[str, Way] = {
    "source not found, stack up": source_not_found,
    "stack fails": stack_fails,
    "cancelled while the stack is made": cancelled,
    "terminated by its owner": terminated,
}


def measured(rounds: int) -> dict[str, list[float]]:
    """Every way in turns, after one round that starts the functions."""
    seconds: dict[str, list[float]] = {name: [] for name in ["bare DeleteStack", *WAYS]}
    with ground.platform() as place:
        person = place.person()
        _, name, _ = ours(person, place)
        sample = Sample.of(place, name)
        for number in range(rounds + 1):
            taken = {"bare DeleteStack": bare(place, sample)}
            taken |= {name: way(person, place) for name, way in WAYS.items()}
            if number:
                for way_name, one in taken.items():
                    seconds[way_name].append(one)
    return seconds


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description="Time from a failure to everything undone.")
    parser.add_argument("rounds", type=int, nargs="?", default=5)
    seconds = measured(parser.parse_args().rounds)
    rows = [
        (name, f"{statistics.median(of):.2f}", f"{min(of):.2f}", f"{max(of):.2f}")
        for name, of in seconds.items()
    ]
    rounds = len(next(iter(seconds.values())))
    about = (
        f"{rounds} rounds in turns, warm. Ours ends when the request has its final status, which "
        "promises that names, files, stack, credentials and quota are gone or given back. It "
        "begins when the request is seen to go back; at a cancel and a termination it begins with "
        "the call. A URL that never answers goes back the same way as a source that is not found: "
        "the stack stands in both. The bare row deletes the same stack, empty, and nothing else."
    )
    table = report.table(("from", "median, s", "least", "most"), rows)
    report.write("undo", "How long from a failure until everything is undone?", [about, table])


if __name__ == "__main__":
    ground.end_tidily()
    main()
