# SPDX-License-Identifier: BSD-3-Clause
"""Questions, their answers, and the report of a run: JSON to compare, Markdown to read."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

AS_ASSUMED = "as assumed"
DIFFERS = "differs"
MEASURED = "measured"
NOT_ANSWERED = "not answered"
SKIPPED = "skipped"

_ORDER = (DIFFERS, NOT_ANSWERED, AS_ASSUMED, MEASURED, SKIPPED)


class Differs(AssertionError):
    """The answer is not the one that is assumed, and that may cost traffic."""


@dataclass(frozen=True)
class Question:
    """What a case asks.

    Attributes:
        assumed: the answer on which Sallyport is built; empty: none is, any number is good.
        reference: where the docs assume it.
        costs_traffic: whether another answer could cost traffic, and not just speed.
    """

    text: str
    assumed: str
    reference: str
    costs_traffic: bool = False


def question(text: str, *, assumed: str = "", reference: str,
             costs_traffic: bool = False) -> pytest.MarkDecorator:
    """Marks a case with what it asks."""
    return pytest.mark.question(Question(text, assumed, reference, costs_traffic))


@dataclass
class Answer:
    """What came out. A case says `assumed_is` or `measured_only` at its end."""

    name: str
    question: Question
    how: str
    verdict: str = NOT_ANSWERED
    words: str = ""
    figures: dict[str, Any] = field(default_factory=dict)
    #: Other parts of the answer that differ.
    differences: list[str] = field(default_factory=list)

    def figure(self, name: str, value: Any) -> None:
        """Writes down a figure, whatever it will mean."""
        self.figures[name] = value

    def assumed_is(self, right: bool, words: str) -> None:
        """The answer is the one that is assumed, or not.

        Raises:
            Differs: it is not, and that may cost traffic.
        """
        self.verdict = AS_ASSUMED if right else DIFFERS
        self.words = words
        if not right and self.question.costs_traffic:
            raise Differs(f"assumed: {self.question.assumed}; found: {words}")

    def measured_only(self, words: str) -> None:
        """A figure for which nothing is assumed."""
        self.verdict = MEASURED
        self.words = words


def how_of(function: Callable[..., Any]) -> str:
    """The `Steps` of a case's docstring, as one line."""
    lines = (inspect.getdoc(function) or "").splitlines()
    steps: list[str] = []
    inside = False
    for line in lines:
        if line.strip() in ("Steps:", "Verify:"):
            inside = line.strip() == "Steps:"
        elif inside and line.strip():
            steps.append(line.strip().removeprefix("* "))
    return " ".join(steps)


class Report:
    """The answers of a run, written after each of them: a run that is broken off keeps its own."""

    def __init__(self, folder: Path, facts: dict[str, Any]) -> None:
        self.folder = folder
        self.facts = facts
        self.answers: list[Answer] = []
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, answer: Answer) -> None:
        self.answers.append(answer)
        self.write()

    def write(self) -> None:
        document = {"facts": self.facts, "answers": [asdict(answer) for answer in self.answers]}
        self._replace("answers.json", json.dumps(document, indent=2, default=str) + "\n")
        self._replace("answers.md", self.markdown())

    def _replace(self, name: str, text: str) -> None:
        new = self.folder / f".{name}"
        new.write_text(text, encoding="utf-8")
        os.replace(new, self.folder / name)

    def count(self, verdict: str) -> int:
        return sum(answer.verdict == verdict for answer in self.answers)

    def summary(self) -> str:
        """One line of counts."""
        return ", ".join(f"{self.count(verdict)} {verdict}" for verdict in _ORDER)

    def markdown(self) -> str:
        lines = ["# Answers of a card", "", f"{self.summary()}.", ""]
        lines += ["| fact | |", "| --- | --- |"]
        lines += [f"| {_cell(name)} | {_cell(value)} |" for name, value in self.facts.items()]
        for verdict in _ORDER:
            answers = [answer for answer in self.answers if answer.verdict == verdict]
            if not answers:
                continue
            lines += ["", f"## {verdict.capitalize()}", "",
                      "| question | assumed | found | figures | case |",
                      "| --- | --- | --- | --- | --- |"]
            for answer in answers:
                mark = " **!**" if answer.question.costs_traffic else ""
                figures = "; ".join(f"{name}: {value}" for name, value in answer.figures.items())
                lines.append("| " + " | ".join(_cell(text) for text in (
                    answer.question.text + mark,
                    f"{answer.question.assumed or 'nothing'} ({answer.question.reference})",
                    answer.words, figures, f"`{answer.name}`")) + " |")
        lines += ["", "## How", ""]
        lines += [f"- `{answer.name}`: {answer.how}" for answer in self.answers if answer.how]
        return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    text = " ".join(str(value).split()).replace("|", "\\|")
    return text if len(text) <= 600 else text[:600] + "..."
