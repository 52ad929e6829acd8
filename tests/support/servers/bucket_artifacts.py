"""A store of model versions in a bucket, to see that the contract can be kept from another machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from config.paths import safe_name
from config.publish import publishing_folder
from daemon.artifacts.base import ArtifactName, exists_already, missing, other_content
from data_pipeline.buckets.base import Bucket
from trainers.manifest import MANIFEST, Manifest, manifest_sha256, read_manifest, verify_files


class BucketArtifacts:
    """Files under `objects/<sha256>`, and a manifest under the name of each version, written last.

    What is fetched lies below `cache` under the sha256 of its manifest, so a stale copy is never taken for a new one.
    """

    def __init__(self, bucket: Bucket, cache: Path) -> None:
        self._bucket = bucket
        self._cache = cache

    def publish(self, folder: Path, name: ArtifactName) -> str:
        key, manifest = _key(name), read_manifest(folder)
        verify_files(folder, manifest)
        for file, entry in manifest.files.items():
            self._bucket.put(f"objects/{entry.sha256}", (folder / file).read_bytes())
        sha256 = manifest_sha256(folder)
        if not self._bucket.put(key, (folder / MANIFEST).read_bytes()) and self._manifest(name)[1] != sha256:
            raise exists_already(name)
        return sha256

    def fetch(self, name: ArtifactName, sha256: str | None = None) -> Path:
        manifest, actual_sha256 = self._manifest(name)
        if sha256 not in (None, actual_sha256):
            raise other_content(name)
        place = self._cache / actual_sha256
        if not place.exists():
            with publishing_folder(place) as temp:
                (temp / MANIFEST).write_bytes(self._bucket.read(_key(name)))
                for file, entry in manifest.files.items():
                    (temp / file).write_bytes(self._bucket.read(f"objects/{entry.sha256}"))
                verify_files(temp, manifest, actual_sha256)
        return place

    def exists(self, name: ArtifactName) -> bool:
        return any(entry.key == _key(name) for entry in self._bucket.list(_key(name)))

    def list(self) -> Iterator[ArtifactName]:
        keys = [entry.key.split("/") for entry in self._bucket.list("models/")]
        return iter(sorted(ArtifactName(*key[1:4]) for key in keys))

    def delete(self, name: ArtifactName) -> bool:
        existed = self.exists(name)
        self._bucket.delete(_key(name))
        return existed

    def set_aside(self, name: ArtifactName) -> None:
        self._manifest(name)
        self._bucket.put(f"quarantine/{uuid4().hex}/{_key(name)}", self._bucket.read(_key(name)))
        self._bucket.delete(_key(name))

    def _manifest(self, name: ArtifactName) -> tuple[Manifest, str]:
        if not self.exists(name):
            raise missing(name)
        folder = self._cache / f"manifest-{uuid4().hex}"
        folder.mkdir(parents=True)
        try:
            (folder / MANIFEST).write_bytes(self._bucket.read(_key(name)))
            return read_manifest(folder), manifest_sha256(folder)
        finally:
            shutil.rmtree(folder)


def _key(name: ArtifactName) -> str:
    parts = (name.subject, name.model_type, name.version)
    return "/".join(["models", *(safe_name("part of a name", part) for part in parts), MANIFEST])
