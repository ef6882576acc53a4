# SPDX-License-Identifier: BSD-3-Clause
"""The run against a card: options, the bed, and an answer for each case."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from card import host_checks
from card.answers import NOT_ANSWERED, SKIPPED, Answer, Report, how_of
from card.bed import Bed
from card.host import Host
from card.nodes import NodesError, load
from card.ports import MultiportCard
from card.session import SshSession
from framework.process import journal

_PLAYED = "played"
_report = pytest.StashKey[Report]()
_answer = pytest.StashKey[Answer]()
_bed = pytest.StashKey[Bed]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("card")
    group.addoption("--nodes", metavar="FILE",
                    help="the two hosts, as card/nodes.example.yaml; `played`: two network "
                         "namespaces of this machine, to try the questions themselves")
    group.addoption("--results", type=Path, metavar="FOLDER",
                    help="where the answers go (default: card-results/ and the time)")
    group.addoption("--tenants", type=int, default=1000, metavar="N",
                    help="tenants in the questions that ask for many (default: %(default)s)")
    group.addoption("--rules", type=int, default=100000, metavar="N",
                    help="fdb entries in the questions that ask for many (default: %(default)s)")
    group.addoption("--seconds", type=int, default=10, metavar="N",
                    help="length of a measurement of a rate (default: %(default)s)")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "question(question): what a case asks")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--nodes", None):
        return
    for item in items:
        if item.get_closest_marker("question"):
            item.add_marker(pytest.mark.skip(reason="needs two hosts with cards: --nodes FILE"))


@contextlib.contextmanager
def _connected(config: pytest.Config, folder: Path) -> Iterator[Bed]:
    with contextlib.ExitStack() as stack:
        if config.getoption("--nodes") == _PLAYED:
            from card import played  # needs root and a build, which real hosts do not
            yield stack.enter_context(played.bed(folder))
            return
        nodes = load(Path(config.getoption("--nodes")))
        hosts = [stack.enter_context(Host(SshSession(host))) for host in nodes.hosts]
        complaints = [complaint for host, node in zip(hosts, nodes.hosts)
                      for complaint in host_checks.complaints(host_checks.facts(host, node), node,
                                                              nodes.underlay_mtu)]
        if complaints:
            pytest.exit("the hosts are not ready:\n" + "\n".join(complaints), returncode=4)
        yield Bed(nodes, (hosts[0], hosts[1]),
                  (MultiportCard(hosts[0], nodes.hosts[0]), MultiportCard(hosts[1],
                                                                          nodes.hosts[1])), folder)


@pytest.fixture(scope="session")
def bed(request: pytest.FixtureRequest) -> Iterator[Bed]:
    """Both hosts, from the first question to the last."""
    config = request.config
    folder = config.getoption("--results")
    if folder is None:
        folder = Path("card-results", time.strftime("%Y%m%d-%H%M%S"))
        folder.mkdir(parents=True)
        Path("card-results", ".gitignore").write_text("*\n", encoding="ascii")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _connected(config, folder) as bed:
            report = Report(folder, _facts(config, bed))
            config.stash[_report] = report
            config.stash[_bed] = bed
            yield bed
    except NodesError as error:
        pytest.exit(str(error), returncode=4)


def _facts(config: pytest.Config, bed: Bed) -> dict[str, Any]:
    facts: dict[str, Any] = {"when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    if not bed.hardware:
        facts["hosts"] = "played: these answers say nothing of a card"
    facts["cables"] = "p0 {}, p1 {}".format(*bed.nodes.cables)
    for host, node in zip(bed.hosts, bed.nodes.hosts):
        for name, value in host_checks.versions(host, node, bed.hardware).items():
            facts[f"{host.name}: {name}"] = value
    return facts


@pytest.fixture
def answer(request: pytest.FixtureRequest, bed: Bed) -> Answer:
    """Where a case writes down what it finds."""
    journal.append("---")
    marker = request.node.get_closest_marker("question")
    name = request.node.nodeid.split("::", 1)[-1].replace("::", ".")
    answer = Answer(name, marker.args[0], how_of(request.function))
    request.node.stash[_answer] = answer
    return answer


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()
    answer = item.stash.get(_answer, None)
    if answer is None:
        return
    if report.skipped:
        answer.verdict, answer.words = SKIPPED, str(call.excinfo.value) if call.excinfo else ""
    elif report.failed and call.excinfo is not None and answer.verdict == NOT_ANSWERED:
        answer.words = str(call.excinfo.value)[:1000]
    elif report.failed and report.when == "teardown":
        answer.words += f"; afterwards: {call.excinfo.value if call.excinfo else ''}"[:1000]
    if report.failed:
        report.sections.append(("what was done, last things last", "\n".join(journal)))
    if report.when == "teardown":
        item.config.stash[_report].add(answer)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Keeps the processes' logs of a case that fails, before its bed is taken down."""
    outcome = yield
    bed = item.config.stash.get(_bed, None)
    if outcome.excinfo is None or bed is None or outcome.excinfo[0] is pytest.skip.Exception:
        return
    for hypervisor in bed.running:
        if hypervisor.sallyport is not None:
            with contextlib.suppress(AssertionError):
                path = bed.folder / f"{item.name}-{hypervisor.host.name}.log".replace("/", "_")
                path.write_text(hypervisor.sallyport.log(), encoding="utf-8")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    report = config.stash.get(_report, None)
    if report is None:
        return
    terminalreporter.section("answers")
    for answer in report.answers:
        terminalreporter.line(f"{answer.verdict:13} {answer.name}: {answer.words[:200]}")
    terminalreporter.line(f"\n{report.summary()}; {report.folder / 'answers.md'}")


@pytest.fixture
def tenants(request: pytest.FixtureRequest) -> int:
    """`--tenants`"""
    return request.config.getoption("--tenants")


@pytest.fixture
def rules(request: pytest.FixtureRequest) -> int:
    """`--rules`"""
    return request.config.getoption("--rules")


@pytest.fixture
def seconds(request: pytest.FixtureRequest) -> int:
    """`--seconds`"""
    return request.config.getoption("--seconds")
