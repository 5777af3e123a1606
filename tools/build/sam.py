"""Build and deploy the stacks with the SAM CLI: only what changed, as many at a time as the machine has cores.

The platform (template.yaml) is one stack; each infra/<service>.yaml is one more, deployable in any order after it.
A build depends on no environment, so all of them share .aws-sam/<stack>/build.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shlex
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools import ROOT, templates
from tools.build import recipe
from tools.report import ToolError, step
from tools.services import NO_SERVICES, PLATFORM, services

BUILDS = ROOT / ".aws-sam"
PREVIEW = "preview"
"""The section of samconfig.toml of all environments that it does not name and that begin with ``pre``."""
SETTINGS = {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_ENABLE_LANGUAGE_EXTENSIONS": "1"}
"""The variables of the SAM CLI: it reads Fn::ForEach (infra/watch.yaml) only where it is told to."""

Parameters = Mapping[str, str]


@dataclass(frozen=True)
class StackTemplate:
    """One stack's template, and where its build goes; `of`: the service, of a template that each has a stack of."""

    name: str
    of: str = ""

    @property
    def label(self) -> str:
        """Return what its stack is called after the environment."""
        return f"{self.of}-{self.name}" if self.of else self.name

    @property
    def source(self) -> Path:
        """Return the template as written."""
        return templates.path(self.name)

    @property
    def built(self) -> Path:
        """Return the template as built, beside the artifacts it names."""
        return BUILDS / self.name / "build" / "template.yaml"

    @property
    def deployable(self) -> Path:
        """Return the template to deploy: as built, or as written where there is nothing to build."""
        return self.built if self.has_code else self.source

    @property
    def has_code(self) -> bool:
        """Tell whether there are functions to build."""
        return self.name not in (*NO_SERVICES, PLATFORM)

    def inputs(self) -> str:
        """Return a hash of all that decides the build: template, code, dependencies, Python and platform."""
        if not self.has_code:
            return recipe.digest([self.source])
        paths = [
            self.source,
            ROOT / "functions" / self.name,
            ROOT / "functions" / "shared",
            Path(recipe.__file__),
        ]
        paths += [recipe.REQUIREMENTS / "layer.txt", recipe.REQUIREMENTS / f"{self.name}.txt"]
        return recipe.digest(
            [path for path in paths if path.exists()], recipe.python_tag(), recipe.target_platform()
        )

    def parameters(self) -> set[str]:
        """Return the names of the parameters the template declares."""
        return set(templates.template(self.name).get("Parameters", {}))


@dataclass(frozen=True)
class Target:
    """Where stacks are deployed to: an environment name, the AWS variables and values for template parameters.

    `region` is another than the environment's, for the stack that must be there.
    """

    environment: str
    variables: Mapping[str, str] = field(default_factory=dict)
    common: Parameters = field(default_factory=dict)
    per_stack: Mapping[str, Parameters] = field(default_factory=dict)
    region: str = ""

    def stack_name(self, stack: StackTemplate) -> str:
        """Return the CloudFormation stack's name."""
        return f"souk-{self.environment}-{stack.label}"

    def overrides(self, stack: StackTemplate) -> dict[str, str]:
        """Return the parameter values for a stack: common ones it declares, and its own, which it must declare."""
        declared = stack.parameters()
        own = dict(self.per_stack.get(stack.name, {}))
        if unknown := set(own) - declared:
            raise ToolError(f"{stack.source.relative_to(ROOT)} has no parameter {', '.join(sorted(unknown))}")
        common = {"Environment": self.environment, **runs_on(self.environment), **self.common}
        return {**{name: value for name, value in common.items() if name in declared}, **own}


def runs_on(environment: str) -> dict[str, str]:
    """Return the runtime and the processor of an environment's functions, as template parameters.

    ``local`` takes those of this machine; others what samconfig.toml says, or else the templates' defaults.
    """
    if environment == "local":
        return {"PythonRuntime": recipe.python_tag(), "Architecture": recipe.target_platform()}
    declared = templates.template(services()[0])["Parameters"]  # all declare them alike
    values = given(environment)
    return {name: values.get(name, declared[name]["Default"]) for name in ("PythonRuntime", "Architecture")}


def configured() -> dict[str, dict[str, str]]:
    """Return the parameter values that samconfig.toml gives each environment; it calls ``local`` the default."""
    return {
        name: dict(word.split("=", 1) for word in shlex.split(settings["parameter_overrides"]))
        for name, settings in _settings().items()
    }


def given(environment: str) -> dict[str, str]:
    """Return the parameter values of one environment; ToolError where samconfig.toml has no section for it."""
    return {**configured()[section(environment)], "Environment": environment}


def section(environment: str) -> str:
    """Return whose settings an environment has: its own, or those of all previews."""
    known = _settings()
    found = PREVIEW if environment.startswith(PREVIEW[:3]) and environment not in known else environment
    if found not in known:
        raise ToolError(f"samconfig.toml has no environment {environment!r}; there are: {' '.join(known)}")
    return found


def region(environment: str) -> str:
    """Return the region that samconfig.toml gives an environment."""
    return str(_settings()[section(environment)]["region"])


def asks(environment: str) -> bool:
    """Tell whether samconfig.toml wants each change of an environment confirmed."""
    return bool(_settings()[section(environment)]["confirm_changeset"])


def tags(environment: str) -> dict[str, str]:
    """Return the tags that samconfig.toml gives an environment's stacks."""
    return dict(word.split("=", 1) for word in _settings()[section(environment)].get("tags", "").split())


def _settings() -> dict[str, dict[str, Any]]:
    """Return what samconfig.toml says of deploys, by environment."""
    sections = tomllib.loads((ROOT / "samconfig.toml").read_text())
    return {
        "local" if name == "default" else name: section["deploy"]["parameters"]
        for name, section in sections.items()
        if isinstance(section, dict)
    }


def all_stacks() -> list[StackTemplate]:
    """Return every stack there is a template for, the platform first."""
    return [StackTemplate(PLATFORM), *(StackTemplate(name) for name in services())]


def select(names: list[str] | None) -> list[StackTemplate]:
    """Return the stacks of these names, all of them without names; the platform keeps its place at the front."""
    known = all_stacks()
    if not names:
        return known
    if unknown := set(names) - {stack.name for stack in known}:
        raise ToolError(
            f"no service {', '.join(sorted(unknown))}; there are: {' '.join(s.name for s in known)}"
        )
    return [stack for stack in known if stack.name in names]


def build_stack(stack: StackTemplate, *, say: bool = True) -> str:
    """Run `sam build` unless nothing it depends on has changed, or there is none; return the hash of the inputs."""
    if not stack.has_code:
        return stack.inputs()
    folder = BUILDS / stack.name
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / "lock"):
        wanted = stack.inputs()
        mark = folder / "inputs"
        if stack.built.exists() and mark.exists() and mark.read_text() == wanted:
            return wanted
        started = time.monotonic()
        mark.unlink(missing_ok=True)
        _sam("build", stack, ["--template", str(stack.source), "--build-dir", str(stack.built.parent)], {})
        mark.write_text(wanted)
        if say:
            step(f"{stack.name}: built in {time.monotonic() - started:.1f} s")
    return wanted


def deploy_stack(stack: StackTemplate, target: Target) -> None:
    """Run `sam deploy` of the build; AWS makes only the changes it finds."""
    started = time.monotonic()
    _sam("deploy", stack, _deploy_arguments(stack, target, stack.deployable), target.variables)
    step(f"{stack.label}: deployed in {time.monotonic() - started:.1f} s")


def change_set(stack: StackTemplate, target: Target, template: Path) -> str | None:
    """Run `sam deploy` of a template up to the change set, and return its ARN; None where nothing changes."""
    # A folder for each stack: with one for all, who may deploy one could put down what another takes up.
    arguments = [*_deploy_arguments(stack, target, template), "--s3-prefix", target.stack_name(stack)]
    arguments.append("--no-execute-changeset")
    said = _sam("deploy", stack, arguments, target.variables)
    found = re.findall(r"arn:[\w-]+:cloudformation:\S+:changeSet/\S+", said)
    if not found and "No changes to deploy" not in said:
        raise ToolError(
            f"{stack.label}: sam deploy made no change set; see its log in .aws-sam/{stack.label}"
        )
    return found[-1] if found else None


def package(stack: StackTemplate, target: Target, template: Path) -> Path:
    """Upload what a template needs, and return the template that names it there."""
    packaged = template.with_name(f"packaged-{target.environment}.json")
    arguments = ["--template-file", str(template), "--output-template-file", str(packaged), "--use-json"]
    arguments += ["--resolve-s3", "--s3-prefix", target.stack_name(stack)]
    arguments += ["--region", target.variables.get("AWS_REGION") or region(target.environment)]
    _sam("package", stack, arguments, target.variables)
    return packaged


def _deploy_arguments(stack: StackTemplate, target: Target, template: Path) -> list[str]:
    config = "default" if target.environment == "local" else section(target.environment)
    overrides = [f"{name}={value}" for name, value in target.overrides(stack).items()]
    arguments = ["--template", str(template), "--config-file", str(ROOT / "samconfig.toml")]
    arguments += ["--config-env", config, "--stack-name", target.stack_name(stack), "--no-confirm-changeset"]
    arguments += ["--region", target.region] if target.region else []
    return [*arguments, "--parameter-overrides", *overrides] if overrides else arguments


def build_and_deploy(stacks: list[StackTemplate], deploy: Callable[[StackTemplate, str], None]) -> None:
    """Build every stack and call `deploy(stack, inputs)` for it, side by side, the platform before all others.

    `inputs` is what build_stack returned. The first failure stops what has not started yet, and is raised.
    """
    with ThreadPoolExecutor(max_workers=(os.cpu_count() or 1) + 1) as pool:  # half of a deploy is waiting
        platform: Future[None] | None = None

        def bring_up(stack: StackTemplate, after: Future[None] | None) -> None:
            inputs = build_stack(stack)
            if after is not None:
                after.result()
            deploy(stack, inputs)

        jobs: list[Future[None]] = []
        for stack in sorted(stacks, key=lambda stack: stack.name != PLATFORM):
            jobs.append(pool.submit(bring_up, stack, platform))
            platform = jobs[0] if stack.name == PLATFORM else platform
        done, waiting = wait(jobs, return_when=FIRST_EXCEPTION)
        for job in waiting:
            job.cancel()
        for job in done:
            job.result()


def _sam(command: str, stack: StackTemplate, arguments: list[str], variables: Mapping[str, str]) -> str:
    """Run the SAM CLI and return what it said, kept in .aws-sam/<stack>/<command>-….log; on failure raise with it."""
    environment = {**os.environ, **SETTINGS, **variables}
    environment.pop(
        "PYTHONDONTWRITEBYTECODE", None
    )  # compiled modules halve the time the SAM CLI takes to start
    if endpoint := environment.get(
        "AWS_ENDPOINT_URL"
    ):  # an emulator: it answers at once, and has no accounts
        environment["SAM_CLI_POLL_DELAY"] = "0.2"
        for name in ("AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_SESSION_TOKEN"):
            environment.pop(name, None)
    line = [str(Path(sys.executable).parent / "sam"), command, *arguments]
    log = BUILDS / stack.label / f"{command}-{(endpoint or 'aws').rpartition(':')[2].strip('/')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        done = subprocess.run(
            line,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise ToolError(
            f"{stack.name}: sam {command} failed: {_reason(log)} (all of it: {log.relative_to(ROOT)})"
        )
    return log.read_text(errors="replace")


def _reason(log: Path) -> str:
    """Return the line of a SAM log that says best why it failed."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    failed = [line for line in lines if re.search(r"_FAILED\b", line) and "cancelled" not in line]
    errors = [line for line in lines if re.match(r"\w*Error: ", line) and not line.endswith("call last):")]
    return (failed[:1] or errors[-1:] or lines[-1:] or ["no output"])[0][:300]


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes: `make run` and `make test` may build at the same time."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
