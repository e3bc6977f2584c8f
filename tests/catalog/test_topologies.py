"""The tables of topologies say what the parameters do."""

import pytest
from tests.catalog.recipes import ROOT
from tests.catalog.test_folders import FOLDERS, IDS, BlueprintFolder

from autoprovision.deployer.yaml_files import read_yaml
from autoprovision.domain.request import TargetEnvironment
from autoprovision.usecases.terminations import PROTECTED

# Where the cluster has Container Insights (infra/network.yaml).
MEASURED = {TargetEnvironment.PROD}


def _nodes(chosen: dict[str, str], facts: dict[str, str]) -> None:
    nodes = chosen["Nodes"]
    assert facts["nodes"].startswith(f"{nodes} ")
    assert (facts["zones"] == "one") == (nodes == "1")


def _size(chosen: dict[str, str], facts: dict[str, str]) -> None:
    size = f"{int(chosen['Cpu']) / 1024:g} vCPU and {int(chosen['Memory']) / 1024:g} GB"
    assert size in facts["nodes"]
    assert ("spare" in facts["nodes"]) == (chosen["Spot"] == "true")


def _database(chosen: dict[str, str], facts: dict[str, str]) -> None:
    zones = "two zones" if chosen["MultiZone"] == "true" else "one zone"
    assert facts["database"] == f"{chosen['DatabaseClass']}, {zones}"
    days = chosen["BackupDays"]
    assert facts["backup"].startswith(f"{days} day{'s' if days != '1' else ''} of the database")
    assert chosen["DeletionProtection"] == "false"


def _documents(chosen: dict[str, str], facts: dict[str, str]) -> None:
    units = f"{chosen['DocumentUnitsAtRest']} to {chosen['DocumentUnitsAtMost']} unit"
    assert units in facts["documents"]
    assert facts["documents"].endswith("two zones" if chosen["MultiZone"] == "true" else "one zone")


def _versions(chosen: dict[str, str], facts: dict[str, str]) -> None:
    kept = f"overwritten files for {chosen['NoncurrentVersionDays']} days"
    assert facts["backup"] == (kept if chosen["Versioning"] == "Enabled" else "none")


def _visits(chosen: dict[str, str], facts: dict[str, str]) -> None:
    on = chosen["AccessLogs"] == "true"
    if "access log" in facts:
        assert facts["access log"] == (facts["logs"] if on else "none")
    else:
        assert (facts["logs"] != "none") == on


def _files(chosen: dict[str, str], facts: dict[str, str]) -> None:
    assert ("none of the files" in facts["backup"]) == (chosen["FileBackup"] == "DISABLED")


def _edge(chosen: dict[str, str], facts: dict[str, str]) -> None:
    assert ("world" in facts["edge"]) == (chosen["PriceClass"] == "PriceClass_All")


def _any_second(chosen: dict[str, str], facts: dict[str, str]) -> None:
    assert (facts["backup"] != "none") == (chosen["PointInTimeRecovery"] == "true")


def _machine(chosen: dict[str, str], facts: dict[str, str]) -> None:
    assert chosen["InstanceType"] in facts["nodes"]
    assert facts["disk"] == f"{chosen['DiskSize']} GB"


def _memory(chosen: dict[str, str], facts: dict[str, str]) -> None:
    assert facts["memory"] == f"{chosen['MemorySize']} MB"


def _rate(chosen: dict[str, str], facts: dict[str, str]) -> None:
    assert f"{chosen['RateLimit']} a second" in facts.values()


def _logs(chosen: dict[str, str], facts: dict[str, str]) -> None:
    assert facts["logs"] == f"{chosen['LogRetentionDays']} days"


# The parameter that a topology fixes, and what it makes true of the table.
FACTS = {
    "Nodes": _nodes, "Cpu": _size, "InstanceType": _machine, "MemorySize": _memory,
    "RateLimit": _rate, "DatabaseClass": _database, "DocumentUnitsAtMost": _documents, "FileBackup": _files,
    "PointInTimeRecovery": _any_second, "Versioning": _versions, "PriceClass": _edge,
    "LogRetentionDays": _logs, "AccessLogs": _visits,
}  # fmt: skip
# What is behind one of the others, or no reader compares environments by.
BESIDE = {
    "Memory", "Spot", "DatabaseStorage", "DocumentUnitsAtRest", "MultiZone", "BackupDays", "DeletionProtection",
    "NoncurrentVersionDays", "DiskSize", "BurstLimit", "Timeout", "NotFound",
}  # fmt: skip


@pytest.mark.parametrize("environment", TargetEnvironment)
@pytest.mark.parametrize("folder", FOLDERS, ids=IDS)
def test_a_table_says_what_the_parameters_do(
    folder: BlueprintFolder, environment: TargetEnvironment
):
    topology = folder.manifest.topologies[environment]
    assert set(topology.parameters) <= {*FACTS, *BESIDE}
    for name in set(topology.parameters) & set(FACTS):
        FACTS[name](topology.parameters, topology.facts)
    assert (topology.facts["kept"] == "nothing") == (not topology.keeps)
    # Terminating anything in prod waits for an approver.
    confirmed = "an approver confirms its end" in topology.facts["protection"]
    assert confirmed == (environment in PROTECTED)


def _priced(folder: BlueprintFolder, environment: TargetEnvironment) -> set[str]:
    return {one.price for one in folder.manifest.topologies[environment].prices}


@pytest.mark.parametrize("folder", FOLDERS, ids=IDS)
def test_what_a_setting_costs_beside_its_resource_is_priced(folder: BlueprintFolder):
    """Elastic file systems charge for what they carry, Container Insights for what it measures."""
    resources = folder.parsed.section("Resources").values()
    elastic = any(one.get("Properties", {}).get("ThroughputMode") == "elastic" for one in resources)
    serves = any(one["Type"] == "AWS::ECS::Service" for one in resources)
    for environment in folder.manifest.topologies:
        carried = {"efs.elastic.read", "efs.elastic.write"} & _priced(folder, environment)
        assert len(carried) == (2 if elastic else 0)
        measured = "cloudwatch.metric" in _priced(folder, environment)
        assert measured == (serves and environment in MEASURED)


def test_the_clusters_measure_where_the_plans_say_so():
    network = read_yaml((ROOT / "infra" / "network.yaml").read_bytes()).value
    settings = network["Resources"]["Cluster"]["Properties"]["ClusterSettings"]
    enabled = {"Fn::If": ["IsProd", "enabled", "disabled"]}
    assert settings == [{"Name": "containerInsights", "Value": enabled}]
    assert {TargetEnvironment.PROD} == MEASURED
