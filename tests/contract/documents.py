"""The committed OpenAPI documents as schemathesis reads them, and the checks that EatIt adds to its own."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import schemathesis
from schemathesis import Case, CheckContext, Response
from schemathesis.checks import CHECKS, CheckFunction, load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.schemas import BaseSchema

DOCUMENTS = Path(__file__).parent.parent.parent / "docs" / "openapi"
GROUPS = ("auth", "store", "basket")
EXAMPLES = 25

# Left out of schemathesis's own checks, and why:
LEFT_OUT = {
    # Most refusals of a well-formed body follow from what else is in the shop, or compare fields (a taken code, an
    # unknown category, a weak password): no JSON schema says them. `refused_for_a_rule` below looks closer: it lets
    # those through and nothing else.
    "positive_data_acceptance",
    # For answers that one caller's token must not reach; here every caller sees the catalogue, and baskets have no
    # address that another caller could try. The gateway's tests try other callers' tokens.
    "object_level_authorization",
    # Needs a limit in seconds; times are measured elsewhere, beside a reference taken in the same run.
    "max_response_time",
}


def loaded(group: str, examples: int = EXAMPLES) -> BaseSchema:
    """A group's document, its generation bounded and the same in every run."""
    config = SchemathesisConfig.from_dict(
        {
            "seed": 20_261_121,
            "generation": {
                "deterministic": True,
                "max-examples": examples,
                "no-shrink": True,
                "database": "none",
                # That no text may hold NUL stands in the documents' words; a pattern on every text would hide its own.
                "allow-x00": False,
                # Unknown query parameters are passed over, as everywhere on the web; unknown fields of bodies aren't.
                "allow-extra-parameters": False,
            },
        }
    )
    return schemathesis.openapi.from_path(DOCUMENTS / f"{group}.json", config=config)


# The faults that a body of the documented shape may still have, because no JSON schema says them.
RULES = {
    # Other things in the shop, and other fields of the same body.
    "unknown_reference", "wrong_dimension", "wrong_currency", "contradiction", "not_a_multiple", "below_minimum",
    "above_maximum", "too_common", "made_of_email", "wrong_check_digit",
    # How a number is written, and how many places it has: JSON Schema's `multipleOf` counts in floats.
    "exponent", "too_many_places",
    # A part of the whole: 100 g of fat and 100 g of protein don't fit into 100 g.
    ("out_of_range", "/nutrition"), ("out_of_range", "/pack_size"),
    # What may move depends on the kind of movement: below zero by `adjust` alone, and nothing never.
    ("out_of_range", "/quantity"),
    # Passwords are told to be too weak beside all else that is wrong with them.
    ("too_short", "/password"),
    # `format: email` takes some that RFC 5321 doesn't, and no two libraries the same.
    ("wrong_form", "/email"),
}  # fmt: skip


def refused_for_a_rule(_ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """What the document calls well formed is refused for reasons alone that no schema could say."""
    if (
        case.meta is None
        or not case.meta.generation.mode.is_positive
        or response.status_code not in (400, 413, 415, 422)
    ):
        return
    problem = response.json()
    if "error" in problem:  # as OAuth 2 has it
        assert problem["error"] != "invalid_request", f"the documented shape is refused: {problem}"
        return
    faults = [(fault["code"], fault["pointer"]) for fault in problem.get("errors", ())]
    assert response.status_code == 422, f"the documented shape is refused: {problem}"
    untold = [fault for fault in faults if not RULES & {fault, fault[0]}]
    assert not untold, f"the document says nothing of {untold}"


def problem_shape(_ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """Every problem says its own status, a code that is documented for it, and the request's id."""
    if response.status_code < 400 or case.operation.path.endswith("/health"):
        return
    problem = response.json()
    media_type = response.headers["content-type"][0]
    if media_type == "application/problem+json":
        assert problem["status"] == response.status_code
        assert problem["type"].endswith(f":{problem['code']}")
        assert problem["trace_id"] == response.headers["x-request-id"][0]
    assert re.fullmatch(r"[a-z0-9_]+", problem["code"])
    documented = case.operation.definition.raw["responses"].get(str(response.status_code))
    if documented is not None and response.status_code != 405:
        codes = documented["content"][media_type]["examples"]
        assert problem["code"] in codes, f"{problem['code']} isn't documented at {response.status_code}"


def documented_fields(_ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """An answer has no field that the document is silent about: the schemas alone would let any pass."""
    if not 200 <= response.status_code < 300 or not response.content:
        return
    document = case.operation.schema.raw_schema
    answer = document["paths"][case.operation.path][case.operation.method]["responses"][str(response.status_code)]
    silent = list(_undocumented(response.json(), answer["content"]["application/json"]["schema"], document, ""))
    assert not silent, f"the document is silent about {silent}"


def _undocumented(value: Any, schema: dict[str, Any], document: dict[str, Any], place: str) -> Iterator[str]:
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for choice in schema.get("anyOf", ()):
        if value is not None and choice != {"type": "null"}:
            yield from _undocumented(value, choice, document, place)
    if isinstance(value, list):
        for part in value:
            yield from _undocumented(part, schema.get("items", {}), document, f"{place}/-")
    if isinstance(value, dict) and "properties" in schema:
        for name, part in value.items():
            if name in schema["properties"]:
                yield from _undocumented(part, schema["properties"][name], document, f"{place}/{name}")
            else:
                yield f"{place}/{name}"


def checks() -> list[CheckFunction]:
    """All checks of a response: schemathesis's own but those left out, and EatIt's."""
    load_all_checks()
    own = [cast(CheckFunction, check) for check in CHECKS.get_all() if check.__name__ not in LEFT_OUT]
    return [*own, refused_for_a_rule, problem_shape, documented_fields]
