"""A stand-in for the Hugging Face Hub: the routes that ``huggingface_hub`` calls to make, fill and read repositories.

Small files come inside the commit and large ones over LFS, as there; what is downloaded is redirected to another
address for these, with the headers that say so. Xet, for which the client would need servers of its own, is turned off
by ``HF_HUB_DISABLE_XET``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

TOKEN = "hf_" + "a" * 34
USER = "ada"
LARGE = (".safetensors", ".png")  # over LFS, as the Hub's .gitattributes say
LICENSES = ("apache-2.0", "mit", "cc-by-4.0", "cc0-1.0", "other")
DATASET = re.compile(r"(?:[\w-]+/)?[\w.-]+")


@dataclass
class Repository:
    """Commits, and the branches that point to them."""

    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)  # id → files
    messages: list[str] = field(default_factory=list)
    branches: dict[str, str] = field(default_factory=dict)

    def commit(self, branch: str, files: dict[str, bytes], message: str) -> str:
        before = self.branches.get(branch)
        made = hashlib.sha1(f"{before} {len(self.commits)}".encode()).hexdigest()
        self.commits[made] = {**self.commits.get(before or "", {}), **files}
        self.branches[branch] = made
        self.messages.append(message)
        return made


class Hub:
    """Repositories by name, and a log of the requests."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.large: dict[str, bytes] = {}  # sha256 → content
        self.asked: list[str] = []
        self.agents: set[str] = set()
        self.answers: dict[str, int] = {}  # a part of an address → a status to answer it with, in place of the answer
        self.address = self.large_address = ""  # large files are on another host

    def files(self, name: str, revision: str = "main") -> dict[str, bytes]:
        repository = self.repositories[name]
        return repository.commits[repository.branches.get(revision, revision)]


def problems_of(card: str) -> list[str]:
    """What the Hub says of a model card's metadata, as far as its messages are known."""
    found = re.match(r"\s*---\r?\n(.*?)\r?\n---", card, re.DOTALL)
    if not found:
        return []
    values, problems = yaml.safe_load(found[1]), []
    if values.get("license", "mit") not in LICENSES:
        problems.append(f'"license" must be one of [{", ".join(LICENSES)}]')
    problems += [
        f'"language" must be a code of ISO 639, not {language}'
        for language in _several(values.get("language"))
        if not re.fullmatch("[a-z]{2,3}|code|multilingual", language)
    ]
    problems += [
        f'"datasets[{number}]" with value "{dataset}" is not valid.'
        for number, dataset in enumerate(_several(values.get("datasets")))
        if not DATASET.fullmatch(dataset)
    ]
    for model in values.get("model-index", []):
        problems += [problem for result in model["results"] for problem in _problems_of_result(result)]
    return problems


def _problems_of_result(result: dict) -> Iterator[str]:
    where, dataset = "model-index[0].results[0]", result["dataset"]
    if not DATASET.fullmatch(dataset["type"]) or not isinstance(dataset["name"], str):
        yield f'"{where}.dataset.type" fails to match the required pattern'
    if not isinstance(dataset.get("config", ""), str):
        yield f'"{where}.dataset.config" must be a string'
    if not all(isinstance(metric["value"], float) for metric in result["metrics"]):
        yield f'"{where}.metrics[0].value" is required'


def _several(values: str | list[str] | None) -> list[str]:
    return [values] if isinstance(values, str) else values or []


class RefusalError(Exception):
    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        self.status, self.code, self.message = status, code, message


class Handler(BaseHTTPRequestHandler):
    """One request; ``hub`` is set by :func:`stand_in_hub`."""

    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urlsplit(self.path)
        self.query, path = parse_qs(address.query), address.path
        self.hub.asked.append(f"{self.command} {path}")
        self.hub.agents.add(self.headers.get("User-Agent", ""))
        try:
            for part, status in self.hub.answers.items():
                if part in path:
                    raise RefusalError(status, message="not today")
            for method, pattern, answer in ROUTES:
                if method in (self.command, self.command.replace("HEAD", "GET")) and (
                    found := re.fullmatch(pattern, path)
                ):
                    answer(self, *map(unquote, found.groups()))
                    return
            raise RefusalError(404, message="no such route")
        except RefusalError as refusal:
            headers = {"X-Error-Code": refusal.code, "X-Error-Message": refusal.message}
            self.send(json.dumps({"error": refusal.message}).encode(), refusal.status, headers)

    do_GET = do_HEAD = do_POST = do_PUT = _answer  # noqa: N815

    def send(self, content: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def send_json(self, value: object, status: int = 200) -> None:
        self.send(json.dumps(value).encode(), status, {"Content-Type": "application/json"})

    # --- who asks, and for what

    def check_token(self, owner: str | None = None) -> None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token != TOKEN:
            raise RefusalError(401, message="Invalid username or password.")
        if owner not in (None, USER):
            raise RefusalError(403, message=f"You have no rights in the namespace {owner!r}")

    def repository(self, name: str, revision: str = "main") -> tuple[Repository, str]:
        """Return a repository and the id of a commit, if the one who asks may read it."""
        known, sent = self.hub.repositories.get(name), self.headers.get("Authorization", "")
        has_token = sent == f"Bearer {TOKEN}"
        if sent and not has_token:
            raise RefusalError(401, message="Invalid credentials in Authorization header")
        if known is None or (known.private and not has_token):
            status = 404 if has_token else 401
            raise RefusalError(status, "RepoNotFound", "Repository not found")
        if known.gated and not has_token:
            raise RefusalError(401, "GatedRepo", "Access to this model is restricted.")
        commit = known.branches.get(revision, revision)
        if commit not in known.commits:
            raise RefusalError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return known, commit

    # --- routes

    def create(self) -> None:
        wanted = json.loads(self.body)
        self.check_token(wanted.get("organization"))
        name = f"{USER}/{wanted['name']}"
        if name in self.hub.repositories:
            self.send_json({"error": "You already created this model repo", "url": f"{self.hub.address}/{name}"}, 409)
            return
        private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
        repository = self.hub.repositories[name] = Repository(private)
        attributes = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LARGE)
        repository.commit("main", {".gitattributes": attributes.encode()}, "initial commit")
        self.send_json({"url": f"{self.hub.address}/{name}"})

    def branch(self, name: str, branch: str) -> None:
        self.check_token(name.partition("/")[0])
        repository, commit = self.repository(name)
        if branch in repository.branches:
            raise RefusalError(409, message=f"Reference already exists: {branch}")
        repository.branches[branch] = commit
        self.send_json({})

    def validate(self) -> None:
        problems = problems_of(json.loads(self.body)["content"])
        errors = [{"message": problem} for problem in problems]
        self.send_json({"errors": errors, "warnings": []}, 400 if errors else 200)

    def preupload(self, name: str, revision: str) -> None:
        self.check_token(name.partition("/")[0])
        self.repository(name, revision)
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False,
            }
            for file in json.loads(self.body)["files"]
        ]
        self.send_json({"files": modes, "commitOid": ""})

    def lfs_batch(self, name: str) -> None:
        self.check_token(name.partition("/")[0])
        wanted = json.loads(self.body)
        address = self.hub.address
        objects = [
            {
                **one,
                "actions": {
                    "upload": {"href": f"{address}/lfs/{one['oid']}"},
                    "verify": {"href": f"{address}/lfs/{one['oid']}/verify"},
                },
            }
            if one["oid"] not in self.hub.large
            else one
            for one in wanted["objects"]
        ]
        self.send_json({"transfer": "basic", "objects": objects})

    def lfs_put(self, sha256: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != sha256:
            raise RefusalError(400, message="another sha256")
        self.hub.large[sha256] = self.body
        self.send(b"")

    def lfs_verify(self, sha256: str) -> None:
        if len(self.hub.large[sha256]) != json.loads(self.body)["size"]:
            raise RefusalError(422, message="another size")
        self.send_json({})

    def lfs_get(self, sha256: str) -> None:
        self.send(self.hub.large[sha256])

    def commit(self, name: str, branch: str) -> None:
        self.check_token(name.partition("/")[0])
        repository, _ = self.repository(name, branch)
        header, *operations = map(json.loads, self.body.decode().splitlines())
        files = {}
        for operation in operations:
            value = operation["value"]
            content = base64.b64decode(value["content"]) if "content" in value else self.hub.large[value["oid"]]
            files[value["path"]] = content
        made = repository.commit(branch, files, header["value"]["summary"])
        self.send_json({"success": True, "commitOid": made, "commitUrl": f"{self.hub.address}/{name}/commit/{made}"})

    def info(self, name: str, revision: str = "main") -> None:
        repository, commit = self.repository(name, revision)
        siblings = [{"rfilename": path} for path in repository.commits[commit]]
        self.send_json({"id": name, "sha": commit, "private": repository.private, "siblings": siblings})

    def tree(self, name: str, revision: str) -> None:
        repository, commit = self.repository(name, revision)
        self.send_json([_entry(path, content) for path, content in sorted(repository.commits[commit].items())])

    def resolve(self, name: str, revision: str, path: str) -> None:
        repository, commit = self.repository(name, revision)
        if path not in repository.commits[commit]:
            raise RefusalError(404, "EntryNotFound", "Entry not found")
        content = repository.commits[commit][path]
        entry = _entry(path, content)
        headers = {"X-Repo-Commit": commit, "ETag": f'"{entry["oid"]}"'}
        if "lfs" not in entry:
            self.send(content, headers=headers)
            return
        sha256 = entry["lfs"]["oid"]
        self.hub.large[sha256] = content
        headers |= {"X-Linked-Etag": f'"{sha256}"', "X-Linked-Size": str(len(content))}
        self.send(b"", 302, {**headers, "Location": f"{self.hub.large_address}/lfs/{sha256}"})


def _entry(path: str, content: bytes) -> dict:
    """A file in the listing of a repository."""
    blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
    entry = {"type": "file", "path": path, "size": len(content), "oid": blob}
    if path.endswith(LARGE):
        sha256 = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 130}
    return entry


NAME = r"([\w.-]+/[\w.-]+)"
ROUTES = (
    ("POST", "/api/repos/create", Handler.create),
    ("POST", "/api/validate-yaml", Handler.validate),
    ("POST", f"/api/models/{NAME}/branch/([^/]+)", Handler.branch),
    ("POST", f"/api/models/{NAME}/preupload/([^/]+)", Handler.preupload),
    ("POST", f"/api/models/{NAME}/commit/([^/]+)", Handler.commit),
    ("GET", f"/api/models/{NAME}", Handler.info),
    ("GET", f"/api/models/{NAME}/revision/([^/]+)", Handler.info),
    ("GET", f"/api/models/{NAME}/tree/([^/]+)", Handler.tree),
    ("POST", rf"/{NAME}\.git/info/lfs/objects/batch", Handler.lfs_batch),
    ("PUT", r"/lfs/(\w+)", Handler.lfs_put),
    ("POST", r"/lfs/(\w+)/verify", Handler.lfs_verify),
    ("GET", r"/lfs/(\w+)", Handler.lfs_get),
    ("GET", f"/{NAME}/resolve/([^/]+)/(.+)", Handler.resolve),
)


@contextmanager
def stand_in_hub() -> Iterator[Hub]:
    """Serve a hub, on a port of its own, while the context lasts."""
    hub = Hub()
    handler = type("HandlerOfOneHub", (Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.address, hub.large_address = (f"http://{name}:{server.server_port}" for name in ("127.0.0.1", "localhost"))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join(20)


def environment(hub: Hub | None, home: Path, token: str | None = TOKEN) -> dict[str, str]:
    """The variables that make ``huggingface_hub`` use a stand-in; None: there is no network."""
    variables = {
        "HF_ENDPOINT": hub.address if hub else "http://127.0.0.1:9",
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    return {**variables, "HF_TOKEN": token} if token else variables
