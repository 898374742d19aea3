"""Imports and exports as a shop's staff meet them: over the gateway, by the queue, from the command line."""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from localstack.demo.client import Client, Refused
from localstack.template import ROOT
from tests.gateway.shop import Api, Keeper, eventually, good, gtin13, problem, unique

MAPPING = ROOT / "localstack" / "demo" / "mappings" / "open-food-columns.json"


def sheet(category: str, names: list[str]) -> bytes:
    rows = [f"{name},Сыр,{category},piece,piece,100" for name in names]
    return "\n".join(["sku,name,category,unit,sold_by,price", *rows, ""]).encode()


def ended(api: Api, path: str, token: str) -> Any:
    """The run as it ended."""

    def look() -> Any:
        run = good(api.get(path, token=token))
        assert run["status"] in ("done", "failed"), run
        return run

    return eventually(look, seconds=120)


def imported(api: Api, token: str, content: bytes, **given: Any) -> Any:
    """The run of this file as it ended."""
    body = {"content_type": "text/csv", "size": len(content), **given}
    begun = good(api.post("/store/imports", body, token=token), 202)
    upload = begun["upload"]
    put = requests.request(upload["method"], upload["url"], data=content, headers=upload["headers"], timeout=60)
    assert put.status_code == 200, put.text
    path = f"/store/imports/{begun['id']}"
    started = api.post(f"{path}/complete", token=token)
    good(started, 202)
    assert started.headers["Location"].endswith(path)
    return ended(api, path, token)


def test_a_file_goes_in_and_comes_out(api: Api, staff: str, keeper: Keeper) -> None:
    category, names = keeper.category()["slug"], [unique("imp") for _ in range(3)]
    run = imported(api, staff, gzip.compress(sheet(category, names)))
    assert (run["status"], run["created"], run["failed"]) == ("done", 3, 0), run
    begun = api.post("/store/exports", token=staff)
    path = f"/store/exports/{good(begun, 202)['id']}"
    assert begun.headers["Location"].endswith(path)
    run = ended(api, path, staff)
    assert run["status"] == "done", run
    text = requests.get(run["url"], timeout=60).content.decode()
    rows = {row["sku"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}
    assert len(rows) == run["rows"]
    assert [rows[name]["category"] for name in names] == [category] * 3


def test_a_run_of_nobodys_is_404_and_one_without_its_file_409(api: Api, staff: str) -> None:
    nobodys = "/store/imports/019aa7c0-0000-7000-8000-000000000001"
    problem(api.get(nobodys, token=staff), 404, "not_found")
    problem(api.post(f"{nobodys}/complete", token=staff), 404, "not_found")
    begun = good(api.post("/store/imports", {"content_type": "text/csv", "size": 9}, token=staff), 202)
    problem(api.post(f"/store/imports/{begun['id']}/complete", token=staff), 409, "upload_missing")


def test_the_same_key_begins_one_import(api: Api, staff: str) -> None:
    body, headers = {"content_type": "text/csv", "size": 9}, {"Idempotency-Key": unique()}
    first, second = (good(api.post("/store/imports", body, token=staff, headers=headers), 202) for _ in range(2))
    assert first == second


def test_an_upload_of_another_size_or_type_is_refused(api: Api, staff: str) -> None:
    upload = good(api.post("/store/imports", {"content_type": "text/csv", "size": 9}, token=staff), 202)["upload"]
    for content, kind in ((b"0123456789", "text/csv"), (b"012345678", "text/html")):
        put = requests.put(upload["url"], data=content, headers={"Content-Type": kind}, timeout=60)
        assert put.status_code in (400, 403), put.text


def command(directory: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    given = [sys.executable, "-m", "localstack.import_goods", *arguments, "--directory", directory]
    return subprocess.run(given, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)


@pytest.fixture
def directory(stack: dict[str, Any]) -> str:
    """The running stack's directory."""
    return str(Path(stack["mail_dir"]).parent)


def test_the_command_says_what_came_of_it(directory: str, keeper: Keeper, tmp_path: Path) -> None:
    file = tmp_path / "goods.csv"
    category, name = keeper.category()["slug"], unique("imp")
    file.write_bytes(sheet(category, [name, f"{name} bad"]))
    dry = command(directory, str(file), "--dry-run")
    assert (dry.returncode, "1 created" in dry.stdout, "dry run" in dry.stdout) == (0, True, True), dry
    said = command(directory, str(file))
    assert said.returncode == 0, said
    assert "2 rows: 1 created, 0 updated, 0 unchanged, 1 failed" in said.stdout
    assert "row 3, sku: wrong_form" in said.stdout
    file.write_bytes(b"colour\nred\n")
    said = command(directory, str(file))
    assert (said.returncode, "bad_header" in said.stdout, "unknown_column" in said.stdout) == (1, True, True), said


def test_a_command_outlives_its_access_token(stack: dict[str, Any]) -> None:
    with Client(stack["url"]) as client:
        client.log_in(**stack["users"]["staff"])
        for _ in range(2):
            client._token = "worn.out.token"
            assert client.get("/auth/me")["role"] == "staff"
        client._token = client._refresh_token = "worn.out.token"
        with pytest.raises(Refused, match="401"):
            client.get("/auth/me")


@pytest.mark.parametrize("name", ["absent.csv", "goods.xlsx"])
def test_the_command_refuses_what_it_cant_send(directory: str, tmp_path: Path, name: str) -> None:
    (tmp_path / "goods.xlsx").write_bytes(b"PK")
    said = command(directory, str(tmp_path / name))
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.startswith("eatit: ")


def test_open_food_columns_are_mapped(api: Api, staff: str) -> None:
    code = gtin13()
    head = "barcode,name,ingredients,fat_g,saturated_fat_g,carbohydrate_g,sugar_g,fiber_g,protein_g,salt_g"
    bad = code[:-1] + str((int(code[-1]) + 1) % 10)
    content = f"{head}\n{code},Soup,water,1,0.5,,,,2.00049,0.73912\n{bad},Bad,,,,,,,,\n".encode()
    run = imported(api, staff, content, mapping=json.loads(MAPPING.read_text()))
    assert (run["created"], run["failed"]) == (1, 1), run
    found = good(api.get(f"/store/products/by-barcode/{code}", token=staff))
    assert (found["name"], found["composition"], found["status"]) == ("Soup", "water", "draft")
    assert (found["nutrition"]["salt_g"], found["nutrition"]["protein_g"]) == ("0.739", "2")


def test_a_real_file_goes_in_but_for_its_bad_rows(api: Api, staff: str) -> None:
    """EATIT_GOODS names a file with Open Food Facts' columns, such as the Lifyzer Database's food_products.csv.gz."""
    given = os.environ.get("EATIT_GOODS")
    if not given:
        pytest.skip("EATIT_GOODS names no file of real goods")
    content = Path(given).read_bytes()
    mapping = json.loads(MAPPING.read_text())
    run = imported(api, staff, content, mapping=mapping)
    assert run["status"] == "done", run
    assert run["rows"] == run["created"] + run["updated"] + run["unchanged"] + run["failed"]
    assert run["failed"] < run["rows"] / 10
    assert requests.get(run["errors_url"], timeout=60).text.count("\n") > len(run["errors"])
    again = imported(api, staff, content, mapping=mapping)
    assert (again["created"], again["failed"]) == (0, run["failed"])
