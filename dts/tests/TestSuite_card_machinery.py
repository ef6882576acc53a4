# SPDX-License-Identifier: BSD-3-Clause
"""What asks the questions of a card: tried without one, so that a machine with one is not needed
to find its mistakes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from api.config import TenantConfig, VmPortConfig
from api.sallyport import binary
from card import analysis, host_checks, nodes, played, testpmd
from card.answers import AS_ASSUMED, DIFFERS, Answer, Differs, Question, Report, how_of
from card.bed import Bed
from card.host import Host
from card.hypervisor import Hypervisor
from card.ports import MultiportCard
from card.sallyport import RemoteSallyport
from card.session import PlayedSession, Session, SessionError, SshSession
from framework.namespace import Namespace
from framework.process import CommandError, run, wait_until

pytestmark = pytest.mark.software_only("network namespaces play the card")

DTS = Path(__file__).resolve().parents[1]
EXAMPLE = DTS / "card" / "nodes.example.yaml"


class TestNodesFile:
    """The YAML file of the two hosts."""

    def test_example(self) -> None:
        """The example is right.

        Steps:
            * Load it.
        Verify:
            * Both hosts are there, with what they do not say by default.
        """
        loaded = nodes.load(EXAMPLE)
        assert [host.name for host in loaded.hosts] == ["a", "b"]
        assert loaded.hosts[0].pci == "0000:08:00.0" and loaded.hosts[0].interfaces is None
        assert (loaded.cables, loaded.underlay_mtu, loaded.vni) == (("direct", "direct"), 1600, 100)

    @pytest.mark.parametrize("was,now,sentence", [
        ("user: root", "user: root\n    usr: x", "hosts[0].usr: unknown key; known here: name, "),
        ("    user: root\n", "", "hosts[0].user: missing; a text is wanted"),
        ("# port: 22", "port: many", "hosts[0].port: a number is wanted, not the text 'many'"),
        ("# port: 22", "port: true", "hosts[0].port: a number is wanted, not true or false"),
        ("# port: 22", "port: 70000", "hosts[0].port: 70000 is not from 1 to 65535"),
        ("# sudo: true", "sudo: 1", "hosts[0].sudo: true or false is wanted, not the number 1"),
        ("# identity: ~/.ssh/id_ed25519", "identity: /nowhere", "hosts[0].identity: there is no "
                                                               "file /nowhere"),
        ('"0000:08:00.0"', "0000:08:00.0", "hosts[0].pci: a text is wanted, not the number 480.0; "
                                           "put it in quotes"),
        ('"0000:08:00.0"', '"08:00.0"', "hosts[0].pci: '08:00.0' is no PCI address"),
        ("hostname: 198.51.100.11", "hostname:", "hosts[0].hostname: a text is wanted, not "
                                                 "nothing"),
        ("hostname: 198.51.100.11", "hostname: -oProxyCommand=x", "hosts[0].hostname: "),
        ("vfs: [0, 1, 2]", "vfs: [0, x]", "hosts[0].vfs[1]: a number is wanted, not the text 'x'"),
        ("vfs: [0, 1, 2]", "vfs: []", "hosts[0].vfs: numbers of VFs are wanted"),
        ("vfs: [0, 1, 2]", "vfs: 3", "hosts[0].vfs: a list is wanted, not the number 3"),
        ("192.0.2.1/24", "192.0.2.1", "hosts[0].underlay: '192.0.2.1' is no IPv4 address with a "),
        ("192.0.2.2/24", "192.0.2.1/24", "hosts[1].underlay: 192.0.2.1 is the address of both"),
        ("2001:db8::2/64", "2001:db9::2/64", "hosts[1].underlay6: 2001:db9::2/64 is not in"),
        ("name: b", "name: a", "hosts[1].name: 'a' is the name of both"),
        ("p1: direct", "p1: wifi", "cables.p1: 'wifi' is neither direct nor switch"),
        ("  p1: direct\n", "", "cables.p1: missing; a text is wanted"),
        ("# underlay_mtu: 1600", "underlay_mtu: 100", "underlay_mtu: 100 is not from 1280 to 9702"),
        ("cables:", "hosts:", "no YAML: hosts stands twice"),
        ("cables:", "cables", "no YAML: "),
        ("# interfaces: [enp8s0f0np0, enp8s0f1np1]", "interfaces: [x, x]",
         "hosts[0].interfaces: two are wanted"),
    ])
    def test_mistake(self, tmp_path: Path, was: str, now: str, sentence: str) -> None:
        """One mistake, one sentence with the file and the key.

        Steps:
            * Change the example in one place; load it.
        Verify:
            * The sentence begins with the file and says what is wrong.
        """
        text = EXAMPLE.read_text()
        assert was in text
        file = tmp_path / "nodes.yaml"
        file.write_text(text.replace(was, now, 1))
        with pytest.raises(nodes.NodesError) as refused:
            nodes.load(file)
        words = str(refused.value)
        assert words.startswith(str(file)) and sentence in words, words
        assert "\n" not in words

    @pytest.mark.parametrize("text,sentence", [
        ("", "a mapping is wanted, not nothing"), ("[]", "a mapping is wanted, not a list"),
        ("hosts: [1]", "hosts: two are wanted, and 1 there"),
        ("hosts: [1, 2]", "hosts[0]: a mapping is wanted, not the number 1")])
    def test_no_hosts(self, tmp_path: Path, text: str, sentence: str) -> None:
        """Files that are something else.

        Steps:
            * Load them, and one that is not there.
        Verify:
            * Each is refused in a sentence.
        """
        file = tmp_path / "nodes.yaml"
        with pytest.raises(nodes.NodesError, match="No such file"):
            nodes.load(file)
        file.write_text(text)
        with pytest.raises(nodes.NodesError) as refused:
            nodes.load(file)
        assert sentence in str(refused.value)


class TestAnalysis:
    """Judgements, on made-up captures."""

    def test_stream(self) -> None:
        """Gap, loss, order and duplicates of a numbered stream.

        Steps:
            * Numbers 0 to 19, one each ms; 8 to 10 lost in a gap of 50 ms; 15 after 17; 18 twice.
        Verify:
            * All of it is found.
        """
        numbers = [*range(8), *range(11, 15), 16, 17, 15, 18, 18, 19]
        arrivals = [(index * 1_000_000 + (50_000_000 if number >= 11 else 0), number)
                    for index, number in enumerate(numbers)]
        found = analysis.stream(20, arrivals)
        assert (found.sent, found.received, found.lost, found.duplicates) == (20, 17, 3, 1)
        assert (found.gap_ms, found.lost_in_gap) == (51.0, 3)
        assert (found.reordered, found.latest_by) == (1, 2)

    def test_overtaken_at_the_gap(self) -> None:
        """What was overtaken is not lost.

        Steps:
            * 5 arrives after the gap's far edge.
        Verify:
            * Nothing is lost in the gap.
        """
        found = analysis.stream(8, [(0, 3), (1, 4), (90, 6), (91, 5), (92, 7)])
        assert found.lost_in_gap == 0 and found.reordered == 1 and found.lost == 3

    def test_nothing_came(self) -> None:
        """An empty stream.

        Steps:
            * Ten sent, none received.
        Verify:
            * Ten lost, no gap.
        """
        found = analysis.stream(10, [])
        assert found.lost == 10 and found.gap_ms == 0

    def test_cut_off_arrivals(self) -> None:
        """A receiver's output without its end.

        Steps:
            * Parse it, and a whole one.
        Verify:
            * The first is refused: what is missing would be taken for loss.
        """
        assert analysis.parse_arrivals("listening\n10 0\n20 1\nend\n") == [(10, 0), (20, 1)]
        with pytest.raises(ValueError):
            analysis.parse_arrivals("listening\n10 0\n2")

    @staticmethod
    def packet(sport: int = 50000, ipv6: bool = False, size: int = 100) -> Ether:
        outer = IPv6(src="2001:db8::1", dst="2001:db8::2") if ipv6 else IP(src="192.0.2.1",
                                                                          dst="192.0.2.2")
        return Ether(bytes(Ether() / outer / UDP(sport=sport, dport=4789, chksum=0)
                           / VXLAN(flags=8, vni=100) / Ether() / bytes(size)))

    def test_source_ports(self) -> None:
        """Ports in the order of their use.

        Steps:
            * Packets with ports 1, 1, 2, 2, 2, 1.
        Verify:
            * Three runs: the change back is a change.
        """
        ports = analysis.source_ports(self.packet(port) for port in (1, 1, 2, 2, 2, 1))
        assert ports == [(1, 2), (2, 3), (1, 1)]

    @pytest.mark.parametrize("ipv6", [False, True])
    def test_outer_faults(self, ipv6: bool) -> None:
        """Lengths and checksums that a NIC did not fill in.

        Steps:
            * A right packet; then zero each of the fields.
        Verify:
            * The first has no faults, each of the others the one that was made.
        """
        right = bytes(self.packet(ipv6=ipv6))
        assert analysis.outer_faults(right) == []
        fields = {"UDP length": 58} if ipv6 else {"UDP length": 38, "IPv4 header checksum": 24}
        fields["IPv6 payload length" if ipv6 else "IPv4 total length"] = 18 if ipv6 else 16
        for name, offset in fields.items():
            wrong = right[:offset] + b"\0\0" + right[offset + 2:]
            assert any(name in fault for fault in analysis.outer_faults(wrong)), name
        assert analysis.outer_faults(right + b"\0" * 20)

    def test_counted_octets(self) -> None:
        """What a counter behind DECAP counts.

        Steps:
            * Octets of 1000 packets with and without outer headers, with FCS, and neither.
        Verify:
            * Each is told.
        """
        def of(each: float) -> str:
            return analysis.counted_octets(int(each * 1000), 1000, inner=542, overhead=50)
        assert [of(542), of(546), of(592), of(596), of(570)] == [
            "inner", "inner", "outer", "outer", "neither"]
        assert analysis.counted_octets(0, 0, 542, 50) == "neither"

    def test_shares(self) -> None:
        """Parts of a whole.

        Steps:
            * Software's share of packets, a rate against the wanted one.
        Verify:
            * They are right, and nothing divides by zero.
        """
        assert analysis.software_share(200, 50) == 0.25
        assert analysis.software_share(0, 5) == 0 and analysis.software_share(10, 20) == 1
        assert analysis.relative_error(100e6, 95e6) == pytest.approx(-0.05)

    def test_testpmd_verdict(self) -> None:
        """What testpmd says.

        Steps:
            * Texts of a success, of a refusal, and of a command that it did not understand.
        Verify:
            * Each is told, with the driver's words.
        """
        assert testpmd.verdict("Actions template #1 created") == (True, "made")
        made, words = testpmd.verdict("port_flow_complain(): Caught PMD error type 16 (specific "
                                      "action): not supported: Invalid argument")
        assert made is False and "not supported" in words
        assert testpmd.verdict("Bad arguments")[0] is None


class TestHostChecks:
    """What is said of a host that is not ready."""

    @pytest.fixture
    def ready(self) -> host_checks.HostFacts:
        port = host_checks.PortFacts("mlx5_core", "switchdev", True, "eth0", 9216, True)
        return host_checks.HostFacts(huge_pages_free=4, ports=[port, replace(port)], vfs=4)

    def test_complaints(self, ready: host_checks.HostFacts) -> None:
        """Each fact that is not as it must be.

        Steps:
            * A host that is ready; then one fact after the other is changed.
        Verify:
            * The first has no complaint; the others one, with the command that mends it.
        """
        config = nodes.load(EXAMPLE).hosts[0]

        def said() -> str:
            return "\n".join(host_checks.complaints(ready, config, 1600))
        assert said() == ""
        for owner, field, value, remedy in (
                (ready.ports[1], "mode", "legacy", "pci/0000:08:00.1 mode switchdev"),
                (ready.ports[0], "multiport", False, "esw_multiport value true"),
                (ready.ports[0], "driver", "vfio-pci", "bind it to mlx5_core"),
                (ready.ports[0], "mtu", 1500, "ip link set dev eth0 mtu 1600"),
                (ready.ports[1], "carrier", False, "no carrier"),
                (ready.ports[1], "interface", None, "`interfaces`"),
                (ready, "vfs", 2, "'echo 3'"), (ready, "vfs_without_interface", [1], "pf0vf1"),
                (ready, "huge_pages_free", 0, "hugepages"), (ready, "root", False, "sudo"),
                (ready, "missing_files", ["/x"], "no program /x"),
                (ready, "missing_tools", ["tcpdump"], "apt-get install")):
            before = getattr(owner, field)
            setattr(owner, field, value)
            assert remedy in said() and len(said().splitlines()) == 1, said()
            setattr(owner, field, before)


class TestReport:
    """Answers on paper."""

    def test_files(self, tmp_path: Path) -> None:
        """JSON and Markdown.

        Steps:
            * Three answers, one of them with a pipe in its words, and a fact.
        Verify:
            * JSON has all fields; Markdown has the counts, what differs first, and whole tables.
        """
        report = Report(tmp_path / "new", {"a: kernel": "6.12"})
        for name, right in (("one", True), ("two", False)):
            answer = Answer(name, Question(f"Is {name}?", "yes", "docs/x.md"), "By looking.")
            answer.figure("share", "1|2")
            answer.assumed_is(right, f"it is {right}")
            report.add(answer)
        report.add(Answer("three", Question("How much?", "", "docs/y.md"), ""))
        report.answers[-1].measured_only("much")
        report.write()
        document = json.loads((tmp_path / "new" / "answers.json").read_text())
        assert [entry["verdict"] for entry in document["answers"]] == [
            AS_ASSUMED, DIFFERS, "measured"]
        assert document["answers"][1]["question"]["reference"] == "docs/x.md"
        text = (tmp_path / "new" / "answers.md").read_text()
        assert "1 differs, 0 not answered, 1 as assumed, 1 measured, 0 skipped" in text
        assert text.index("## Differs") < text.index("## As assumed")
        rows = [line for line in text.splitlines() if line.startswith("| Is ")]
        assert len(rows) == 2 and all(row.replace("\\|", "").count("|") == 6 for row in rows)
        assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
            "answers.json", "answers.md"]

    def test_difference_that_costs_traffic(self) -> None:
        """A difference fails a case where it may cost traffic, and only there.

        Steps:
            * The same difference in a question of either kind.
        Verify:
            * One raises, both are written down.
        """
        costly = Answer("x", Question("?", "yes", "docs/x.md", costs_traffic=True), "")
        with pytest.raises(Differs, match="assumed: yes; found: no"):
            costly.assumed_is(False, "no")
        cheap = Answer("x", Question("?", "yes", "docs/x.md"), "")
        cheap.assumed_is(False, "no")
        assert costly.verdict == cheap.verdict == DIFFERS

    def test_answer_of_the_wrong_one(self, tmp_path: Path) -> None:
        """The CPU's forwarding is no answer about the NIC.

        Steps:
            * Half of the packets by the CPU, and fewer, with cards and with played ones.
        Verify:
            * With cards the former is refused.
        """
        class Ports:
            hardware = True
        ports = Ports(), Ports()
        bed = Bed(nodes.load(EXAMPLE), (None, None), ports, tmp_path)  # type: ignore[arg-type]
        bed.by_nic(100, 2)
        with pytest.raises(AssertionError, match="not answered: 50% of the packets"):
            bed.by_nic(100, 50)
        ports[0].hardware = False
        bed.by_nic(100, 100)

    def test_how(self) -> None:
        """The way of measuring comes from the docstring.

        Steps:
            * Take this one's.
        Verify:
            * It has the steps alone.
        """
        assert how_of(self.test_how) == "Take this one's."


SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin")


class SshToNamespace(SshSession):
    """ssh itself, run where the throw-away sshd listens."""

    namespace: Namespace

    def _ssh(self, master: bool) -> list[str]:
        return ["nsenter", f"--net={self.namespace.path}", "--", *super()._ssh(master)]


def start_sshd(namespace: Namespace, folder: Path) -> SshToNamespace:
    """An sshd with generated keys, on the namespace's loopback."""
    for key in ("host", "user"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key))
    shutil.copy(folder / "user.pub", folder / "authorized")
    (folder / "known").write_text("[127.0.0.1]:2222 " + (folder / "host.pub").read_text())
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1:2222\nHostKey {folder}/host\nAuthorizedKeysFile "
        f"{folder}/authorized\nPidFile none\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nPermitRootLogin prohibit-password\n")
    os.makedirs("/run/sshd", exist_ok=True)  # for privilege separation; Debian's unit makes it
    assert SSHD is not None
    namespace.start(SSHD, "-D", "-e", "-f", str(folder / "config"), name="sshd")
    wait_until(lambda: "2222" in namespace.run("ss", "-Hltn").stdout, "sshd listens")
    config = replace(played.config("s", 1), hostname="127.0.0.1", user="root", port=2222,
                     identity=folder / "user")
    session = SshToNamespace(config, "-F", "none", "-o", f"UserKnownHostsFile={folder}/known")
    session.namespace = namespace
    return session


@pytest.fixture(scope="class", params=["played", "ssh"] if SSHD else ["played"])
def session(request: pytest.FixtureRequest,
            tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A way to a host: a namespace that plays it, or ssh to an sshd in a namespace."""
    namespace = Namespace(f"card-{request.param}")
    try:
        if request.param == "played":
            yield PlayedSession("p", namespace)
        else:
            over_ssh = start_sshd(namespace, tmp_path_factory.mktemp("sshd"))
            yield over_ssh
            over_ssh.close()
    finally:
        namespace.delete()


@pytest.fixture
def host(session: Session) -> Iterator[Host]:
    # Sessions outlive hosts here: what closes them is tried below.
    host = Host(session)
    close, session.close = session.close, lambda: None  # type: ignore[method-assign]
    try:
        with host:
            yield host
    finally:
        session.close = close  # type: ignore[method-assign]


def marked(folder: str) -> bool:
    """Whether a process that a host has started still runs."""
    return run("sh", "-c", f"grep -lszE '^CARD_RUN={folder}' /proc/[0-9]*/environ",
               check=False).stdout != ""


class TestHost:
    """Commands, files and processes on a host, and that nothing of them stays."""

    def test_commands(self, host: Host) -> None:
        """Words come through as they are.

        Steps:
            * Commands with blanks, quotes and newlines; one that fails; one that takes too long.
        Verify:
            * Output and status are right; failures name the host and what it said.
        """
        words = ["a b", "it's", '"', "$HOME", "new\nline", ""]
        assert host.run("printf", "%s|", *words).stdout == "|".join(words) + "|"
        assert host.run("sh", "-c", "exit 3", check=False).status == 3
        with pytest.raises(CommandError, match=f"exit status 2: {host.name}: ls"):
            host.run("ls", "/nowhere")
        with pytest.raises(CommandError, match="still running after"):
            host.run("sleep", "98765", timeout=0.3)
        assert run("pgrep", "-f", "^sleep 98765", check=False).stdout == ""
        assert host.has("sh", "no-such-tool") == ["no-such-tool"]

    def test_files(self, host: Host) -> None:
        """All octets survive both ways.

        Steps:
            * Put 256 octets and read them back; run an agent.
        Verify:
            * They are the same; they lie in the temporary folder.
        """
        data = bytes(range(256))
        path = host.put("sub/file", data)
        assert host.get("sub/file") == data and path.startswith(host.folder)
        assert host.run("python3", host.agent("flows.py"), "many", "127.0.0.1", "3").status == 0

    def test_processes(self, host: Host) -> None:
        """A process beside the test.

        Steps:
            * One that ends by itself; one that is asked; one that does not hear.
        Verify:
            * Status and text are right, and none runs on.
        """
        done = host.start("sh", "-c", "echo out; echo err >&2; exit 7")
        assert done.wait(5) == 7 and sorted(done.text().split()) == ["err", "out"]
        polite = host.start("sh", "-c", "trap 'echo bye; exit 0' TERM; echo up; while :; do "
                                        "sleep 0.05; done")
        polite.wait_for_text("up")
        assert polite.status() is None
        assert polite.stop() == 0 and "bye" in polite.text()
        deaf = host.start("sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done")
        deaf.wait_for_text("up")
        deaf.stop(timeout=0.3)
        wait_until(lambda: not marked(f"{host.folder}/"), "nothing runs on", 5)
        with pytest.raises(CommandError, match="ended with 1 without writing 'x'"):
            host.start("false").wait_for_text("x")

    def test_left_as_found(self, session: Session, tmp_path: Path) -> None:
        """A case that fails in the middle.

        Steps:
            * Write down what undoes three steps, of which one fails; start a process; raise.
        Verify:
            * Undone in reverse order, all of it; the process has ended, the folder is gone.
        """
        notes = tmp_path / "notes"
        host = Host(session)
        close, session.close = session.close, lambda: None  # type: ignore[method-assign]
        with pytest.raises(CommandError), host:
            folder = host.folder
            host.defer("sh", "-c", f"echo first >> {notes}")
            host.defer("false")
            early = host.defer("sh", "-c", f"echo early >> {notes}")
            host.defer_script(f"grep -q CARD {notes}; echo last >> {notes}")
            host.start("sh", "-c", "trap '' HUP; sleep 1000")
            early.now()
            early.now()
            host.run("false")
        session.close = close  # type: ignore[method-assign]
        assert notes.read_text().split() == ["early", "last", "early", "first"]
        assert not marked(folder) and not Path(folder).exists()

    def test_killed_run(self, session: Session, tmp_path: Path) -> None:
        """The whole run is killed: nobody here is left to clean up.

        Steps:
            * Another process opens a host, starts something there, and is killed with SIGKILL.
        Verify:
            * The host undoes by itself.
        """
        folder_file = tmp_path / "folder"
        pid = os.fork()
        if pid == 0:
            try:
                host = Host(session).open()
                host.defer("touch", str(tmp_path / "undone"))
                host.start("sleep", "1000")
                folder_file.with_suffix(".new").write_text(host.folder)
                folder_file.with_suffix(".new").rename(folder_file)
                time.sleep(60)
            finally:
                os._exit(1)
        try:
            wait_until(folder_file.exists, "the other run is under way", 15)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        folder = folder_file.read_text()
        wait_until(lambda: not Path(folder).exists(), "the host cleans up", 15)
        assert (tmp_path / "undone").exists() and not marked(folder)


class TestUnreachable:
    """A host that is not there."""

    def test_sshd(self) -> None:
        """Says once, and not for each of the cases above, that they were not tried over ssh.

        Steps:
            * Look for sshd.
        Verify:
            * It is there, and so TestHost has run over ssh too.
        """
        if SSHD is None:
            pytest.skip("no sshd here (package openssh-server): hosts were played only")

    def test_sentence(self) -> None:
        """ssh's words, and no wait.

        Steps:
            * Open a host on a port where nobody listens.
        Verify:
            * The error names the host and says why; no files stay.
        """
        session = SshSession(replace(played.config("gone", 1), hostname="127.0.0.1", user="root",
                                     port=1), "-F", "none")
        with pytest.raises(SessionError, match="gone cannot be reached: .*[Rr]efused"):
            Host(session).open()
        assert not session._folder.exists()


class TestGeneratedConfig:
    """Config files for hosts with a card."""

    @pytest.fixture
    def host(self) -> Iterator[Host]:
        namespace = Namespace("card-config")
        try:
            with Host(PlayedSession("c", namespace)) as host:
                yield host
        finally:
            namespace.delete()

    @pytest.mark.parametrize("ipv6", [False, True])
    def test_taken(self, host: Host, ipv6: bool) -> None:
        """The real binary's check.

        Steps:
            * A hypervisor on a card, with a second tenant and a next hop; `--check-config`.
        Verify:
            * No complaint. A wrong key is one.
        """
        config = replace(nodes.load(EXAMPLE).hosts[0], interfaces=("enp8s0f0np0", "enp8s0f1np1"),
                         sallyport=binary("sallyport"), shell_client=binary("sallyport-shell"))
        hypervisor = Hypervisor(host, config, MultiportCard(host, config), 100, 1600, ipv6)
        remote = "2001:db8::2" if ipv6 else "192.0.2.2"
        hypervisor.blue.remote_vteps = [remote]
        hypervisor.blue.fdb = [f"02:dd:00:00:00:01 vtep {remote}"]
        hypervisor.blue.vm_ports = [VmPortConfig("one", "pf0vf0", ["02:aa:00:00:00:01"])]
        hypervisor.main.next_hops = [f"{remote} 02:00:00:00:00:0{port} p{port}" for port in (0, 1)]
        hypervisor.tenants.append(TenantConfig("green", 101, hypervisor.vtep, vm_ports=[
            VmPortConfig("late", "pf0vf1")]))
        process = RemoteSallyport(host, config, hypervisor.ports, hypervisor.main,
                                  hypervisor.tenants)
        process.write_config()
        checked = process.check_config()
        assert checked.status == 0, checked.output
        assert "-a" in hypervisor.ports.eal
        hypervisor.blue.vm_ports[0] = VmPortConfig("one", "pf0vf0", settings={"colour": "blue"})
        process.write_config()
        assert "vm_port.one.colour" in process.check_config().output

    def test_facts_without_a_card(self, host: Host) -> None:
        """A host that has nothing is looked at without harm.

        Steps:
            * Look at the host that plays; this machine has no card at that address.
        Verify:
            * It is said for both ports that there is none.
        """
        config = replace(played.config("c", 1), pci="ffff:ff:1f.0")
        found = host_checks.facts(host, config)
        said = "\n".join(host_checks.complaints(found, config, 1600))
        assert found.missing_tools or ("p0 (ffff:ff:1f.0) is not there" in said
                                       and "p1 (ffff:ff:1f.1) is not there" in said), said


def ask(*options: str) -> subprocess.CompletedProcess[str]:
    """pytest on the questions, in a process of its own."""
    return subprocess.run([sys.executable, "-m", "pytest", "card", "-q", *options], cwd=DTS,
                          capture_output=True, text=True, timeout=300, check=False,
                          env={**os.environ, "PYTEST_ADDOPTS": ""})


class TestRun:
    """The run itself."""

    def test_without_hosts(self) -> None:
        """No `--nodes`.

        Steps:
            * Run the questions.
        Verify:
            * All are skipped, and it is said why.
        """
        result = ask()
        assert result.returncode == 0 and "needs two hosts with cards: --nodes FILE" in \
            result.stdout, result.stdout
        assert " passed" not in result.stdout and " failed" not in result.stdout

    def test_wrong_file(self, tmp_path: Path) -> None:
        """A file that does not load.

        Steps:
            * Run the questions with it.
        Verify:
            * It ends at once, with the sentence.
        """
        file = tmp_path / "nodes.yaml"
        file.write_text("hosts: []\n")
        result = ask("--nodes", str(file), "--results", str(tmp_path / "results"))
        assert result.returncode == 4, result.stdout
        assert f"{file}: hosts: two are wanted, and 0 there" in result.stdout + result.stderr

    def test_played_hosts(self, tmp_path: Path) -> None:
        """Two questions, asked of hosts that namespaces play.

        Steps:
            * Run one question that has a bench and one that has a pair.
        Verify:
            * Both are answered; the report says that the hosts are played; nothing stays.
        """
        result = ask("--nodes", "played", "--results", str(tmp_path), "-k",
                     "test_trailing_octets or test_full_size")
        assert result.returncode == 0, result.stdout[-6000:]
        document = json.loads((tmp_path / "answers.json").read_text())
        assert "played" in document["facts"]["hosts"]
        assert {entry["verdict"] for entry in document["answers"]} == {AS_ASSUMED}
        assert len(document["answers"]) == 2
        assert "octets captured" in (tmp_path / "answers.md").read_text()
