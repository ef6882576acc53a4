#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The demo: two hypervisors, two switches, eight VMs of three tenants, one pulled cable.

Every claim is measured; one that does not hold ends the demo with a non-zero status. Started by
demo.sh.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import textwrap
import time

from api import nic
from api.bench import unicast
from api.keys import KeyFolder
from api.lab import BLUE, RED, Lab
from api.nic import Nic
from api.nic_share import Share
from api.security import SaPair
from api.traffic import (IperfServer, NumberedStream, Pings, Transfer, iperf, parse_iperf,
                         parse_ping, ping, wait_ping)
from api.vm import Vm
from api.wire import Wire, has
from framework.namespace import Switch, remove_leftovers
from framework.process import Background, journal, wait_until

BOLD, GREEN, RED_TEXT, PLAIN = ("\033[1m", "\033[32m", "\033[31m", "\033[0m")
if not sys.stdout.isatty():
    BOLD = GREEN = RED_TEXT = PLAIN = ""

PICTURE = """
            switch A =========== switch B
             |     |               |     |
          p0 |     | p0         p1 |     | p1        p0, p1: uplinks, one active
             |     +-----------+   |     |
        +----+-----------------|---+     |
        |    |                 |         |
       [ hv1 : Sallyport ]    [ hv2 : Sallyport ]     hypervisors
        |      |      |        |      |      |
      blue1  blue3   red1    blue2  red2   red3      VMs; green1 on hv1, green2 on hv2
"""


#: VNI of the tenant whose traffic between hypervisors is encrypted.
GREEN_VNI = 300


#: A packet of that tenant that is not encrypted: VXLAN over IPv4 with its VNI.
GREEN_IN_CLEAR = f"udp port 4789 and udp[12:4] >> 8 = {GREEN_VNI}"
BLUE_IN_CLEAR = f"udp port 4789 and udp[12:4] >> 8 = {BLUE}"


class ClaimFailed(Exception):
    """Something that the demo says did not happen."""


class Demo:
    """Speaks, measures, and keeps count of what was claimed."""

    def __init__(self, duration: int) -> None:
        self.duration = duration
        self.claims = 0
        self.chapter = 0
        self.started = time.monotonic()
        #: By the name of the VM that sent: what the end compares.
        self.talks: dict[str, tuple[Pings, Transfer]] = {}

    def say(self, text: str) -> None:
        for paragraph in textwrap.dedent(text).strip().split("\n\n"):
            print(textwrap.fill(" ".join(paragraph.split()), 96))
        sys.stdout.flush()

    def title(self, text: str) -> None:
        self.chapter += 1
        print(f"\n{BOLD}{self.chapter}. {text}{PLAIN}", flush=True)

    def show(self, text: str) -> None:
        print(textwrap.indent(text.rstrip(), "    "), flush=True)

    def claim(self, holds: bool, text: str, otherwise: str = "") -> None:
        """Prints what was found; ends the demo if it is not what was claimed."""
        if not holds:
            raise ClaimFailed(f"{text}: it did not happen. {otherwise}")
        self.claims += 1
        print(f"  {GREEN}ok{PLAIN}  {text}", flush=True)


def build(lab: Lab, keys: tuple[KeyFolder, KeyFolder]) -> None:
    """Two hypervisors; blue, red and green on both, numbered alike: same MACs, same addresses."""
    layout = {"hv1": (("blue", "blue1", 1), ("blue", "blue3", 3), ("red", "red1", 1)),
              "hv2": (("blue", "blue2", 2), ("red", "red2", 2), ("red", "red3", 3))}
    for number, (name, vms) in enumerate(layout.items(), 1):
        hypervisor = lab.hypervisor(name, number)
        for tenant, vni in (("blue", BLUE), ("red", RED)):
            hypervisor.tenant(tenant, vni, [lab.address(3 - number)])
        for tenant, vm, index in vms:
            hypervisor.vm(tenant, vm, index, "tap")
    protect(lab, keys)


def protect(lab: Lab, keys: tuple[KeyFolder, KeyFolder]) -> None:
    """Tenant green, with an SA each way; each hypervisor has the keys in files of its own."""
    one, other = lab.hypervisors
    pair = SaPair.fresh(one.vtep, other.vtep)
    for hypervisor, remote, sas, folder, index in ((one, other, pair, keys[0], 1),
                                                   (other, one, pair.reversed, keys[1], 2)):
        hypervisor.main.settings |= folder.settings
        tenant = hypervisor.tenant("green", GREEN_VNI, [remote.vtep], protection="ipsec", mtu=1500)
        tenant.sas = folder.sections(sas, remote.vtep)
        hypervisor.vm("green", f"green{index}", index, "tap")


def vm(lab: Lab, name: str) -> Vm:
    return next(h.vms[name] for h in lab.hypervisors if name in h.vms)


def describe(demo: Demo, lab: Lab) -> None:
    demo.title("Two hypervisors, two switches, eight virtual machines")
    print(PICTURE)
    demo.say(f"""
        Each hypervisor and each VM is a network namespace, that is a Linux network stack of its
        own; the switches are Linux bridges. On each hypervisor runs one Sallyport: it carries its
        VMs' traffic in VXLAN, tenant blue under VNI {BLUE}, tenant red under VNI {RED}, over
        whichever of its two uplinks is active. Tenant green, VNI {GREEN_VNI}, is protected: between
        the hypervisors its VXLAN travels in ESP, by AES-128-GCM.

        The tenants know nothing of each other, and use the same addresses, IP and MAC:
    """)
    if nic.simulated():
        demo.say("""
            Each hypervisor has a simulated ConnectX-6 Dx, to which its uplinks and its VMs are
            attached: the process runs on Debian 13 under the real mlx5 driver, and what the driver
            programs is executed by the simulator (docs/mlx5sim.md).
        """)
        print()
    for name in ("blue1", "red1", "green1", "blue2", "red2", "green2", "blue3", "red3"):
        machine = vm(lab, name)
        demo.show(f"{name:6} {machine.ip}  {machine.mac}")
    for hypervisor in lab.hypervisors:
        version = hypervisor.shell.json("show version")
        demo.claim(hypervisor.shell.active_uplink() == "p0",
                   f"{hypervisor.name}: Sallyport {version['sallyport']} on {version['dpdk']}, "
                   f"vtep {hypervisor.vtep}, uplink p0 is active")


def pings_and_iperf(demo: Demo, lab: Lab) -> None:
    demo.title("Within a tenant everything is reached")
    demo.say(f"""
        Twenty pings each, then iperf3 (TCP) for {demo.duration} seconds; all on this machine's
        cores, so take the speed as a sign of life.
    """)
    for one, other, where in (("blue1", "blue2", "across hypervisors"),
                              ("red1", "red2", "across hypervisors"),
                              ("green1", "green2", "across hypervisors, in ESP"),
                              ("blue1", "blue3", "within hv1"),
                              ("red3", "red2", "within hv2")):
        source, target = vm(lab, one), vm(lab, other)
        wait_ping(source, target.ip)
        pings = ping(source, target.ip, count=20)
        with IperfServer(target):
            done = iperf(source, target.ip, seconds=demo.duration)
        demo.talks[one] = pings, done
        demo.claim(clean(pings) and moved(done),
                   f"{one} -> {other} ({where}): {pings.received} of {pings.sent} pings answered in "
                   f"{pings.average_ms:.2f} ms on average, TCP {done.bits_per_second / 1e6:.0f} Mb/s",
                   pings.output)


def by_the_nic(demo: Demo, lab: Lab) -> None:
    """Only with a card: who has forwarded all that."""
    demo.title("The NIC has carried it")
    demo.say("""
        The first packet of a station goes to the CPU, which learns where it is and gives the NIC a
        rule; all that follow, the NIC forwards by itself. Its rules count them. Green's go to the CPU,
        which has to encrypt them.
    """)
    for hypervisor in lab.hypervisors:
        for tenant in ("blue", "red", "green"):
            share = Share.of(hypervisor.shell, tenant)
            demo.show(f"{hypervisor.name} {tenant:6} NIC: {share.encapsulated} encapsulated, "
                      f"{share.decapsulated} decapsulated, {share.switched} among its VMs; "
                      f"CPU: {share.cpu}")
            if tenant != "green":
                demo.claim(share.nic > 20 * share.cpu, f"of {tenant}'s packets {hypervisor.name}'s "
                           f"NIC has forwarded {share.nic} of {share.nic + share.cpu}")
            else:
                demo.claim(share.encapsulated == share.decapsulated == 0 < share.cpu,
                           "nothing of green has left or entered by the NIC alone")
    demo.show(lab.hypervisors[0].shell.run("show flow tenant blue").stdout)


def clean(pings: Pings) -> bool:
    return pings.received == pings.sent and pings.duplicates == 0


def moved(done: Transfer) -> bool:
    return done.octets > 1_000_000 and done.segment >= 1400


def apart(demo: Demo, lab: Lab) -> None:
    demo.title("Blue cannot reach red")
    demo.say("""
        With equal addresses a leak would hardly be noticed: so each VM of red listens to every
        frame that reaches it, while blue1 sends to the addresses that red uses, to everybody
        (broadcast), and from forged MAC addresses. Each frame carries a mark to know it by.
    """)
    hv1 = lab.hypervisors[0]
    blue1 = vm(lab, "blue1")
    reds = ["red1", "red2", "red3"]
    listeners = {name: Wire(vm(lab, name).namespace, "eth0") for name in (*reds, "blue2", "blue3")}
    sender = Wire(blue1.namespace, "eth0")
    mark = b"only for blue"
    before = hv1.shell.tenant("blue")
    try:
        for _ in range(100):
            for number in (2, 3):
                sender.send(unicast(blue1.mac, vm(lab, f"red{number}").mac, mark))
            sender.send(unicast(blue1.mac, "ff:ff:ff:ff:ff:ff", mark))
            sender.send(unicast("02:66:6f:72:67:65", "ff:ff:ff:ff:ff:ff", mark + b" (forged)"))
        heard = {name: len(listeners[name].expect(has(mark), f"{name} hears blue1", 200, 10))
                 for name in ("blue2", "blue3")}
        # Red's own talk after it shows that red's listeners do listen, and that all has passed.
        for name in ("red1", "red2"):
            with Wire(vm(lab, name).namespace, "eth0") as speaker:
                speaker.send(unicast(vm(lab, name).mac, "ff:ff:ff:ff:ff:ff", b"red is here"))
        leaks = {}
        for name in reds:
            frames = listeners[name].collect(
                lambda frames: any(b"red is here" in bytes(frame) for frame in frames),
                f"{name} hears red")
            leaks[name] = sum(mark in bytes(frame) for frame in frames)
        forged = hv1.shell.tenant("blue").since(before).drops["source-mac-spoofed"]
    finally:
        for wire in (sender, *listeners.values()):
            wire.close()
    demo.claim(all(count == 200 for count in heard.values()),
               f"400 frames sent by blue1: blue2 heard {heard['blue2']}, blue3 heard "
               f"{heard['blue3']} (those meant for them)")
    demo.claim(not any(leaks.values()), "red1, red2 and red3 heard 0 of them", str(leaks))
    demo.claim(forged == 100, f"{forged} frames from a forged MAC were refused, under the name "
               "source-mac-spoofed")
    result = ping(blue1, "10.0.0.1", count=1)
    demo.claim(result.received == 1, "10.0.0.1 is blue1 in blue and red1 in red: each answers "
               "only its own")


def on_the_wire(demo: Demo, lab: Lab) -> None:
    demo.title("On the wire: VXLAN")
    demo.say(f"""
        What switch A carries while blue1 and red1 both ping their 10.0.0.2, read by tcpdump: the
        outer addresses are the hypervisors', the VNI tells the tenants apart ({BLUE} is blue, {RED}
        is red), and inside are the VMs' own packets, the same in both.
    """)
    for name in ("blue1", "red1"):
        wait_ping(vm(lab, name), "10.0.0.2")
    switch = lab.switches[0].namespace
    dump = switch.start("tcpdump", "-n", "-t", "-l", "-i", "hv1", "-c", "8",
                        "udp", "port", "4789", name="tcpdump")
    try:
        dump.wait_for_text("listening on")
        for name in ("blue1", "red1"):
            ping(vm(lab, name), "10.0.0.2", count=2, interval=0.1)
        text = dump.wait_ok(15)
    finally:
        dump.stop()
    lines = [line for line in text.splitlines() if re.match(r"IP6? ", line)]
    demo.show("\n".join(lines[:16]))
    demo.claim(any(f"vni {BLUE}" in line for line in lines)
               and any(f"vni {RED}" in line for line in lines),
               "packets of both VNIs were seen between the hypervisors' vteps", text)


def on_the_wire_in_esp(demo: Demo, lab: Lab) -> None:
    demo.title("On the wire: ESP")
    demo.say(f"""
        The same for green1 and green2, but all that goes over the switch for 192.0.2.x's VXLAN and
        ESP is read. Nothing tells the VMs' packets from noise; VNI {GREEN_VNI} is never seen.
    """)
    wait_ping(vm(lab, "green1"), "10.0.0.2")
    hv1 = lab.hypervisors[0]
    before = {sa["name"]: sa["packets"] for sa in hv1.shell.json("show ipsec sa green")}
    switch = lab.switches[0].namespace
    dump = switch.start("tcpdump", "-n", "-t", "-l", "-i", "hv1", "-c", "8",
                        "udp port 4789 or ip proto 50 or ip6 proto 50", name="tcpdump")
    try:
        dump.wait_for_text("listening on")
        pings = ping(vm(lab, "green1"), "10.0.0.2", count=10, interval=0.1)
        text = dump.wait_ok(15)
    finally:
        dump.stop()
    lines = [line for line in text.splitlines() if re.match(r"IP6? ", line)]
    demo.show("\n".join(lines[:8]))
    demo.claim(clean(pings) and sum("ESP(spi=" in line for line in lines) >= 8
               and f"vni {GREEN_VNI}" not in text, "green's pings were seen as ESP only", text)
    after = {sa["name"]: sa["packets"] for sa in hv1.shell.json("show ipsec sa green")}
    demo.claim(all(after[name] - before[name] >= 10 for name in before),
               "hv1's two SAs have counted them, one each way")
    demo.show(hv1.shell.run("show ipsec sa green").stdout)


class ClearWatch:
    """Looks for green's packets in clear on both switches, on all of their ports, for as long as
    the demo runs; and for one of blue's, in the same way, so that they would have been found."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.green = [self._dump(switch, GREEN_IN_CLEAR) for switch in lab.switches]
        self.blue = self._dump(lab.switches[0], BLUE_IN_CLEAR, "-c", "1")

    @staticmethod
    def _dump(switch: Switch, packets: str, *options: str) -> Background:
        dump = switch.namespace.start("tcpdump", "-n", "-t", "-l", "-i", "any", "-y", "LINUX_SLL",
                                      "--immediate-mode", *options, packets, name="tcpdump")
        dump.wait_for_text("listening on")
        return dump

    def finish(self) -> tuple[list[str], bool, int]:
        """Green's packets in clear, whether one of blue's was seen, and how many went in ESP."""
        texts = []
        for dump in self.green:
            dump.stop()
            text = dump.text()
            if "\n0 packets dropped by kernel" not in text:
                raise ClaimFailed(f"tcpdump has not seen all: {text}")
            texts.append(text)
        found = [line for text in texts for line in text.splitlines() if "vni" in line]
        protected = sum(sa["packets"] for hypervisor in self.lab.hypervisors
                        for sa in hypervisor.shell.json("show ipsec sa green")
                        if sa["direction"] == "out")
        return found, f"vni {BLUE}" in self.blue.text(), protected

    def __enter__(self) -> ClearWatch:
        return self

    def __exit__(self, *_: object) -> None:
        for dump in (*self.green, self.blue):
            dump.stop()


def clear_and_protected(demo: Demo, watched: tuple[list[str], bool, int]) -> None:
    """What encryption costs here, and that it was there all the time."""
    demo.show(f"{'tenant':8}{'between the hypervisors':26}{'ping':>9}{'TCP':>12}")
    for name, tenant, how in (("blue1", "blue", "VXLAN"), ("green1", "green", "VXLAN in ESP")):
        pings, done = demo.talks[name]
        demo.show(f"{tenant:8}{how:26}{pings.average_ms:6.2f} ms"
                  f"{done.bits_per_second / 1e6:7.0f} Mb/s")
    clear, seen, protected = watched
    demo.claim(seen and not clear and protected > 1000,
               f"on both switches and between them only ESP was seen of green: {protected} "
               f"packets, none of VNI {GREEN_VNI} in clear",
               "\n".join(clear[:5]))


def cable_pulled(demo: Demo, lab: Lab) -> None:
    demo.title("A cable is pulled")
    demo.say("""
        blue1 talks to blue2: iperf3, pings every 2 ms, and datagrams numbered one by one, 1000 a
        second each way. In the middle of it the cable between hv1 and switch A is pulled. Expected:
        hv1 goes on over switch B, tells the switches so (gratuitous ARP), and reaches hv2, which
        stays on switch A, over the link between the switches. The TCP connection lives on.
    """)
    hv1 = lab.hypervisors[0]
    blue1, blue2 = vm(lab, "blue1"), vm(lab, "blue2")
    seconds = max(4, demo.duration)
    wait_ping(blue1, blue2.ip)
    with IperfServer(blue2), NumberedStream(blue1, blue2, port=7000) as out, \
            NumberedStream(blue2, blue1, port=7001) as back:
        tcp = blue1.namespace.start("iperf3", "-c", blue2.ip, "-t", str(seconds), "-b", "200M",
                                    "--json", name="iperf3")
        pings = blue1.namespace.start("ping", "-n", "-q", "-i", "0.002", blue2.ip, name="ping")
        before = hv1.shell.tenant("blue")
        wait_until(lambda: hv1.shell.tenant("blue").since(before).encap_packets > 2000,
                   "traffic flows")
        middle = time.monotonic() + seconds / 3
        wait_until(lambda: time.monotonic() > middle, "the middle of the run", seconds)
        lab.switches[0].pull("hv1")
        hv1.shell.wait_active("p1")
        done = parse_iperf(tcp.wait_ok(seconds + 30))
        tcp.stop()
        pings.signal(signal.SIGINT)
        pings.wait()  # its status tells of losses, which are for us to judge
        summary = parse_ping(pings.text())
        pings.stop()
        streams = {"blue1 -> blue2": out.finish(), "blue2 -> blue1": back.finish()}
    demo.claim(hv1.shell.active_uplink() == "p1", "hv1 switched from p0 to p1 by itself")
    demo.claim(lab.switches[1].port_of(hv1.underlay_mac) == "hv1",
               "switch B has learned hv1's MAC address on hv1's port")
    for name, report in streams.items():
        demo.claim(report.received > 0 and report.silence_ms < 1000 and report.duplicates == 0
                   and report.lost <= report.lost_in_silence + 50,
                   f"{name}: outage {report.silence_ms:.1f} ms, {report.lost} of {report.sent} "
                   "datagrams lost", str(report))
    demo.claim(summary.lost * 2 < 1000, f"ping every 2 ms: {summary.lost} of {summary.sent} lost",
               summary.output)
    demo.claim(moved(done), f"iperf3 ran through it: {done.octets / 1e6:.0f} MB in {seconds} s, "
               f"{done.retransmits} segments sent again")
    lab.switches[0].plug("hv1")
    wait_until(lambda: hv1.shell.json("show uplink")["uplinks"][0]["link_up"], "p0 is back")
    after = ping(blue1, blue2.ip, count=20)
    demo.claim(clean(after), "the cable is put back: p0 waits as backup, and nothing is disturbed")


def look_around(demo: Demo, lab: Lab, stay: bool) -> None:
    demo.title("Looking around")
    hv1 = lab.hypervisors[0]
    demo.say("""
        Each Sallyport has a shell on a Unix socket. sallyport-shell opens it, or runs one command:
    """)
    for command in ("show uplink", "show fdb", "show drop"):
        demo.show(f"# {hv1.shell.client} --socket {hv1.sallyport.socket} {command}")
        text = hv1.shell.run(command).stdout
        demo.show(text)
        print()
    entries = hv1.shell.fdb("blue")
    demo.claim(any(entry.vtep for entry in entries) and any(entry.vm_port for entry in entries),
               "hv1 has learned blue's MAC addresses, here and at hv2")
    if not stay:
        demo.say("With --stay the demo leaves everything running here, to look around yourself.")
        return
    print()
    for hypervisor in lab.hypervisors:
        demo.show(f"{hypervisor.shell.client} --socket {hypervisor.sallyport.socket}")
    for machine in ("blue1", "red1"):
        demo.show(f"ip netns exec {vm(lab, machine).namespace.name} ping 10.0.0.2")
    demo.show(f"ip -n {lab.switches[0].namespace.name} link set hv1 down      # pull the cable")
    try:
        input("\nEverything stays until you press ENTER. ")
    except EOFError:
        pass


def run(demo: Demo, stay: bool) -> None:
    with KeyFolder() as one, KeyFolder() as other, Lab() as lab:
        build(lab, (one, other))
        with ClearWatch(lab) as watch:
            lab.start()
            carried = (by_the_nic,) if nic.simulated() else ()
            for chapter in (describe, pings_and_iperf, *carried, apart, on_the_wire,
                            on_the_wire_in_esp, cable_pulled):
                chapter(demo, lab)
            look_around(demo, lab, stay)
            watched = watch.finish()
    demo.title("The end")
    clear_and_protected(demo, watched)
    demo.claim(not remove_leftovers(), "both processes ended well and everything was taken down")


def interrupted(number: int, _: object) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


def main() -> int:
    parser = argparse.ArgumentParser(prog="demo.sh", description=__doc__)
    parser.add_argument("--stay", action="store_true", help="leave everything running at the end")
    parser.add_argument("--duration", type=int, default=3, metavar="SECONDS",
                        help="length of each iperf3 run (default: %(default)s)")
    parser.add_argument("--nic", choices=[choice.value for choice in Nic],
                        default=Nic.SOFTWARE.value,
                        help="what the hypervisors have (default: %(default)s)")
    options = parser.parse_args()
    nic.choose(Nic(options.nic))
    if reason := nic.why_not():
        print(f"demo.py: {reason}", file=sys.stderr)
        return 1
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    remove_leftovers()
    demo = Demo(options.duration)
    try:
        run(demo, options.stay)
    except KeyboardInterrupt:
        print("\nInterrupted; everything was taken down.")
        return 130
    except (ClaimFailed, AssertionError, OSError) as failure:
        print(f"\n{RED_TEXT}FAILED{PLAIN}: {failure}\n\nWhat was done last:", file=sys.stderr)
        print("\n".join(list(journal)[-15:]), file=sys.stderr)
        return 1
    print(f"\n{demo.claims} claims, all of them seen to happen, in "
          f"{time.monotonic() - demo.started:.0f} seconds.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
