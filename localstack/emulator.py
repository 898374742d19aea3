"""MiniStack as the local stack runs it: as it comes, but calls wait for workers, and functions' logs lie in one file.

AWS starts an execution environment for every call that comes while the others are busy. The emulator does the same
with processes, so a burst of a hundred requests would start a hundred of them, each taking seconds of a small
machine's processor. Here a function has a fixed number of workers behind the gateway, and calls queue for them.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any


def queue_calls(workers: int) -> None:
    """Lets at most `workers` calls of one function through the REST gateway at once."""
    from ministack.services import apigateway_v1

    call = apigateway_v1._call_lambda_raw
    turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(workers))

    async def call_in_turn(function_ref: str, event: dict[str, Any], **scope: Any) -> Any:
        async with turns[function_ref]:
            return await call(function_ref, event, **scope)

    apigateway_v1._call_lambda_raw = call_in_turn


def keep_logs(path: Path) -> None:
    """Adds what a function says in a call to the file `path`, besides the emulator's own CloudWatch Logs."""
    from ministack.services import lambda_svc

    emit = lambda_svc._emit_lambda_logs
    file = path.open("a", encoding="utf-8")
    writing = threading.Lock()

    def emit_and_keep(function: dict[str, Any], request_id: str, said: str, *rest: Any, **named: Any) -> None:
        if said:
            with writing:
                file.write(said.rstrip("\n") + "\n")
                file.flush()
        emit(function, request_id, said, *rest, **named)

    lambda_svc._emit_lambda_logs = emit_and_keep


def adopt_buckets() -> None:
    """Lets a stack take over the buckets that were kept from the last run, which CloudFormation otherwise refuses."""
    from ministack.services import s3
    from ministack.services.cloudformation import provisioners

    bucket = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    create, update = bucket["create"], bucket["update"]

    def create_or_adopt(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        name = properties.get("BucketName")
        if name in s3._buckets:
            return update(name, {}, properties, stack_name)
        return create(logical_id, properties, stack_name)

    bucket["create"] = create_or_adopt
    provisioners.s3_bucket_name_conflict = lambda _name: None


def main() -> None:
    """Serves until it is told to end. Functions inherit this process's environment, hence the tidying first."""
    workers = int(os.environ.pop("EATIT_WORKERS_PER_FUNCTION"))
    log = Path(os.environ.pop("EATIT_FUNCTIONS_LOG"))
    os.environ.pop("PYTHONPATH", None)
    queue_calls(workers)
    keep_logs(log)
    adopt_buckets()
    from ministack.app import main as serve

    serve()


if __name__ == "__main__":
    main()
