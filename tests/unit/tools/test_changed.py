"""Which stacks a change touches, and the environments of branches: what pipelines go by."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest

from tests.support.templates import ROOT, template
from tools.build import changed, sam
from tools.build.changed import files, touched
from tools.operate import preview
from tools.operate.environment import Environment
from tools.report import ToolError
from tools.services import services

ALL = ["platform", *services(), "edge"]


@pytest.mark.parametrize(
    ("path", "stacks"),
    [
        ("functions/cart/service.py", ["cart"]),
        ("functions/cart/pages/about.html", ["cart"]),
        ("infra/cart.yaml", ["cart", "edge"]),
        ("events/schemas/orders/OrderPlaced.v1.json", ["orders"]),
        ("requirements/identity.txt", ["identity"]),
        ("tests/unit/cart/test_cart.py", ["cart"]),
        ("infra/edge.yaml", ["edge"]),
        ("web/index.html", ["edge"]),
        ("legal/de/terms.md", ["edge"]),
        ("functions/shared/http.py", ALL),
        ("requirements/layer.txt", ALL),
        ("template.yaml", ALL),
        ("samconfig.toml", ALL),
        ("tools/build/recipe.py", ALL),
        ("tools/operate/deploy.py", ALL),
        ("infra/watch.yaml", ALL),
        ("infra/pipeline.yaml", []),  # a person deploys it
        ("infra/waf.yaml", []),  # as well
        ("docs/deploying.md", []),
        ("tests/e2e/test_checkout.py", []),
        ("tests/unit/tools/test_changed.py", []),
        ("tools/local/run.py", []),
        (".github/workflows/check.yml", []),
        ("README.md", []),
    ],
)
def test_a_file_touches(path: str, stacks: list[str]) -> None:
    assert touched([path]) == stacks


def test_several_files_touch_each_stack_once_and_in_order() -> None:
    paths = [
        "web/index.html",
        "functions/orders/app.py",
        "functions/cart/app.py",
        "infra/cart.yaml",
        "README.md",
    ]
    assert touched(paths) == ["cart", "orders", "edge"]
    assert touched([*paths, "functions/shared/log.py"]) == ALL


@pytest.mark.parametrize(
    ("paths", "suites"),
    [
        ([], []),
        (["README.md", "docs/deploying.md"], []),
        (["functions/cart/service.py", "docs/services.md"], ["cart"]),
        (["tests/unit/orders/test_saga.py", "infra/cart.yaml"], ["cart", "orders"]),
        (["functions/cart/service.py", "functions/shared/http.py"], ["all"]),
        (["tests/unit/tools/test_changed.py"], ["all"]),
        (["tests/integration/test_checkout.py"], ["all"]),
        (["web/index.html"], ["all"]),
        (["infra/pipeline.yaml"], ["all"]),
        ([".github/workflows/check.yml"], ["all"]),
        (["tools/local/run.py"], ["all"]),
    ],
)
def test_what_is_of_one_service_is_tested_by_its_tests_and_all_else_by_all(
    paths: list[str], suites: list[str]
) -> None:
    assert changed.tests(paths) == suites


def test_without_a_base_all_is_touched(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BASE", "none")
    changed.main()
    assert json.loads(capsys.readouterr().out) == {"stacks": ALL, "tests": ["all"]}


def test_every_file_of_a_service_is_found_to_be_its_own() -> None:
    for service in services():
        paths = [str(path.relative_to(ROOT)) for path in (ROOT / "functions" / service).rglob("*.py")]
        assert touched(paths) == [service]


def test_a_base_that_git_does_not_know_is_said() -> None:
    with pytest.raises(ToolError, match="no BASE 'moon'"):
        files("moon")
    assert files("HEAD") == []


def test_what_one_commit_did_and_another_took_back_is_touched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def git(*words: str) -> None:
        as_me = ("-c", "user.name=me", "-c", "user.email=me@example.com", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *as_me, *words], cwd=tmp_path, check=True, capture_output=True)

    def commit(name: str, text: str) -> None:
        (tmp_path / name).write_text(text)
        git("add", "-A")
        git("commit", "-m", name)

    monkeypatch.setattr(changed, "ROOT", tmp_path)
    git("init", "-b", "main")
    commit("a", "1")
    git("tag", "deployed")
    commit("a", "2")
    commit("a", "1")
    git("checkout", "-b", "branch", "deployed")
    commit("b c", "1")
    assert files("main") == ["b c"], "not what the other branch has done since"
    git("checkout", "main")
    git("merge", "--no-ff", "branch", "-m", "merge")
    assert files("deployed") == ["a", "b c"]


# --- environments of branches ------------------------------------------------------------------------------------


@pytest.mark.parametrize("branch", ["feature/Cart-Totals", "a", "ÄÖÜ", "9", "x" * 200, "fix/1-2-3", "-"])
def test_every_branch_has_an_environment_with_a_name_that_templates_take(branch: str) -> None:
    pattern = template("orders")["Parameters"]["Environment"]["AllowedPattern"]
    assert re.fullmatch(pattern, preview.name(branch))
    assert sam.section(preview.name(branch)) == sam.PREVIEW
    assert sam.given(preview.name(branch))["Environment"] == preview.name(branch)


def test_branches_that_look_alike_have_different_ones() -> None:
    assert (
        len({preview.name(branch) for branch in ("feature/a-b", "feature/ab", "feature/a_b", "featureab")})
        == 4
    )


def test_an_environment_that_samconfig_names_is_no_preview() -> None:
    assert sam.section("prod") == "prod"
    with pytest.raises(ToolError, match="no environment 'moon'"):
        sam.section("moon")


def test_no_environment_that_stays_is_called_as_previews_are() -> None:
    known = [name for name in sam._settings() if name.startswith(sam.PREVIEW[:3])]
    assert known == [sam.PREVIEW], "the role that deletes previews goes by their names (infra/pipeline.yaml)"


def a_stack(environment: str, name: str, tag: str) -> None:
    boto3.client("cloudformation").create_stack(
        StackName=f"souk-{environment}-{name}",
        TemplateBody=json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}),
        Tags=[{"Key": "environment", "Value": tag}],
    )


def test_what_is_over_its_time_goes_and_what_stays_stays(
    cloud: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    for name in ("platform", "cart"):
        a_stack("preone1", name, "preview")
        a_stack("prelive", name, "prelive")  # somebody's own, that is called so
        a_stack("dev", name, "dev")
    now = datetime.now(UTC)
    assert preview.sweep(now - timedelta(days=3)) == []
    assert preview.sweep(now + timedelta(days=3)) == ["preone1"]
    left = {stack["StackName"] for stack in boto3.client("cloudformation").describe_stacks()["Stacks"]}
    assert left == {f"souk-{name}-{stack}" for name in ("prelive", "dev") for stack in ("platform", "cart")}


def test_one_that_cannot_be_deleted_holds_up_no_other(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    a_stack("preone1", "platform", "preview")
    a_stack("pretwo2", "platform", "preview")
    tried = []

    def delete(environment: Environment) -> None:
        tried.append(environment.name)
        if environment.name == "preone1":
            raise ToolError("a bucket is in the way")

    with pytest.raises(ToolError, match=r"^preone1: a bucket is in the way$"):
        preview.sweep(datetime.now(UTC) + timedelta(days=3), delete)
    assert tried == ["preone1", "pretwo2"]
