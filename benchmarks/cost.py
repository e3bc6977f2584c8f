"""What does one provision cost, and what does the platform cost while nobody uses it?

Counts are exact and asserted by tests/e2e/test_cost.py; dollars are those counts at list price,
without any free tier. Time on Lambda is the embedded AWS's, whose machine is not Lambda's.
"""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from benchmarks import counting, ground, report

_ROOT = Path(__file__).resolve().parents[1]
GOAL_DOLLARS = Decimal("0.002")
_MILLION = Decimal(1_000_000)
_GIB = 2**30
# `rate(5 minutes)` for 30 days.
_SWEEPS_A_MONTH = 8640
# Lambda asks a queue by five long polls of 20 seconds at a time.
_POLLS_A_MONTH = 5 * 3 * 60 * 24 * 30


@dataclass(frozen=True)
class Line:
    """Something that costs: how many, at which price.

    Attributes:
        dollars: for all of them.
    """

    name: str
    count: Decimal
    dollars: Decimal


class Prices:
    """The two dated price files, in dollars a unit."""

    def __init__(self) -> None:
        own = yaml.safe_load((_ROOT / "benchmarks" / "prices.yaml").read_text("utf-8"))
        shared = yaml.safe_load((_ROOT / "catalog" / "prices.yaml").read_text("utf-8"))["prices"]
        self._dollars = {name: Decimal(one["dollars"]) for name, one in own.items()}
        self._dollars |= {name: Decimal(one["cents"]) / 100 for name, one in shared.items()}

    def line(self, name: str, price: str, count: float, per: Decimal = Decimal(1)) -> Line:
        """So many units of this price, which is for `per` units."""
        amount = Decimal(str(count))
        return Line(name, amount, amount * self._dollars[price] / per)


def lines_of(counts: counting.Counts, prices: Prices) -> list[Line]:
    """What one provision costs, by service."""
    invoked = sum(counts.invocations.values())
    indexed = counts.write_units + counts.index_write_units
    return [
        prices.line("Step Functions: state transitions", "states.transition", counts.transitions),
        prices.line("Lambda: invocations", "lambda.requests", invoked, _MILLION),
        prices.line("Lambda: GB-seconds", "lambda.duration", counts.gb_seconds, Decimal(1000)),
        prices.line("API Gateway: requests", "apigateway.http.requests", 1, _MILLION),
        prices.line(
            "DynamoDB: write units, indexes included", "dynamodb.writes", indexed, _MILLION
        ),
        prices.line("DynamoDB: read units", "dynamodb.reads", counts.read_units, _MILLION),
        prices.line("SES: mails", "ses.mail", counts.asked("sesv2")),
        prices.line("EventBridge: custom events", "events.custom", counts.asked("events")),
        prices.line("S3: puts and lists", "s3.write", counts.s3_writes()),
        prices.line("S3: gets", "s3.read", counts.asked("s3") - counts.s3_writes()),
        prices.line("KMS: requests", "kms.request", counts.asked("kms")),
        prices.line("Secrets Manager: requests", "secrets.request", counts.asked("secretsmanager")),
        prices.line("SQS: requests", "sqs.request", counts.asked("sqs")),
        prices.line("SNS: publications", "sns.publish", counts.asked("sns")),
        prices.line("Logs: GB", "logs.ingest", round(counts.log_bytes / _GIB, 9)),
    ]


def idle_lines(prices: Prices) -> list[tuple[Line, str]]:
    """What costs by the month although nobody comes, and what can be done about it."""
    kinds = _resources()
    keys, alarms = kinds.count("AWS::KMS::Key"), kinds.count("AWS::CloudWatch::Alarm")
    sweep_gb_seconds = _SWEEPS_A_MONTH * 0.2 * 0.5
    return [
        (prices.line("KMS keys", "kms.key", keys), "no free tier; see below"),
        (prices.line("CloudWatch alarms", "cloudwatch.alarm", alarms), "ten are free for ever"),
        (
            prices.line("SQS: Lambda's long polls of Approvals", "sqs.request", _POLLS_A_MONTH),
            "a million a month is free for ever",
        ),
        (
            prices.line("Sweep: invocations", "lambda.requests", _SWEEPS_A_MONTH, _MILLION),
            "a million a month is free for ever",
        ),
        (
            prices.line("Sweep: GB-seconds", "lambda.duration", sweep_gb_seconds, Decimal(1000)),
            "200 ms of 512 MB each, assumed; 400000 a month are free for ever",
        ),
        (
            prices.line("Sweep: read units", "dynamodb.reads", _SWEEPS_A_MONTH * 5, _MILLION),
            "ten queries that find nothing, assumed",
        ),
        (
            prices.line("Sweep: logs, GB", "logs.ingest", _SWEEPS_A_MONTH * 600 / _GIB),
            "600 bytes each, assumed; 5 GB a month are free for ever",
        ),
    ]


def _resources() -> list[str]:
    kinds: list[str] = []
    for name in ("data", "app"):
        text = (_ROOT / "infra" / f"{name}.yaml").read_text("utf-8")
        kinds += [
            line.split("Type: ")[1].strip() for line in text.splitlines() if "  Type: AWS::" in line
        ]
    return kinds


def tell(counts: counting.Counts) -> None:
    """Write the results."""
    prices = Prices()
    lines = lines_of(counts, prices)
    total = sum((line.dollars for line in lines), Decimal(0))
    idle = idle_lines(prices)
    idle_total = sum((line.dollars for line, _ in idle), Decimal(0))
    outcome = "met" if total <= GOAL_DOLLARS else "missed"
    report.write(
        "cost",
        "What one provision costs",
        [
            (
                f"One provision of a static site for dev costs **${total:.6f}** of control plane "
                f"at list price (goal: at most ${GOAL_DOLLARS}, {outcome}): a thousand for "
                f"${total * 1000:.2f}."
            ),
            report.table(
                ("what", "count", "dollars"),
                [
                    (line.name, f"{line.count:.6g}", f"{line.dollars:.8f}")
                    for line in sorted(lines, key=lambda one: -one.dollars)
                ],
            ),
            (
                "## Counts\n\n"
                f"States: {', '.join(counts.states)}.\n\n"
                f"Invocations: {_listed(counts.invocations)}.\n\n"
                f"Calls of the functions: {_listed(counts.calls)}."
            ),
            (
                "## Idle\n\n"
                f"**${idle_total:.2f} a month** at list price without free tiers, so the goal of "
                "$0 is missed; with the free tiers that do not end, the KMS keys are left."
            ),
            report.table(
                ("what", "a month", "dollars", "note"),
                [(a.name, f"{a.count:.6g}", f"{a.dollars:.4f}", note) for a, note in idle],
            ),
            _IDLE,
        ],
    )


def _listed(found: dict[str, Any]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(found.items()))


_IDLE = """Besides these: stored bytes (tables, point-in-time recovery, catalog, archives, logs), a
few cents for a gigabyte; Route 53's zone, $0.50 a month, where a domain is configured;
`network.yaml`, which is deployed only for blueprints with containers or databases and costs a load
balancer. Functions, state machines, the API, the pool, buses, rules and topics cost nothing idle.

The keys. Two are needed as things are: one signs approvals, and only the function of approvals may
use it; one encrypts task tokens in the table. The second can go without loss where DynamoDB's own
encryption with the table's narrow policies is enough: task tokens alone do nothing without
`states:SendTaskSuccess`. The first is what makes a forged approval impossible for whoever can write
to the tables; an HMAC secret in a free SecureString parameter costs nothing, but whoever verifies
could then sign as well. A dollar a month for that is well spent."""


def main() -> None:
    """Count a warm provision and write what it costs."""
    ground.end_tidily()
    with ground.platform() as place:
        counting.instrument(place)
        person = place.person()
        counting.provision(place, person)  # the first one starts the functions
        tell(counting.provision(place, person))


if __name__ == "__main__":
    main()
