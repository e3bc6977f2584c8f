"""How the ledger behaves when many want the same unit's quota at the same moment.

`python benchmarks/ledger_contention.py` starts an embedded AWS with the whole platform and measures

1. a race over HTTP: 24 clients ask for a unit that has room for ten requests; exactly ten fit;
2. admissions in one unit by 1 to 64 clients at once, on the DynamoDB adapter, each with its tries;
3. one admission and one page of the ledger with 10 to 10^5 entries in the account;
4. the write request units of one real admission.

The emulator is one Python process, so its seconds say nothing of AWS: only the ratios of one run
do. Results go to benchmarks/results/ledger_contention.{json,md}.
"""

# ruff: noqa: E501 - the report reads by its lines

import argparse
import json
import os
import platform as machine
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.kit.embedded import make_table
from tests.kit.records import UNIT, a_request, at, its_application, its_hold
from tests.kit.write_units import INDEXES, RecordingClient, units_of

from autoprovision.aws.dynamodb.items import to_item
from autoprovision.aws.records import DynamoRecords
from autoprovision.domain.errors import BusyError, OverQuotaError
from autoprovision.domain.movements import reserve
from autoprovision.domain.quota import unit_account
from autoprovision.embedded import launcher, localhost_names
from autoprovision.embedded.platform import Installed, install

CLIENTS = (1, 2, 4, 8, 16, 32, 64)
ENTRIES = (10, 100, 1_000, 10_000, 100_000)
RACERS, ROOM, ADMISSIONS, REPEATS = 24, 10, 128, 20
RESULTS = Path(__file__).parent / "results"


# ------------------------------------------------------------------------------ a race over HTTP


def race(aws: Any, made: Installed) -> dict[str, Any]:
    """Many clients, one unit with room for `ROOM`; production waits for approval and so holds."""
    admin = _client(made, _token(aws, made, made.admin_email, made.admin_password))
    unit, email, password = f"race-{uuid.uuid4().hex[:8]}", "racer@example.edu", "Race-horse-nr-9"
    admin.put(f"/business-units/{unit}", json={"quota": 10**6}).raise_for_status()
    admin.post("/users", json={"email": email, "unit": unit, "password": password})
    racer = _client(made, _token(aws, made, email, password))
    price = racer.post("/plans", json=_template()).json()["monthlyCredits"]
    quota = ROOM * price + price // 2
    admin.put(f"/business-units/{unit}", json={"quota": quota}).raise_for_status()
    barrier, tries = threading.Barrier(RACERS), Counter[str]()

    def ask(_: int) -> tuple[str, float]:
        with _client(made, racer.headers["Authorization"].split()[1]) as http:
            body, key = _template(), str(uuid.uuid4())
            barrier.wait()
            began = time.perf_counter()
            while True:
                answer = http.post("/requests", json=body, headers={"Idempotency-Key": key})
                code = "accepted" if answer.status_code == 202 else answer.json().get("code")
                if code in {"accepted", "OVER_QUOTA"}:
                    break
                # The gateway's patience with this machine may end before the function's work.
                tries[str(code or answer.status_code)] += 1
            return str(code), time.perf_counter() - began

    began = time.perf_counter()
    with ThreadPoolExecutor(RACERS) as pool:
        answers = list(pool.map(ask, range(RACERS)))
    seconds = time.perf_counter() - began
    account = admin.get(f"/business-units/{unit}").json()
    outcomes = Counter(outcome for outcome, _ in answers)
    assert outcomes == {"accepted": ROOM, "OVER_QUOTA": RACERS - ROOM}, outcomes
    assert (account["held"], account["used"]) == (ROOM * price, 0), account
    proof = admin.post("/business-units/reconcile").json()
    return {
        "clients": RACERS, "room": ROOM, "outcomes": dict(outcomes), "held": account["held"],
        "quota": quota, "told to try again": dict(tries),
        "answers a second": RACERS / seconds,
        "slowest over median": max(one for _, one in answers)
        / statistics.median(one for _, one in answers),
        "proof": proof,
    }  # fmt: skip


def _template() -> dict[str, str]:
    return {
        "ApplicationName": f"race-{uuid.uuid4().hex[:10]}", "TargetEnvironment": "prod",
        "ProjectType": "Static", "ProjectURL": "https://github.com/acme/site",
        "ProjectEmail": "a@example.edu",
    }  # fmt: skip


def _token(aws: Any, made: Installed, email: str, password: str) -> str:
    answer = aws.client("cognito-idp").initiate_auth(
        ClientId=made.user_pool_client_id, AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": email, "PASSWORD": password},
    )  # fmt: skip
    return str(answer["AuthenticationResult"]["AccessToken"])


def _client(made: Installed, token: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=made.api_url, headers=headers, timeout=600, trust_env=False)


# ------------------------------------------------------------------------- on the DynamoDB adapter


def tables_for(dynamodb: Any, prefix: str) -> dict[str, str]:
    """Fresh tables by kind."""
    return {kind: make_table(dynamodb, kind.capitalize(), prefix) for kind in INDEXES}


def admit_one(records: Any, number: int) -> str:
    """One admission of 1 credit; what became of it."""
    request = a_request(number, 1)
    try:
        records.admit(request, its_application(request), its_hold(request))
    except BusyError:
        return "TRY_AGAIN"
    except OverQuotaError:
        return "OVER_QUOTA"
    return "accepted"


def by_clients(aws: Any) -> list[dict[str, Any]]:
    """The same number of admissions by more and more clients, all in one unit."""
    rows: list[dict[str, Any]] = []
    for clients in CLIENTS:
        dynamodb = aws.client("dynamodb")
        tables = tables_for(dynamodb, f"c{clients}")
        records = DynamoRecords(dynamodb, **tables)
        records.set_limit(unit_account(UNIT), ADMISSIONS, by="a", at=at())
        recording = RecordingClient(dynamodb)
        together = DynamoRecords(recording, **tables)

        def timed(number: int, together: Any = together) -> tuple[str, float]:
            began = time.perf_counter()
            outcome = admit_one(together, number)
            return outcome, time.perf_counter() - began

        began = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            answers = list(pool.map(timed, range(1, ADMISSIONS + 9)))
        seconds = time.perf_counter() - began
        outcomes = Counter(outcome for outcome, _ in answers)
        balance = records.balance(unit_account(UNIT))
        assert balance.held == outcomes["accepted"] <= ADMISSIONS
        assert balance.free == ADMISSIONS - balance.held
        times = sorted(one for _, one in answers)
        rows.append(
            {
                "clients": clients, "outcomes": dict(outcomes),
                "admissions a second": len(answers) / seconds,
                "median": statistics.median(times),
                "95th percentile": times[int(0.95 * len(times))],
                "transactions for one": len(recording.transactions) / len(answers),
            }
        )  # fmt: skip
        print(f"  {clients} clients: {rows[-1]['admissions a second']:.1f}/s {dict(outcomes)}")
    return rows


def by_entries(aws: Any) -> list[dict[str, Any]]:
    """One admission and one page of the ledger, the more entries the account has."""
    dynamodb = aws.client("dynamodb")
    tables = tables_for(dynamodb, "entries")
    records = DynamoRecords(dynamodb, **tables)
    records.set_limit(unit_account(UNIT), 10**9, by="a", at=at())
    rows: list[dict[str, Any]] = []
    there = 0
    for entries in ENTRIES:
        fill(dynamodb, tables["ledger"], there, entries)
        there = entries
        numbers = iter(range(len(rows) * 10_000 + 1, len(rows) * 10_000 + 1 + REPEATS))
        admission = median_of(lambda: admit_one(records, next(numbers)), REPEATS)  # noqa: B023
        page = median_of(lambda: records.entries(unit_account(UNIT), limit=50), REPEATS)
        rows.append({"entries": entries, "admission": admission, "ledger page": page})
        print(f"  {entries} entries: {admission * 1000:.1f} ms, page {page * 1000:.1f} ms")
    return rows


def fill(dynamodb: Any, table: str, begin: int, end: int) -> None:
    """Entries in the unit's account, as old reservations have left them."""

    def batch(numbers: range) -> None:
        puts = []
        for number in numbers:
            hold = its_hold(a_request(9_000_000 + number, 1))
            one = next(e for e in reserve(hold, by="a") if e.account == unit_account(UNIT))
            item = {**one.document(), "sort": f"ENTRY#ent_00{number:024d}"}
            puts.append({"PutRequest": {"Item": to_item(item)}})
        dynamodb.batch_write_item(RequestItems={table: puts})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(batch, (range(n, min(n + 25, end)) for n in range(begin, end, 25))))


def median_of(deed: Callable[[], Any], repeats: int) -> float:
    """Seconds of a deed, the median of some."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        deed()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def cost(aws: Any) -> dict[str, Any]:
    """Write request units of a real request's admission, admitted once more into fresh tables."""
    dynamodb, name = aws.client("dynamodb"), "autoprovision"
    there = {kind: f"{name}-{kind}" for kind in INDEXES}
    real = DynamoRecords(dynamodb, **there)
    request = real.requests(None, limit=1).items[0]
    hold = real.hold(request.id)
    recording = RecordingClient(dynamodb)
    records = DynamoRecords(recording, **tables_for(dynamodb, "cost"))
    records.set_limit(unit_account(request.business_unit or ""), 10**9, by="a", at=at())
    recording.transactions.clear()
    records.admit(request, real.application(request.application_id or ""), hold)
    (transaction,) = recording.transactions
    units = units_of(transaction)
    return {
        "writes in the transaction": len(transaction), "write request units": units,
        # On-demand write request units in us-east-1, 2026-11: $0.625 a million.
        "US dollars": units * 0.625e-6,
    }  # fmt: skip


# -------------------------------------------------------------------------------------- the report


def report(found: dict[str, Any]) -> str:
    """The results as a page: ratios to the first line of each table."""
    race_, clients, entries = found["race"], found["by clients"], found["by entries"]
    lines = [
        "# The ledger under contention", "",
        (f"{found['date']}, {found['machine']}. Made by `python benchmarks/ledger_contention.py`; the "
        "emulator is one process on the same machine, so only ratios within this run say anything."),
        "", "## A race over HTTP", "",
        (f"{race_['clients']} clients ask at once for a unit with room for {race_['room']}: "
        f"{race_['outcomes']['accepted']} accepted, {race_['outcomes']['OVER_QUOTA']} OVER_QUOTA, "
        f"told to try again: {race_['told to try again'] or 'never'}. Held afterwards: {race_['held']} of "
        f"{race_['quota']} credits. The proof: agrees = {race_['proof']['agrees']}, checked "
        f"{race_['proof']['checked']}. The slowest answer took {race_['slowest over median']:.1f} "
        "times the median."),
        "", "## More clients in one unit", "",
        (f"{ADMISSIONS + 8} admissions where {ADMISSIONS} fit, on the DynamoDB adapter. Throughput and "
        "latency relative to one client."), "",
        ("| clients | throughput | median latency | 95th percentile | transactions for one | accepted | "
        "over quota | try again |"), "|---|---|---|---|---|---|---|---|",
        *(
            f"| {row['clients']} | {row['admissions a second'] / clients[0]['admissions a second']:.2f} "
            f"| {row['median'] / clients[0]['median']:.1f} "
            f"| {row['95th percentile'] / clients[0]['95th percentile']:.1f} "
            f"| {row['transactions for one']:.2f} | {row['outcomes'].get('accepted', 0)} "
            f"| {row['outcomes'].get('OVER_QUOTA', 0)} | {row['outcomes'].get('TRY_AGAIN', 0)} |"
            for row in clients
        ),
        "", "## More entries in the account", "", "Relative to 10 entries.", "",
        "| entries | one admission | one page of the ledger |", "|---|---|---|",
        *(
            f"| {row['entries']:,} | {row['admission'] / entries[0]['admission']:.2f} "
            f"| {row['ledger page'] / entries[0]['ledger page']:.2f} |"
            for row in entries
        ),
        "", "## How to read it", "",
        ("- The race: a 502 is the gateway's 29 seconds ending before a cold function on a busy machine "
        "had answered, IN_PROGRESS the same call still being worked on; each client repeats its call "
        "with the same Idempotency-Key until it is accepted or OVER_QUOTA. What counts is that exactly "
        "what fits is accepted, and that the proof agrees."),
        ("- The emulator does transactions one after the other, so none meets another here (one "
        "transaction for each admission). On AWS they do: then the adapter tries ten times with "
        "jitter and says TRY_AGAIN (429) after that."),
        ("- An admission writes and conditions single items by their keys: it does not grow with the "
        "entries. A page of the ledger is one query of 51 items; that it grows here is the "
        "emulator, which goes through the whole partition for every query."),
        "", "## What one admission costs", "",
        (f"{found['cost']['writes in the transaction']} writes in one transaction, "
        f"{found['cost']['write request units']} write request units, "
        f"${found['cost']['US dollars']:.6f}."), "",
    ]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    """Measure, and write the results where --results says."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--results", type=Path, default=RESULTS)
    folder = arguments.parse_args().results
    localhost_names.install()
    with tempfile.TemporaryDirectory() as place:
        data = Path(place)
        aws = launcher.start(data)
        try:
            made = install(aws, say=lambda _: None)
            print("race over HTTP …")
            found: dict[str, Any] = {
                "date": datetime.now(UTC).date().isoformat(),
                "machine": f"{machine.machine()}, {os.cpu_count()} cores, "
                f"Python {machine.python_version()}",
                "race": race(aws, made),
            }
            found["cost"] = cost(aws)
            print("clients …")
            found["by clients"] = by_clients(aws)
            print("entries …")
            found["by entries"] = by_entries(aws)
        finally:
            launcher.stop(data)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ledger_contention.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    (folder / "ledger_contention.md").write_text(report(found), "utf-8")
    print(report(found))


if __name__ == "__main__":
    main()
