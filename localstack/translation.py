"""Turns template.yaml into plain CloudFormation that the AWS emulators understand, by AWS's own SAM translator."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Mapping
from typing import Any

_BINARY = "x-amazon-apigateway-binary-media-types"
_ANSWERS = "x-amazon-apigateway-gateway-responses"


def for_emulator(template: Mapping[str, Any], locations: Mapping[str, str], region: str) -> dict[str, Any]:
    """The template as an emulator takes it.

    SAM is translated here and not by the emulator, so that all of them get the same. What is changed besides, and why:

    - functions and layers come from S3, as `sam package` would have them;
    - a layer that wasn't built goes (an emulator whose interpreter holds the third-party code; LocalStack's free
      tier, which mounts no layers);
    - `Rules` go, which neither reads;
    - the gateway's own answers and binary media types become resources and properties, as MiniStack doesn't read
      them out of the API's body, and the answers lose what names `$context.path`, which it doesn't fill in.

    Args:
        template: as `localstack.template.read` gives it; not changed.
        locations: `s3://bucket/key` of every function and of every layer that is built.
        region: the region for which partitions are named.
    """
    prepared: dict[str, Any] = copy.deepcopy(dict(template))
    prepared.pop("Rules", None)
    resources = prepared["Resources"]
    for name, resource in list(resources.items()):
        resource.pop("Metadata", None)
        kind = resource["Type"]
        if kind == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = locations[name]
        elif kind == "AWS::Serverless::LayerVersion" and name in locations:
            resource["Properties"]["ContentUri"] = locations[name]
        elif kind == "AWS::Serverless::LayerVersion":
            del resources[name]
            prepared["Globals"]["Function"]["Layers"].remove({"Ref": name})
    plain = _translate(prepared, region)
    _spell_out_gateway(plain)
    return plain


def _translate(template: dict[str, Any], region: str) -> dict[str, Any]:
    # Slow to import (0.6 s), hence not at the top.
    import boto3
    from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
    from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]

    # It tells of features that it could have and doesn't.
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    # No managed policy is named in the template, so the map of their names may be empty.
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=region))
    plain = dict(translator.translate(template, parameter_values={}))
    translator.metrics.publish()  # to nobody; it warns at the end of the process otherwise
    return plain


def _spell_out_gateway(plain: dict[str, Any]) -> None:
    resources = plain["Resources"]
    for name, resource in list(resources.items()):
        if resource["Type"] != "AWS::ApiGateway::RestApi":
            continue
        body = resource["Properties"]["Body"]
        resource["Properties"]["BinaryMediaTypes"] = [each.replace("~1", "/") for each in body[_BINARY]]
        answers = []
        for kind, answer in body.pop(_ANSWERS).items():
            answers.append(f"{name}{kind.title().replace('_', '')}")
            resources[answers[-1]] = {
                "Type": "AWS::ApiGateway::GatewayResponse",
                "Properties": {
                    "RestApiId": {"Ref": name},
                    "ResponseType": kind,
                    "StatusCode": str(answer["statusCode"]),
                    "ResponseParameters": answer["responseParameters"],
                    "ResponseTemplates": {
                        media_type: _without_path(text) for media_type, text in answer["responseTemplates"].items()
                    },
                },
            }
        for other in resources.values():
            # A deployment is a snapshot: answers made after it would wait for the next.
            if other["Type"] == "AWS::ApiGateway::Deployment" and other["Properties"]["RestApiId"] == {"Ref": name}:
                other["DependsOn"] = answers


def _without_path(text: str) -> str:
    return json.dumps({name: value for name, value in json.loads(text).items() if value != "$context.path"})
