"""Documents of blocks of other kinds than Keras, and what their comparison comes to."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from auditor.drift.block_kinds import kind_of
from auditor.drift.canonical import split
from auditor.drift.difference import Difference, find_difference
from auditor.drift.secrets import Secrets, find_secrets
from auditor.model import BlockKindName, Finding, Snapshot
from tests.kinds import sample_answer, sample_entry

Document = dict[str, Any]
Edit = Callable[[Document], object]
_SECRETS = Secrets(b"k" * 32)
_SAMPLES = {
    BlockKindName.ANOMALY: ("anomaly", "learnBlocks"),
    BlockKindName.VLM: ("vlm", "learnBlocks"),
    BlockKindName.INPUT: ("", "inputBlocks"),
    BlockKindName.PROCESSING: ("dsp-spectral-analysis", "dspBlocks"),
    BlockKindName.POST_PROCESSING: ("post-processing", "postProcessingBlocks"),
}


def sample_of(name: BlockKindName) -> tuple[Document, Document]:
    """Return the answer of a sample block, and its entry in the listing."""
    answer, entry = _SAMPLES[name]
    return sample_answer(answer) if answer else {}, sample_entry(entry)


def document_of(name: BlockKindName) -> Document:
    """Return the document of a sample block."""
    answer, entry = sample_of(name)
    return copy.deepcopy(kind_of(name).compose(entry, answer))


def parameter(document: Document, param: str) -> Document:
    """Return a parameter of a processing or post-processing block."""
    items = [item for group in document.get("config", ()) for item in group["items"]]
    items += document.get("parameters", ())
    found: Document = next(item for item in items if item["param"] == param)
    return found


def snapshot_of(name: BlockKindName, document: Document, type_: str = "") -> Snapshot:
    """Return a document as it is stored."""
    parts = split(document, kind_of(name), listed_type=type_)
    return _SECRETS.including(find_secrets(parts)).take_snapshot(parts)


def edited_document(name: BlockKindName, *edits: Edit) -> Document:
    """Return the document of a sample block after edits."""
    document = document_of(name)
    for edit in edits:
        edit(document)
    return document


def difference(name: BlockKindName, *edits: Edit) -> Difference:
    """Return what edits of a sample come to."""
    old = snapshot_of(name, document_of(name))
    new = snapshot_of(name, edited_document(name, *edits))
    return find_difference(old, new, secrets=_SECRETS)


def findings_of(name: BlockKindName, *edits: Edit) -> list[tuple[str, str, str, str]]:
    """Return path, area, severity and owner of each finding."""
    return [brief(finding) for finding in difference(name, *edits).findings]


def brief(finding: Finding) -> tuple[str, str, str, str]:
    """Return what identifies a finding in an expectation."""
    return finding.path, str(finding.area), str(finding.severity), str(finding.owner)
