"""The command `config schema`: what a configuration may say, for editors."""

from __future__ import annotations

import argparse
import json

from auditor.cli.console import print_text
from auditor.config.schema import build_schema


def print_schema(args: argparse.Namespace) -> int:  # noqa: ARG001 - as every command
    """Print the JSON Schema of the configuration."""
    print_text(encode_schema())
    return 0


def encode_schema() -> str:
    """Return the JSON Schema of the configuration as text, with a line break at its end."""
    return json.dumps(build_schema(), indent=2, ensure_ascii=False) + "\n"
