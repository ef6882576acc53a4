# SPDX-License-Identifier: BSD-3-Clause
"""The shell, its client and the telemetry socket: everything that docs/commands.md promises."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from api import nic
from api.config import TenantConfig, UplinkConfig
from api.lab import BLUE, RED, Hypervisor, Lab, vm_addresses, vm_mac
from api.nic_share import settled_share
from api.sallyport import ROOT, Sallyport, binary
from api.telemetry import Telemetry
from api.traffic import NumberedStream, assert_pings, ping
from framework.process import TIME_SCALE, run, wait_until


@pytest.fixture(scope="class")
def lab() -> Iterator[Lab]:
    """hv1 with VMs `one` and `two` of tenant blue, a Linux peer with VM `far`."""
    with Lab() as lab:
        peer = lab.peer("peer1", 11)
        hv1 = lab.hypervisor("hv1", 1)
        hv1.tenant("blue", BLUE, [peer.vtep])
        hv1.vm("blue", "one", 1, "veth")
        hv1.vm("blue", "two", 2, "tap")
        peer.vm("far", BLUE, vm_mac(3), vm_addresses(3), [hv1.vtep])
        lab.start()
        assert_pings(hv1.vms["one"], hv1.vms["two"].ip)
        for _ in range(2):  # there, and back
            hv1.shell.run("failover switch")
            assert_pings(hv1.vms["one"], "10.0.0.3")
        # The peer is a Linux, which answers neither.
        hv1.shell.run(f"failover probe {peer.vtep} rate 10")
        hv1.shell.run(f"failover drill {peer.vtep}")
        yield lab


@pytest.fixture
def hv1(lab: Lab) -> Hypervisor:
    return lab.hypervisors[0]


#: VM ports on TAP and veth have these drivers; with a card they are VFs of it.
DRIVERS = ("mlx5_pci", "mlx5_pci") if nic.simulated() else ("net_tap", "net_af_packet")

#: Every `show` command of docs/commands.md -> words that its text must hold.
SHOWS = {
    "show port info all": ("p0", "p1", "one", "two", *DRIVERS),
    "show port info one": (DRIVERS[1], "blue", vm_mac(1)),
    "show port stats all": ("p0", "p1", "one", "two"),
    "show port stats p0": ("p0",),
    "show uplink": ("p0", "p1", "active", "carrier"),
    "show failover probe": ("10 a second to 192.0.2.11", "running", "lost on the way there"),
    "show failover drill": ("1000 a second to 192.0.2.11",),
    "show detector": ("p0", "p1", "its link only"),
    "show failover history": ("p0", "p1", "requested", "operator", "microseconds"),
    "show tenant all": ("blue", str(BLUE)),
    "show tenant blue": ("blue", str(BLUE), "192.0.2.1", "192.0.2.11", "one", "two"),
    "show fdb": (vm_mac(1), vm_mac(3), "learned", "192.0.2.11"),
    "show fdb blue": (vm_mac(1), vm_mac(3)),
    "show vtep": ("192.0.2.1", "192.0.2.11"),
    "show ipsec policy": ("blue", "none"),
    "show ipsec stats": (),
    "show nexthop": ("192.0.2.11", "02:00:00:00:0b:00"),
    "show drop": (),
    "show graph stats": ("sallyport-vxlan-encap", "sallyport-drop"),
    "show eswitch": ("E-Switch", "mlx5" if nic.simulated() else "none", "fdb entries"),
    "show flow": ("vm-station", vm_mac(1), "blue"),
    "show flow tenant blue": ("vm-station", vm_mac(1)),
    "show flow port one": ("own-station", vm_mac(1)),
    "show config": ("[vm_port.one]", "vni = 100"),
    "show version": ("DPDK", "Sallyport"),
}


def documented_commands() -> set[str]:
    """The first column of the table in docs/commands.md."""
    text = (ROOT / "docs" / "commands.md").read_text()
    cells = re.findall(r"^\| (`.*?`) \|", text, re.M)
    return {command.replace("\\|", "|") for cell in cells for command in re.findall("`(.*?)`", cell)
            if re.match(r"[a-z]+( |$)", command)}


class TestShell:
    """Commands over the socket."""

    def test_documentation_is_complete(self, hv1: Hypervisor) -> None:
        """`help`, the documentation and this suite know the same commands.

        Steps:
            * Compare the first words of each.
        Verify:
            * None has a command that another lacks.
        """
        def heads(lines: set[str]) -> set[str]:
            verbs = set()
            for line in lines:
                words = line.split()
                depth = 3 if words[:2] in (["show", "port"],) else 2
                verbs.add(" ".join(w for w in words[:depth] if re.fullmatch("[a-z]+", w)))
            return verbs

        told = {line.strip() for line in hv1.shell.run("help").stdout.splitlines() if line.strip()}
        documented = heads(documented_commands())
        # `fdb del TENANT` and the like keep only lower-case words.
        listed = {" ".join(w for w in re.split(r"\s{2,}", line)[0].split()[:3]
                           if re.fullmatch("[a-z]+", w)) for line in told}
        missing = {verb for verb in documented
                   if not any(item == verb or item.startswith(verb + " ") for item in listed)}
        assert not missing, (missing, listed)
        shown = {verb for verb in documented if verb.startswith("show")}
        assert shown <= {verb for verb in heads(set(SHOWS))} | {"show port"}, shown

    @pytest.mark.parametrize("command", SHOWS)
    def test_show(self, hv1: Hypervisor, command: str) -> None:
        """Each `show` answers in text and in JSON.

        Steps:
            * Run it, and run it with `json`.
        Verify:
            * The text holds what it must and no line ends in blanks; the JSON parses and is the
              same kind of thing every time.
        """
        text = hv1.shell.run(command).stdout
        for word in SHOWS[command]:
            assert word in text, f"{word!r} is missing in:\n{text}"
        assert text.endswith("\n") and not re.search(r"[ \t]$", text, re.M)
        answer = hv1.shell.json(command)
        assert isinstance(answer, (dict, list)) and answer
        assert type(hv1.shell.json(command)) is type(answer)

    @pytest.mark.parametrize("command,complaint", [
        ("nonsense", "nonsense"), ("show", "show"), ("show nonsense", "nonsense"),
        ("show port info nobody", "nobody"), ("show tenant nobody", "nobody"),
        ("show fdb nobody", "nobody"), ("fdb add blue 02:00:00:00:00 port one", "02:00:00:00:00"),
        ("fdb add nobody 02:00:00:00:00:01 port one", "nobody"),
        ("fdb add blue 02:00:00:00:00:01 port nobody", "nobody"),
        ("fdb add blue 01:00:00:00:00:01 port one", "01:00:00:00:00:01"),
        ("fdb add blue 02:00:00:00:00:01 vtep 999.0.0.1", "999.0.0.1"),
        ("fdb add blue 02:00:00:00:00:01 vtep 2001:db8::1", "2001:db8::1"),
        ("fdb del blue 02:00:00:00:00:01", "02:00:00:00:00:01"),
        ("tenant add /nonexistent.conf", "/nonexistent.conf"), ("tenant del nobody", "nobody"),
        ("set uplink p9 up", "p9"), ("set uplink p0 sideways", "sideways"),
        ("log level loud", "loud"), ("show uplink json json", "json"),
    ])
    def test_bad_commands(self, hv1: Hypervisor, command: str, complaint: str) -> None:
        """A wrong command gets a clear error and changes nothing.

        Steps:
            * Run it.
        Verify:
            * Exit status 1, the word at fault on standard error, nothing on standard output.
            * Config and fdb are as before.
        """
        before = hv1.shell.json("show config"), {e.mac for e in hv1.shell.fdb("blue")}
        result = hv1.shell.run(command, check=False)
        assert result.status == 1, result
        assert complaint in result.stderr and result.stdout == "", result
        assert (hv1.shell.json("show config"), {e.mac for e in hv1.shell.fdb("blue")}) == before

    def test_fdb_commands(self, hv1: Hypervisor) -> None:
        """`fdb add` and `fdb del`.

        Steps:
            * Add entries behind a port and a vtep, a duplicate; delete both, one learned too.
        Verify:
            * `show fdb` follows.
        """
        shell = hv1.shell
        shell.run("fdb add blue 02:ee:00:00:00:01 port two")
        shell.run("fdb add blue 02:ee:00:00:00:02 vtep 192.0.2.11")
        places = {e.mac: (e.place, e.learned) for e in shell.fdb("blue")}
        assert places["02:ee:00:00:00:01"] == ("two", False)
        assert places["02:ee:00:00:00:02"] == ("192.0.2.11", False)
        for number in (1, 2):
            shell.run(f"fdb del blue 02:ee:00:00:00:0{number}")
            assert shell.fdb_entry("blue", f"02:ee:00:00:00:0{number}") is None

    def test_tenant_commands(self, hv1: Hypervisor, lab: Lab) -> None:
        """`tenant add` and `tenant del` while traffic flows.

        Steps:
            * With pings under way in blue, add tenant red with a VM port, use it, remove it;
              twice.
            * Add files with complaints, and one that clashes with blue.
        Verify:
            * Blue loses no ping; red works while it is there, and its port is gone afterwards.
            * Each bad file gets file:line complaints and changes nothing.
        """
        peer, shell = lab.peers["peer1"], hv1.shell
        red_far = peer.vm("redfar", RED, vm_mac(3), vm_addresses(3), [hv1.vtep])
        config = TenantConfig("red", RED, hv1.vtep, remote_vteps=[peer.vtep])
        red = hv1.late_vm("red1", 1)
        config.vm_ports.append(red.port_config())
        path = hv1.sallyport.folder / "red.conf"
        path.write_text(config.text())
        stream = hv1.vms["one"].namespace.start("ping", "-i", "0.01", "-q", "10.0.0.3")
        for _ in range(2):
            shell.run(f"tenant add {path}")
            assert_pings(red, red_far.ip)
            assert {"blue", "red"} == {t["name"] for t in shell.json("show tenant all")}
            shell.run("tenant del red")
            assert ping(red, red_far.ip, count=1, wait=0.2).received == 0
            assert "red1" not in {p["name"] for p in shell.json("show port info all")}
        stream.signal(2)
        totals = re.search(r"(\d+) packets transmitted, (\d+) received", stream.wait_ok())
        stream.stop()
        assert totals and int(totals[1]) - int(totals[2]) <= 1, totals
        before = shell.json("show config")
        for text, complaint in ((config.text().replace("vni = 200", "vni = 100"), "vni"),
                                (config.text() + "nonsense = 1\n", "nonsense"),
                                (config.text().replace("vni = 200", "vni = 16777216"), "vni")):
            path.write_text(text)
            result = shell.run(f"tenant add {path}", check=False)
            assert result.status == 1 and complaint in result.stderr
            assert re.search(rf"{re.escape(str(path))}:\d+: ", result.stderr), result.stderr
        assert shell.json("show config") == before

    def test_tenant_reload(self, hv1: Hypervisor, lab: Lab) -> None:
        """`tenant reload` while another VM port of the tenant carries traffic (promise P5).

        Steps:
            * With pings under way from VM one: over and over, let blue's file gain a VM port, a
              remote vtep, static entries and a smaller MTU, and lose them again.
            * Let it say what cannot change, and what is wrong; alone and with all tenants.
        Verify:
            * No ping is lost, and one's port is the same; the new VM is reached while it is there.
            * Each bad file gets file:line complaints and changes nothing.
        """
        shell, blue = hv1.shell, hv1.tenants["blue"]
        path = hv1.sallyport.tenant_file("blue")
        late = hv1.late_vm("late", 4)
        original = path.read_text()
        port = shell.json("show port info one")["dpdk_id"]
        more = replace(
            blue, remote_vteps=[*blue.remote_vteps, "192.0.2.99"],
            fdb=[*blue.fdb, *(f"02:ee:00:00:01:{n:02x} vtep 192.0.2.99" for n in range(100))],
            vm_ports=[*blue.vm_ports, late.port_config()], settings={**blue.settings, "mtu": 1400})
        with NumberedStream(hv1.vms["one"], lab.peers["peer1"].vms["far"], per_second=200) as stream:
            for _ in range(3):
                path.write_text(more.text())
                done, = shell.json("tenant reload blue")
                assert done["vm_ports"] == {"added": 1, "changed": 0, "removed": 0}, done
                assert done["fdb"]["added"] == 100 and done["settings"] == ["mtu"], done
                assert_pings(late, hv1.vms["one"].ip)
                path.write_text(original)
                done, = shell.json("tenant reload all")
                assert done["vm_ports"]["removed"] == done["remote_vteps"]["removed"] == 1, done
                assert "late" not in {p["name"] for p in shell.json("show port info all")}
            before = shell.json("show config"), len(shell.fdb("blue"))
            for text, key in ((original.replace("vni = 100", "vni = 101"), "vni"),
                              (more.text() + "nonsense = 1\n", "nonsense"),
                              (more.text().replace("mtu = 1400", "mtu = 9999"), "mtu")):
                path.write_text(text)
                for whom in ("blue", "all"):
                    result = shell.run(f"tenant reload {whom}", check=False)
                    assert result.status == 1 and key in result.stderr, result
                    assert re.search(rf"{re.escape(str(path))}:\d+: ", result.stderr), result.stderr
            path.write_text(original)
            assert (shell.json("show config"), len(shell.fdb("blue"))) == before
            report = stream.finish()
        assert report.lost == 0, report
        assert shell.json("show port info one")["dpdk_id"] == port

    def test_clear_stats(self, hv1: Hypervisor) -> None:
        """`clear stats` sets all counters to zero, and they count on.

        Steps:
            * Ping, until all of it is counted; clear, read; ping; read.
        Verify:
            * Few packets after the clearing, more after the pings; drops are zero. (A card answers
              later, so that a packet may have come since.)
        """
        def counted() -> bool:
            return (hv1.shell.port("one").rx_packets >= 10
                    and hv1.shell.tenant("blue").encap_packets >= 10)

        assert_pings(hv1.vms["one"], "10.0.0.3")
        if nic.simulated():
            # What is read later than the clearing counts as later.
            settled_share(hv1.shell, "blue")
        assert counted()
        hv1.shell.run("clear stats")
        assert hv1.shell.port("one").rx_packets < 5
        assert hv1.shell.tenant("blue").rx_packets < 5
        assert hv1.shell.drops().total < (5 if nic.simulated() else 1)
        assert_pings(hv1.vms["one"], "10.0.0.3")
        wait_until(counted, "the pings are counted")

    def test_socket_mode(self, hv1: Hypervisor) -> None:
        """Only the owner may speak to the shell.

        Steps:
            * Look at the socket; try it as another user.
        Verify:
            * Mode 0600; the other user is refused with exit status 3.
        """
        path = hv1.sallyport.socket
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_ISSOCK(path.stat().st_mode)
        hv1.sallyport.folder.chmod(0o755)
        refused = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                      binary("sallyport-shell"), "--socket", str(path), "show version", check=False)
        assert refused.status == 3 and "denied" in refused.stderr, refused
        nobody = run(binary("sallyport-shell"), "--socket", str(path) + "x", "show version",
                     check=False)
        assert nobody.status == 3 and str(path) in nobody.stderr

    def test_script(self, hv1: Hypervisor, tmp_path: Path) -> None:
        """Scripts stop at the first command that fails.

        Steps:
            * Run a script of good commands with comments and empty lines, from a file and from
              standard input; then one with a bad command in the middle.
        Verify:
            * Status 0 and all answers; status 1, the line's number, and nothing after it was done.
        """
        client = [binary("sallyport-shell"), "--socket", str(hv1.sallyport.socket), "--script"]
        good = "# a comment\n\nshow version\nfdb add blue 02:ee:00:00:00:03 port one\n" \
               "fdb del blue 02:ee:00:00:00:03\nshow uplink json\n"
        script = tmp_path / "script"
        script.write_text(good)
        for result in (run(*client, str(script)), run(*client, "-", stdin=good)):
            assert "DPDK" in result.stdout and '"active"' in result.stdout
        script.write_text("show version\nnonsense\nfdb add blue 02:ee:00:00:00:04 port one\n")
        failed = run(*client, str(script), check=False)
        assert failed.status == 1 and f"{script}:2" in failed.stderr, failed
        assert hv1.shell.fdb_entry("blue", "02:ee:00:00:00:04") is None
        assert run(*client, str(tmp_path / "none"), check=False).status == 2

    def test_many_sessions(self, hv1: Hypervisor) -> None:
        """Several sessions at a time do not disturb each other.

        Steps:
            * Start twenty clients at once, each with a script of fifty commands.
        Verify:
            * Each gets all its answers.
        """
        script = "show version json\n" * 50
        clients = [subprocess.Popen(
            [binary("sallyport-shell"), "--socket", str(hv1.sallyport.socket), "--script", "-"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for _ in range(20)]
        outputs = [client.communicate(script, timeout=60 * TIME_SCALE)[0] for client in clients]
        for client, output in zip(clients, outputs):
            assert client.returncode == 0 and output.count('"sallyport"') == 50, output[-500:]

    def test_interactive(self, hv1: Hypervisor) -> None:
        """The client on a terminal: prompt, completion, help, exit.

        Steps:
            * Type `show ver` TAB ENTER, `show ?` and the rest of it, `exit`.
        Verify:
            * The prompt names the node, completion completes, help lists, the client ends with 0
              and the process runs on.
        """
        status, text = typed(
            [binary("sallyport-shell"), "--socket", str(hv1.sallyport.socket)],
            [(">", b"show ver\t\n"), ("DPDK", b""), (">", b"show ?"), ("tenant", b"\x15"),
             (">", b"exit\n")])
        assert status == 0, text
        assert "hv1" in text and "show version" in text
        assert hv1.shell.run("show version").status == 0

    def test_log_level(self, hv1: Hypervisor) -> None:
        """`log level` takes effect at once.

        Steps:
            * Set error, switch the uplink; set info, switch back.
        Verify:
            * The log grows by the second alone.
        """
        hv1.shell.run("log level error")
        before = len(hv1.sallyport.log())
        hv1.shell.run("failover switch")
        assert len(hv1.sallyport.log()) == before
        hv1.shell.run("log level info")
        hv1.shell.run("failover switch")
        wait_until(lambda: "p0" in hv1.sallyport.log()[before:], "a line on the switch")

    def test_telemetry(self, hv1: Hypervisor) -> None:
        """The telemetry socket has the shell's figures.

        Steps:
            * Read every /sallyport endpoint and the `show` of the same name.
        Verify:
            * Names, states and counters agree; counters have not gone back in between.
        """
        shell = hv1.shell
        with Telemetry(hv1.sallyport.prefix) as telemetry:
            commands = telemetry.get("/")
            for name in ("port", "uplink", "detector", "failover_history", "failover_probe",
                         "failover_drill", "tenant", "fdb", "vtep", "nexthop", "flow", "eswitch",
                         "ipsec", "ipsec_policy", "ipsec_stats", "drop", "graph"):
                assert f"/sallyport/{name}" in commands
                assert telemetry.get(f"/sallyport/{name}")
            assert telemetry.get("/sallyport/uplink")["active"] == shell.active_uplink()
            history = entries(telemetry.get("/sallyport/failover_history"))
            for told, shown in zip(history, shell.json("show failover history"), strict=True):
                assert told == {key: value for key, value in shown.items()
                                if value is not None}, (told, shown)
            drill = telemetry.get("/sallyport/failover_drill")
            assert (drill["vtep"], drill["packets_per_second"]) == ("192.0.2.11", 1000), drill
            wait_until(lambda: telemetry.get("/sallyport/failover_drill")["state"] == "failed",
                       "nobody answers the drill", 30)
            probe, shown = telemetry.get("/sallyport/failover_probe"), shell.json(
                "show failover probe")
            assert probe["vtep"] == shown["vtep"] and probe["packets_per_second"] == 10, probe
            assert 0 < probe["sent"] <= shown["sent"] and probe["running"] == 1, (probe, shown)
            assert probe["received"] == probe["duplicates"] == 0, probe

            def received_by_cpu() -> int:
                return shell.json("show tenant blue")["counters"]["rx_packets"]

            before = received_by_cpu()
            answer = next(t for t in entries(telemetry.get("/sallyport/tenant"))
                          if t["name"] == "blue")
            assert before <= answer["counters"]["rx_packets"] <= received_by_cpu()
            ports = {p["name"]: p for p in entries(telemetry.get("/sallyport/port"))}
            assert set(ports) == {p["name"] for p in shell.json("show port info all")}
            macs = {e["mac"] for e in entries(telemetry.get("/sallyport/fdb"))}
            assert macs == {e.mac for e in shell.fdb("blue")}
            assert telemetry.get("/sallyport/ipsec")["total"] == len(shell.json("show ipsec sa"))
            policies = entries(telemetry.get("/sallyport/ipsec_policy"))
            # It has no arrays of objects.
            assert [{**policy, "remote_vteps": list(policy["remote_vteps"].values())}
                    for policy in policies] == shell.json("show ipsec policy")
            stats = telemetry.get("/sallyport/ipsec_stats")
            assert stats["without_sa"].keys() == {"no_sa", "clear_text", "unknown_spi"}
            assert "selector_mismatch" in stats["inbound"]["faults"]
            drops = telemetry.get("/sallyport/drop")
            assert {k.replace("-", "_") for k in shell.json("show drop")} == set(drops)


def entries(page: dict) -> list[dict]:
    """The entries of a page of telemetry."""
    return list(page["entries"].values())


def typed(command: list[str], script: list[tuple[str, bytes]],
          timeout: float = 10.0) -> tuple[int, str]:
    """Runs a command on a terminal: waits for each text, then types. Returns status and output."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(command[0], command)
    text, position = "", 0
    deadline = time.monotonic() + timeout * TIME_SCALE

    def read() -> bool:
        nonlocal text
        assert time.monotonic() < deadline, f"the terminal shows:\n{text}"
        if not select.select([terminal], [], [], 0.1)[0]:
            return True
        try:
            data = os.read(terminal, 65536)
        except OSError:
            return False
        text += data.decode(errors="replace")
        return bool(data)

    try:
        for expected, keys in script:
            while expected not in text[position:]:
                assert read(), f"{expected!r} did not come; the terminal shows:\n{text}"
            position = text.index(expected, position) + len(expected)
            os.write(terminal, keys)
        while read():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text
    finally:
        os.close(terminal)


class TestProcess:
    """Start, stop, and what is said when something is wrong."""

    @pytest.fixture
    def hypervisor(self) -> Iterator[Hypervisor]:
        with Lab() as lab:
            hv1 = lab.hypervisor("hv1", 1)
            hv1.tenant("blue", BLUE, ["192.0.2.11"])
            hv1.vm("blue", "one", 1, "veth")
            yield hv1

    @pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "quit"])
    def test_stop(self, hypervisor: Hypervisor, how: str) -> None:
        """SIGTERM, SIGINT and `quit` stop the process cleanly.

        Steps:
            * Start, stop.
        Verify:
            * Exit status 0 within seconds; socket and host port are gone.
        """
        sallyport = hypervisor.start()
        if how == "quit":
            hypervisor.shell.run("quit")
        else:
            sallyport.process.signal(15 if how == "SIGTERM" else 2)
        assert sallyport.process.wait(10) == 0
        assert not sallyport.socket.exists()
        wait_until(lambda: not hypervisor.namespace.has_link("sallyport0"), "host port is gone")

    @pytest.mark.software_only("it ends before it looks for its card")
    def test_second_instance(self, hypervisor: Hypervisor) -> None:
        """A second process on the same config is refused, and the first goes on.

        Steps:
            * Start a second one with the same files.
        Verify:
            * Exit status 4 and a message that says so; the first answers.
        """
        sallyport = hypervisor.start()
        arguments = [a.replace(sallyport.prefix, sallyport.prefix + "b")
                     for a in sallyport.arguments()]
        second = hypervisor.namespace.run(*arguments, check=False)
        assert second.status == 4, second
        assert str(sallyport.main_file) in second.output
        assert hypervisor.shell.run("show version").status == 0

    def test_after_a_crash(self, hypervisor: Hypervisor) -> None:
        """A killed process leaves nothing that keeps the next one from starting.

        Steps:
            * Start, kill with SIGKILL, start again with the same files.
        Verify:
            * The second answers.
        """
        sallyport = hypervisor.start()
        sallyport.process.signal(9)
        assert sallyport.process.wait(10) == -9
        sallyport.process.discard_log()
        sallyport.process = None
        assert sallyport.socket.exists()
        sallyport.start()
        assert hypervisor.shell.run("show version").status == 0

    @pytest.mark.software_only("the terminal is the shell's")
    def test_terminal(self, hypervisor: Hypervisor) -> None:
        """`-i`: the shell on the terminal; `quit` there stops the process.

        Steps:
            * Start with -i on a terminal, type `show uplink` and `quit`.
        Verify:
            * The answer comes, exit status 0.
        """
        sallyport = Sallyport(hypervisor.namespace, hypervisor.main,
                              list(hypervisor.tenants.values()), card=hypervisor.card)
        sallyport.write_config()
        command = list(hypervisor.namespace.command(*sallyport.arguments(), "-i"))
        command[0] = "/usr/sbin/ip" if Path("/usr/sbin/ip").exists() else "/sbin/ip"
        status, text = typed(command, [(">", b"show uplink\n"), ("p1", b""), (">", b"quit\n")],
                             timeout=30)
        assert status == 0, text
        sallyport.close()

    @pytest.mark.software_only("the log's format is not the card's")
    def test_json_log(self, hypervisor: Hypervisor) -> None:
        """`log.format = json`: every line of the log is a JSON object.

        Steps:
            * Start with JSON logs to a file, switch, stop.
        Verify:
            * Each line parses and has a time, a level and a message.
        """
        hypervisor.main.settings["log.format"] = "json"
        sallyport = hypervisor.start()
        hypervisor.shell.run("failover switch")
        assert sallyport.stop() == 0
        # The simulated card has its own say on standard error.
        lines = [line for line in sallyport.log().splitlines()
                 if line and not line.startswith("mlx5sim: ")]
        assert len(lines) >= 3
        for line in lines:
            entry = json.loads(line)
            assert {"time", "level", "message"} <= set(entry), line

    @pytest.mark.software_only("no packet")
    @pytest.mark.parametrize("case", ["on", "off", "not allowed"])
    def test_real_time(self, hypervisor: Hypervisor, case: str) -> None:
        """`failover.real_time`: the threads that failover waits for go ahead of all others.

        Steps:
            * Start with it, without it, and without the right to it.
        Verify:
            * The control thread and that of the links have the policy SCHED_RR, and no other thread has; with
              `off` and without the right none has. Without the right the log says so, and all works.
        """
        hypervisor.main.settings["failover.real_time"] = "off" if case == "off" else "on"
        before = ["setpriv", "--bounding-set=-sys_nice", "--"] if case == "not allowed" else []
        sallyport = Sallyport(hypervisor.namespace, hypervisor.main,
                              list(hypervisor.tenants.values()), card=hypervisor.card,
                              before=before)
        sallyport.start()
        threads = [int(task.name) for task in Path(f"/proc/{sallyport.pid()}/task").iterdir()]
        ahead = [thread for thread in threads
                 if os.sched_getscheduler(thread) & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR]
        log = sallyport.log()
        sallyport.close()
        if case == "on":
            assert len(ahead) == 2 and sallyport.pid() in ahead, (ahead, log)
        else:
            assert not ahead, log
        assert ("cannot take a real-time priority" in log) == (case == "not allowed"), log

    def test_runtime_errors(self, hypervisor: Hypervisor) -> None:
        """Devices that are not there are an error with a name, and nothing stays behind.

        Steps:
            * Start with uplinks on an interface that does not exist. (Without one of two it starts, but
              with a card, whose uplinks are there together.)
        Verify:
            * Exit status 1, the uplink's name and its interface in the message.
        """
        if nic.simulated():
            hypervisor.main.uplinks[1] = UplinkConfig("p1", "pf1", "nothere")
        else:
            hypervisor.main.uplinks = [
                UplinkConfig(name, f"net_af_packet_{name},iface=nothere-{name}")
                for name in ("p0", "p1")]
        sallyport = hypervisor.start_process(ready=False)
        status = sallyport.process.wait(20)
        log = sallyport.log()
        assert status == 1 and "p1" in log and "nothere" in log, log
        assert not hypervisor.namespace.has_link("sallyport0")
        sallyport.process.discard_log()
        sallyport.process = None


@pytest.mark.software_only("no port is opened")
class TestCheckConfig:
    """`--check-config`: complaints with file:line, all at once, without privilege."""

    def check(self, folder: Path, *options: str):
        """As an unprivileged user."""
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        # /tmp/pytest-of-root is closed to others.
        return run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                   binary("sallyport"), "--", "--check-config", "--config",
                   str(folder / "sallyport.conf"), *options, check=False)

    @pytest.fixture
    def folder(self) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(prefix="sallyport-config-"))
        shutil.copytree(ROOT / "config", folder, dirs_exist_ok=True)
        yield folder
        shutil.rmtree(folder)

    @pytest.mark.parametrize("example", ["", "ipv6"])
    def test_examples(self, folder: Path, example: str) -> None:
        """The examples in config/ have no complaint.

        Steps:
            * Check them as an unprivileged user.
        Verify:
            * Exit status 0.
        """
        result = self.check(folder / example)
        assert result.status == 0, result

    def test_complaints(self, folder: Path) -> None:
        """Several things wrong in several files are all told at once.

        Steps:
            * Spoil the main file and two tenant files in six ways; check.
        Verify:
            * Exit status 3; each complaint on a line of its own as FILE:LINE: KEY: ...
        """
        main, blue, red = (folder / "sallyport.conf", folder / "tenants.d" / "blue.conf",
                           folder / "tenants.d" / "red.conf")
        vni = re.search(r"^vni\s*=\s*(\d+)", blue.read_text(), re.M)[1]
        red.write_text(re.sub(r"^vni\s*=.*", f"vni = {vni}", red.read_text(), flags=re.M))
        blue.write_text("colour = blue\nmtu = 60000\n" + blue.read_text())
        red.write_text("remote_vtep = 2001:db8::9\n" + red.read_text())
        main.write_text("log.level = loud\n" + main.read_text())
        result = self.check(folder)
        assert result.status == 3
        for place, key in ((f"{main}:1", "log.level"), (f"{blue}:1", "colour"),
                           (f"{blue}:2", "mtu"), (f"{red}:1", "remote_vtep"),
                           (f"{red}:", "vni")):
            assert any(line.startswith(place) and key in line
                       for line in result.output.splitlines()), (place, key, result.output)

    def test_missing(self, folder: Path) -> None:
        """A file that is not there or not readable is named.

        Steps:
            * Check with a main file that does not exist; with a tenant file nobody may read.
        Verify:
            * Exit status 3 and the file's name.
        """
        (folder / "sallyport.conf").rename(folder / "other.conf")
        result = self.check(folder)
        assert result.status == 3 and "sallyport.conf" in result.output
