"""The pipelines (.github/workflows): what they call exists, and no job may do more than it must.

They have never run here: GitHub's own judge of their form (actionlint) is a download that PyPI does not hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.contract.test_pipeline_roles import STACKS, properties
from tests.support.templates import ROOT
from tools.build import sam
from tools.operate import pipeline

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(path.name for path in FOLDER.iterdir())
RUNS_ON = "ubuntu-24.04"
READ, TOKEN = {"contents": "read"}, {"contents": "read", "id-token": "write"}
MAKEFILE = (ROOT / "Makefile").read_text()


def workflow(name: str) -> dict[str, Any]:
    loaded: dict[Any, Any] = yaml.safe_load((FOLDER / name).read_text())
    return {
        "on" if key is True else key: value for key, value in loaded.items()
    }  # YAML 1.1 takes on for true


def jobs(name: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = workflow(name)["jobs"]
    return found


def steps(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for job, told in jobs(name).items():
        yield from ((job, step) for step in told.get("steps", []))


def takes_a_role(job: dict[str, Any]) -> bool:
    return any("configure-aws-credentials" in step.get("uses", "") for step in job.get("steps", []))


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_target_option_and_path_that_a_workflow_names_exists(name: str) -> None:
    targets = {
        target for line in re.findall(r"^([\w -]+):", MAKEFILE, re.MULTILINE) for target in line.split()
    }
    options = set(next(line for line in MAKEFILE.splitlines() if line.startswith("export ")).split()[1:])
    for job, step in steps(name):
        said = step.get("run", "")
        for call in re.findall(r"\bmake ([^;)\n#]*)", said):
            words = call.split()
            assert {word for word in words if "=" not in word} <= targets, f"{job}: make {call}"
            assert {word.partition("=")[0] for word in words if "=" in word} <= options, f"{job}: make {call}"
        for path in re.findall(r"\btests/[\w/]+", said):
            assert (ROOT / path).exists(), f"{job}: {path}"
        given = {*step.get("env", {}), *jobs(name)[job].get("env", {})}
        assert given <= options | {"GH_TOKEN", "BAD"}, job
    for job, told in jobs(name).items():
        if "uses" in told:
            assert (ROOT / told["uses"]).exists(), job
            assert set(told["with"]) == set(workflow("stacks.yml")["on"]["workflow_call"]["inputs"])


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_action_is_a_commit_whose_version_is_told(name: str) -> None:
    found = re.findall(r"uses: (\S+)(.*)", (FOLDER / name).read_text())
    for action, rest in found:
        if not action.startswith("./"):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action)
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", rest), action


def test_an_action_is_the_same_commit_everywhere() -> None:
    text = "".join((FOLDER / name).read_text() for name in WORKFLOWS)
    known = {
        (action.partition("@")[0], action + rest)
        for action, rest in re.findall(r"uses: ([^.\s]\S+)(.*)", text)
    }
    assert len(known) == len({name for name, _ in known})


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_job_may_read_the_code_and_get_a_token_where_it_takes_a_role(name: str) -> None:
    assert workflow(name)["permissions"] == READ
    for job, told in jobs(name).items():
        if takes_a_role(told) or "uses" in told:
            assert told["permissions"] == TOKEN, job
        else:
            runs = "".join(step.get("run", "") for step in told["steps"])
            more = {"actions": "read"} if "gh run list" in runs else {}
            assert told.get("permissions", READ) == {**READ, **more}, job
        if "steps" in told:
            assert told["runs-on"] == RUNS_ON, job
            assert told["timeout-minutes"] <= 120, job
    for job, step in steps(name):
        if "actions/checkout@" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False, f"{job} leaves its token in .git"


@pytest.mark.parametrize("name", WORKFLOWS)
def test_nothing_that_others_write_gets_into_a_command_line(name: str) -> None:
    assert not [step["run"] for _, step in steps(name) if "${{" in step.get("run", "")], "by env alone"
    assert "pull_request_target" not in workflow(name)["on"], "it runs what a fork says, with our rights"
    assert "secrets" not in (FOLDER / name).read_text(), "there are none"


@pytest.mark.parametrize("name", WORKFLOWS)
def test_what_is_installed_is_installed_before_there_is_a_role(name: str) -> None:
    for told in jobs(name).values():
        if takes_a_role(told):
            done = [step.get("run", step.get("uses", "")) for step in told["steps"]]
            assert done[2] == "make setup"
            assert "configure-aws-credentials" in done[3]


def roles() -> set[tuple[str, str]]:
    """Return each role that a job takes, and the environment of GitHub that it says it is of, for every stack."""
    found = set()
    called = {told["with"]["environment"] for told in jobs("deploy.yml").values() if "uses" in told}
    for name in WORKFLOWS:
        for job, step in steps(name):
            if role := step.get("with", {}).get("role-to-assume"):
                for environment in called:
                    for stack in STACKS:
                        told = json.dumps([role, jobs(name)[job]["environment"]])
                        told = told.replace("${{ inputs.environment }}", environment).replace(
                            "${{ matrix.stack }}", stack
                        )
                        one, of = json.loads(told)
                        found.add((one.replace("${{ vars.AWS_ACCOUNT }}", "1"), of))
    return found


def test_the_roles_of_the_workflows_are_those_of_the_template() -> None:
    made = set()
    for environment, stack in [
        *((one, stack) for one in ("dev", "prod") for stack in STACKS),
        ("preview", "*"),
    ]:
        role = properties(environment, stack, "Role")
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        subject = statement["Condition"]["StringEquals"][f"{pipeline.ISSUER}:sub"]
        made.add((f"arn:aws:iam::1:role{role['Path']}{role['RoleName']}", subject.rpartition(":")[2]))
        assert role["MaxSessionDuration"] == 7200
    assert roles() == made
    for name in WORKFLOWS:
        for _, step in steps(name):
            if "role-to-assume" in step.get("with", {}):
                assert step["with"]["role-duration-seconds"] == 7200
                assert {step["with"]["aws-region"]} == {sam.region(one) for one in ("dev", "prod", "preview")}


def test_what_waits_for_a_reviewer_takes_no_role_and_prod_waits_for_it() -> None:
    told = jobs("deploy.yml")
    assert told["let"]["environment"] == "prod"
    assert not takes_a_role(told["let"])
    assert told["let"]["needs"] == "dev"
    assert "let" in told["prod"]["needs"]
    assert told["let"]["concurrency"]["cancel-in-progress"] is True, (
        "an older one that is let later brings back what is old"
    )


def test_a_branch_is_judged_by_one_job_that_waits_for_all_others() -> None:
    told = jobs("check.yml")
    assert set(told["checked"]["needs"]) == set(told) - {"checked"}
    assert told["checked"]["if"] == "always()"
    assert [takes_a_role(one) for one in told.values()] == [False] * len(told)


def test_a_preview_goes_with_its_branch_its_label_or_its_time() -> None:
    on, told = workflow("preview.yml")["on"], jobs("preview.yml")
    assert {"closed", "unlabeled", "synchronize", "labeled"} <= set(on["pull_request"]["types"])
    assert on["schedule"]
    for job, command in (
        ("deploy", "make deploy"),
        ("delete", "DATA=delete"),
        ("sweep", "make preview DAYS=3"),
    ):
        assert command in told[job]["steps"][-1]["run"]
    assert told["deploy"]["concurrency"] == told["delete"]["concurrency"], "one would undo the other"
