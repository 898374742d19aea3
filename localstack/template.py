"""Reads template.yaml: its functions, queues and schedules, for the build, the deployment and the triggers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template.yaml"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML with CloudFormation's short forms (`!Ref`, `!Sub`, ...) opened into their long ones."""


def _short_form(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


@dataclass(frozen=True)
class Queue:
    """One queue that feeds one function, as an Amazon MQ event source would."""

    function: str
    name: str
    virtual_host: str
    batch_size: int


@dataclass(frozen=True)
class Schedule:
    """One schedule of one function; `expression` is EventBridge's, `rate(...)` or `cron(...)`.

    `given`: what the function is called with, as JSON text; None is EventBridge's own event.
    """

    function: str
    name: str
    expression: str
    given: str | None = None


def read(path: Path = TEMPLATE) -> dict[str, Any]:
    """The template as plain dictionaries, short forms opened (`!Ref X` is `{"Ref": "X"}`)."""
    loaded = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe loader's child
    if not isinstance(loaded, dict):
        raise ValueError(f"{path} is not a template")
    return loaded


def functions(template: dict[str, Any]) -> dict[str, str]:
    """Every function's logical id and the package that its handler is in (`auth`, `store`, ...)."""
    return {
        name: str(resource["Properties"]["Handler"]).split(".", 1)[0]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def default(template: dict[str, Any], parameter: str) -> str:
    """A parameter's default, as text."""
    return str(template["Parameters"][parameter]["Default"])


def queues(template: dict[str, Any]) -> list[Queue]:
    """The queues that feed functions: event source mappings of their own, and events of `Type: MQ` in a function."""
    found = []
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Lambda::EventSourceMapping" and properties.get("Queues"):
            found += _queues(template, properties["FunctionName"]["Ref"], properties)
        elif resource["Type"] == "AWS::Serverless::Function":
            for event in properties.get("Events", {}).values():
                if event["Type"] == "MQ":
                    found += _queues(template, name, event["Properties"])
    return found


def _queues(template: dict[str, Any], function: str, properties: dict[str, Any]) -> list[Queue]:
    access = properties.get("SourceAccessConfigurations") or properties.get("SourceAccessConfigs") or []
    virtual_host: Any = next((each["URI"] for each in access if each["Type"] == "VIRTUAL_HOST"), "/")
    if isinstance(virtual_host, dict):
        virtual_host = default(template, virtual_host["Ref"])
    size = int(properties.get("BatchSize", 100))
    return [Queue(function, queue, virtual_host, size) for queue in properties["Queues"]]


def schedules(template: dict[str, Any]) -> list[Schedule]:
    """The schedules of all functions."""
    return [
        Schedule(
            name,
            event_name,
            event["Properties"].get("Schedule") or event["Properties"]["ScheduleExpression"],
            event["Properties"].get("Input"),
        )
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
        for event_name, event in resource["Properties"].get("Events", {}).items()
        if event["Type"] in ("Schedule", "ScheduleV2")
    ]
