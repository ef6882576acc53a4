# SPDX-License-Identifier: BSD-3-Clause
"""What all suites share: options, clean-up of killed runs, and the report of a failed case."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from api import debian13, nic, sallyport, uml_peer
from api.nic import Nic
from framework.namespace import remove_leftovers
from framework.process import journal

_SHOWN_AT_FAILURE = ("show drop", "show uplink", "show port stats all", "show tenant all",
                     "show fdb", "show vtep", "show nexthop", "show eswitch", "show flow", "show ipsec sa", "show ipsec stats")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("sallyport")
    group.addoption("--nic", choices=[choice.value for choice in Nic], default=Nic.SOFTWARE.value,
                    help="what the hypervisors have: software alone, or the simulated card of "
                         "docs/mlx5sim.md (default: %(default)s)")
    group.addoption("--hostile-packets", type=int, default=20000, metavar="N",
                    help="mutated packets of each kind, outer and inner (default: %(default)s)")
    group.addoption("--hostile-rate", type=int, default=20000, metavar="PPS",
                    help="mutated packets per second (default: %(default)s)")
    group.addoption("--hostile-seed", type=int, default=1, metavar="N",
                    help="start of the random sequence of mutations (default: %(default)s)")
    group.addoption("--rekeys", type=int, default=5, metavar="N",
                    help="rekeys at half load, one a second (default: %(default)s)")
    group.addoption("--failovers", type=int, default=100, metavar="N",
                    help="failovers under load (default: %(default)s)")
    group.addoption("--flap-seconds", type=int, default=10, metavar="N",
                    help="for how long a link flaps (default: %(default)s)")


def pytest_configure(config: pytest.Config) -> None:
    nic.choose(Nic(config.getoption("--nic")))
    if reason := nic.why_not():
        pytest.exit(reason, returncode=4)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What the topology has no place for: cases of the card are not for software, and of those that
    are software's alone each says why."""
    if not nic.simulated():
        ours = [item for item in items if item.get_closest_marker("card_only") is None]
        config.hook.pytest_deselected(items=[item for item in items if item not in ours])
        items[:] = ours
        return
    for item in items:
        if (marker := item.get_closest_marker("software_only")) is not None:
            item.add_marker(pytest.mark.skip(reason=f"software only: {marker.args[0]}"))


def pytest_sessionstart(session: pytest.Session) -> None:
    if os.geteuid() != 0:
        pytest.exit("the suites make network namespaces: run them as root", returncode=4)
    # A terminated run takes its namespaces down like an interrupted one.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    remove_leftovers()


def pytest_report_header(config: pytest.Config) -> str:
    folder = debian13.build() if nic.simulated() else sallyport.build_folder()
    return f"nic: {config.getoption('--nic')}, binaries: {folder}"


@pytest.fixture(autouse=True)
def _fresh_journal() -> Iterator[None]:
    journal.append("---")
    yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    report.sections.append(("what was done, last things last", "\n".join(journal)))
    for guest in uml_peer.running:
        report.sections.append((f"console of {guest.label}", guest.console()[-6000:]))
    for process in sallyport.running:
        label = process.namespace.label
        report.sections.append((f"log of {label}", process.log()[-20000:]))
        for command in _SHOWN_AT_FAILURE:
            try:
                answer = process.shell.run(command, check=False).output
            except AssertionError as failure:
                answer = str(failure)
            report.sections.append((f"{label}: {command}", answer))
