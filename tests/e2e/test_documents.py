"""MEAN with its database, ordered, changed and ended: nothing stays of dev, a last snapshot of prod."""

import json
from typing import Any

import httpx
from tests.e2e.conftest import Person, World
from tests.e2e.test_approvals import decide, opened


def wish(template: Any, **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = template(
        ProjectURL="github.com/example/lost-and-found", ProjectType="Dynamic", TechStack="MEAN",
        Parameters={"DatabaseEngine": "mongodb"}, **changes,
    )  # fmt: skip
    return made


def made_of(world: World, stack: str) -> dict[str, str]:
    """Physical ids of a stack's resources, by their logical ids."""
    found = world.client("cloudformation").describe_stack_resources(StackName=stack)
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found["StackResources"]}


def container(world: World, application: str) -> dict[str, Any]:
    """The newest definition of an application's container."""
    found = world.client("ecs").describe_task_definition(
        taskDefinition=f"autoprovision-app-{application}"
    )
    (one,) = found["taskDefinition"]["containerDefinitions"]
    return dict(one)


def snapshots(world: World, cluster: str) -> list[dict[str, Any]]:
    found = world.client("rds").describe_db_cluster_snapshots()["DBClusterSnapshots"]
    return [one for one in found if one["DBClusterIdentifier"] == cluster]


def ordered(world: World, unit: str, ada: Person, asked: dict[str, Any]) -> dict[str, Any]:
    """The request at its end, whoever had to say yes."""
    return agreed(world, unit, ada, ada.post("/requests", asked))


def agreed(world: World, unit: str, ada: Person, accepted: httpx.Response) -> dict[str, Any]:
    assert accepted.status_code == 202, accepted.text
    question = opened(ada, world, accepted.json()["id"])
    people = (world.person(unit, "approver"), world.admin)
    for person in people[: question["approversNeeded"]]:
        assert decide(person, question).status_code < 300
    done = ada.wait(accepted.json()["id"], seconds=150)
    assert (done["status"], done["reason"]) == ("SUCCEEDED", "CONTROL_PLANE_ONLY"), done
    return done


def test_dev_has_documents_while_it_lives(world: World, template):
    unit = world.unit(100_000)
    ada = world.person(unit, quota=None)
    asked = wish(template)
    for stack, engine in (("MEAN", "postgres"), ("Django", "mongodb")):
        other = {"TechStack": stack, "ProjectType": "Container", "Parameters": {"DatabaseEngine": engine}}  # fmt: skip
        refused = ada.post("/plans", {**asked, **other})
        (fault,) = refused.json()["errors"]
        assert (fault["pointer"], fault["code"]) == ("/Parameters/DatabaseEngine", "UNFITTING_PARAMETER")  # fmt: skip
        assert f"With TechStack {stack}" in fault["detail"]
    plan = ada.post("/plans", asked).json()
    without = ada.post("/plans", {**asked, "Parameters": {}}).json()
    assert plan["monthlyCredits"] - without["monthlyCredits"] > 4000
    assert {one["resource"] for one in plan["priceLines"] if one["estimated"]} == {
        "DocumentDatabase", "DocumentNode",
    }  # fmt: skip

    done = ordered(world, unit, ada, asked)
    application, made = done["applicationId"], made_of(world, done["stackId"])
    assert not {"Database", "KeptDocumentDatabase", "SecondDocumentNode"} & set(made)
    docdb = world.client("docdb")
    (cluster,) = docdb.describe_db_clusters(DBClusterIdentifier=made["DocumentDatabase"])["DBClusters"]  # fmt: skip
    assert (cluster["Engine"], cluster["StorageEncrypted"]) == ("docdb", True)
    runs = container(world, application)
    told = {one["name"]: one["value"] for one in runs["environment"]}
    assert (told["DATABASE_ENGINE"], told["DATABASE_HOST"]) == ("mongodb", cluster["Endpoint"])
    assert (told["DATABASE_PORT"], told["DATABASE_USER"]) == (str(cluster["Port"]), "application")
    # Of secrets the embedded AWS tells the number only, and no password is among what it does tell.
    assert len(runs["secrets"]) == 3
    secret = world.client("secretsmanager").get_secret_value(SecretId=made["DatabaseSecret"])
    assert json.loads(secret["SecretString"])["password"] not in str(runs)
    outputs = ada.get(f"/applications/{application}").json()["outputs"]
    assert outputs["DatabaseEngine"] == "mongodb"

    path = f"/applications/{application}"
    changed = ada.http.patch(path, json={"Parameters": {"HealthPath": "/health"}})
    agreed(world, unit, ada, changed)
    assert made_of(world, done["stackId"])["DocumentDatabase"] == made["DocumentDatabase"]

    ending = ada.http.delete(path, params={"dryRun": "true"}).json()
    assert ending["kept"] == []
    assert {"resource": "DocumentDatabase", "what": "the database"} in ending["lost"]
    ended = ada.http.delete(path).json()
    assert ada.wait(ended["id"], seconds=150)["status"] == "SUCCEEDED"
    assert snapshots(world, made["DocumentDatabase"]) == []
    assert_gone(world, made)
    assert ada.get(f"/business-units/{unit}").json()["used"] == 0


def assert_gone(world: World, made: dict[str, str]) -> None:
    docdb = world.client("docdb")
    clusters = {one["DBClusterIdentifier"] for one in docdb.describe_db_clusters()["DBClusters"]}
    nodes = {one["DBInstanceIdentifier"] for one in docdb.describe_db_instances()["DBInstances"]}
    assert not set(made.values()) & (clusters | nodes)
    assert not set(made.values()) & set(world.secrets())


def test_prod_survives_a_zone_and_leaves_a_last_snapshot(world: World, template):
    unit = world.unit(100_000)
    ada = world.person(unit, quota=None)
    asked = wish(template, TargetEnvironment="prod")
    done = ordered(world, unit, ada, asked)
    made = made_of(world, done["stackId"])
    assert "DocumentDatabase" not in made
    docdb = world.client("docdb")
    zones = {
        docdb.describe_db_instances(DBInstanceIdentifier=made[node])["DBInstances"][0]["AvailabilityZone"]
        for node in ("DocumentNode", "SecondDocumentNode")
    }  # fmt: skip
    assert len(zones) == 2

    path = f"/applications/{done['applicationId']}"
    ending = ada.http.delete(path, params={"dryRun": "true"}).json()
    snapshot = "a last snapshot of its documents, until an operator deletes it"
    assert {"resource": "KeptDocumentDatabase", "what": snapshot} in ending["kept"]
    assert ada.http.delete(path).json()["reason"] == "TERMINATION_ASKED"
    confirmed: httpx.Response = world.admin.post(f"{path}/confirm-termination")
    assert confirmed.status_code == 202, confirmed.text
    assert world.admin.wait(confirmed.json()["id"], seconds=150)["status"] == "SUCCEEDED"
    (left,) = snapshots(world, made["KeptDocumentDatabase"])
    tags = {one["Key"]: one["Value"] for one in left["TagList"]}
    assert tags["autoprovision:application"] == done["applicationId"]
    assert_gone(world, made)
    assert any(snapshot in mail.text for mail in world.mailed(asked["ProjectEmail"]))
    kept = [
        one for one in world.admin.get("/findings", limit=100).json()["items"]
        if one["kind"] == "KEPT" and done["applicationId"] in str(one)
    ]  # fmt: skip
    assert any(snapshot in str(one) for one in kept), kept
