"""Models on the Hugging Face Hub: ``hf://owner/name``, downloaded and uploaded by ``huggingface_hub``.

That package is imported, and the network used, only when a model there is asked for. It keeps what it downloaded in its
cache; its variables ``HF_HOME``, ``HF_TOKEN``, ``HF_ENDPOINT`` and ``HF_HUB_OFFLINE`` apply.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

from tagsmith.errors import MissingExtraError, ModelError, visible
from tagsmith.model.card import THIS_FOLDER, UNNAMED

PREFIX = "hf:/"  # as a path has it, in which several slashes are one
NAME = r"\w(?:[\w.-]*\w)?"
# As ``huggingface_hub.utils.parse_hf_uri``: a slash in a revision is %2F, but for the refs that the Hub itself makes.
REVISION = r"refs/(?:pr|convert)/[^/@]+|[^/@]+"
SUBFOLDER = r"[^@\x00-\x1f\x7f-\x9f]+"
ON_HUB = re.compile(
    rf"(?:models/)?(?P<repository>{NAME}/{NAME})(?:@(?P<revision>{REVISION}))?(?:/(?P<subfolder>{SUBFOLDER}))?",
    re.ASCII,
)
NO_REVISION = re.compile(r"\.\.|[\x00-\x20\x7f~^:?*\[\\]")  # git has none like that
CARD = "README.md"
LOG_IN = "log in with 'hf auth login', or set HF_TOKEN"


@dataclass(frozen=True)
class HubName:
    """Where a model is on the Hub."""

    repository: str  # owner/name
    revision: str | None = None  # a branch, a tag or a commit; None: the newest of main
    subfolder: str = ""

    def __str__(self) -> str:
        name = f"hf://{self.repository}"
        if self.revision:
            name += "@" + quote(self.revision, safe="/" if self.revision.startswith("refs/") else "")
        return f"{name}/{self.subfolder}" if self.subfolder else name

    @property
    def name(self) -> str:
        """What it is called where the owner is clear: the last part."""
        return PurePosixPath(self.repository, self.subfolder).name


def hub_name(folder: str | Path) -> HubName | None:
    """Read ``hf://owner/name``, ``…@revision`` and ``…/folder/in/it``; None if it is an ordinary path.

    Raises ModelError: it begins like that and goes on in another way.
    """
    path = f"{Path(folder).as_posix()}/"
    if not path.startswith(PREFIX):
        return None
    path = path.rstrip("/")
    found = ON_HUB.fullmatch(path.removeprefix(PREFIX))
    revision = found["revision"] and unquote(found["revision"]) if found else None
    if (
        not found
        or found["repository"].startswith(("datasets/", "spaces/"))
        or ".." in PurePosixPath(path).parts
        or (revision and NO_REVISION.search(revision))
    ):
        remedy = "Write hf://OWNER/NAME, and behind it @REVISION or /FOLDER if needed."
        raise ModelError("this is no name of a model on the Hub.", path=visible(f"hf://{path[4:]}"), remedy=remedy)
    return HubName(found["repository"], revision, found["subfolder"] or "")


def download(wanted: HubName, files: Sequence[str], required: Sequence[str]) -> Path:
    """Return the folder in the cache that has the files of a model, downloaded if they are not there.

    Raises ModelError: the repository cannot be read, or lacks a file of ``required``; MissingExtraError.
    """
    hub = _huggingface_hub(f"Loading {wanted}")
    inside = f"{wanted.subfolder}/" if wanted.subfolder else ""
    with _errors_of(wanted):
        snapshot = hub.snapshot_download(
            wanted.repository,
            revision=wanted.revision,
            allow_patterns=[escape(inside + name) for name in files],
            **_library(),
        )
    folder = Path(snapshot, wanted.subfolder)
    if missing := [name for name in required if not (folder / name).exists()]:
        raise ModelError(
            f"there is no tagsmith model: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing.",
            path=str(wanted),
            remedy="Name a repository that Tagger.push_to_hub made, and the folder in it if it has several models.",
        )
    return folder


def upload(
    files: Mapping[str, bytes],
    repository: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    commit_message: str | None = None,
    token: str | None = None,
    metadata: Mapping[str, Any],
) -> str:
    """Make a repository if there is none, and put files there in one commit, the card with metadata added.

    Arguments and errors are those of :meth:`tagsmith.tagging.tagger.Tagger.push_to_hub`.
    """
    hub = _huggingface_hub(f"Pushing to {repository}")
    card = _with_metadata(hub, files[CARD].decode("utf-8", "replace"), metadata)
    with _errors_of(repository):
        api = hub.HfApi(token=token, **_library())
        url = api.create_repo(repository, exist_ok=True, **({} if private is None else {"private": private}))
        card = card.replace(f'load("{THIS_FOLDER}")', f'load("{HubName(url.repo_id, revision)}")')
        if revision is not None and not revision.startswith("refs/"):
            api.create_branch(url.repo_id, branch=revision, exist_ok=True)
        content = {**files, CARD: card.encode()}
        api.create_commit(
            url.repo_id,
            [hub.CommitOperationAdd(name, content[name]) for name in sorted(content)],
            commit_message=commit_message or "Upload a tagsmith model",
            revision=revision,
        )
    return str(url)


def _with_metadata(hub: Any, card: str, metadata: Mapping[str, Any]) -> str:
    """Add what the user says of the model to the metadata of its card."""
    if not (said := {name: value for name, value in metadata.items() if value is not None}):
        return card
    for name, value in said.items():
        several = isinstance(value, Sequence) and name != "license" and all(isinstance(one, str) for one in value)
        if not (isinstance(value, str) or several) or not value:
            raise ModelError(f"{name} is {value!r}.", remedy=f"Give a text{'' if name == 'license' else ' or texts'}.")
    try:
        parsed = hub.ModelCard(card)
    except Exception as error:  # PyYAML's own, or a ValueError
        problem = f"the metadata of the model card cannot be read: {' '.join(str(error).split())}."
        remedy = "Mend the lines between the first two '---'."
        raise ModelError(problem, path=CARD, remedy=remedy) from error
    for name, value in said.items():
        setattr(parsed.data, name, value if isinstance(value, str) else list(value))
    datasets = parsed.data.datasets
    if "datasets" in said and (isinstance(datasets, str) or len(datasets) == 1):
        dataset = datasets if isinstance(datasets, str) else datasets[0]
        for result in parsed.data.eval_results or ():
            if result.dataset_type == UNNAMED:
                result.dataset_type = result.dataset_name = dataset
    return str(parsed)


def _huggingface_hub(doing: str) -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingExtraError(doing, "hf") from error
    return huggingface_hub


def _library() -> dict[str, str]:
    """What the Hub is told of the program, besides the versions that ``huggingface_hub`` names."""
    from tagsmith import __version__

    return {"library_name": "tagsmith", "library_version": __version__}


@contextmanager
def _errors_of(place: HubName | str) -> Iterator[None]:
    """Let what goes wrong between here and the Hub be a :class:`ModelError` that names the repository."""
    from huggingface_hub import utils

    try:
        yield
    except ModelError:
        raise
    except Exception as error:  # requests, httpx and the Hub's own errors have no other class in common
        problem, remedy = _explained(error, utils, place)
        raise ModelError(visible(problem), path=str(place), remedy=remedy) from error


def _explained(error: Exception, utils: Any, place: HubName | str) -> tuple[str, str]:
    """What is wrong, and the remedy."""
    cause = error
    if isinstance(error, RuntimeError | utils.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        cause = error.__cause__  # why it was not downloaded, or one file of several was not uploaded
    match cause:
        case utils.GatedRepoError():
            return "its owner has to let you in first.", f"Ask for access on its page on the Hub, then {LOG_IN}."
        case utils.RepositoryNotFoundError():
            remedy = f"Check the name; if it is private, {LOG_IN}."
            return "there is no such repository on the Hub, or you may not read it.", remedy
        case utils.RevisionNotFoundError():
            revision = place.revision if isinstance(place, HubName) else ""
            return f"the repository has no revision {revision}.", "Name a branch, a tag or a commit that it has."
        case utils.OfflineModeIsEnabled() | utils.LocalEntryNotFoundError():
            problem = "it is not in the cache, and HF_HUB_OFFLINE keeps it from being downloaded."
            return problem, "Load it once without that variable."
        case utils.HFValidationError():
            return "this is no name of a repository.", "Write OWNER/NAME, in letters, digits, '-', '_' and '.'."
    return _unnamed(cause)


def _unnamed(error: Exception) -> tuple[str, str]:
    """What is wrong where the client has no name for it."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    said = " ".join(str(getattr(error, "server_message", None) or error).split()).rstrip(".")
    if said.startswith("Invalid metadata"):
        return f"the Hub refuses the model card: {said}.", "Change what you say of it, or the README.md of the model."
    if status in (401, 403):
        remedy = f"{LOG_IN[0].upper()}{LOG_IN[1:]}; to push, take a token that may write."
        return f"the Hub refuses that to you: {said}.", remedy
    if status is not None:
        return f"the Hub answers {status}: {said}.", "Try again later."
    if isinstance(error, OSError) and (error.filename or error.errno == errno.ENOSPC):
        return f"it cannot be kept in the cache: {said}.", "Check the disk, or name another folder with HF_HOME."
    return f"the Hub cannot be reached: {said}.", "Check the network, and HF_ENDPOINT if it is set."
