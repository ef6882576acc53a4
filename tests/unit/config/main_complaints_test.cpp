// SPDX-License-Identifier: BSD-3-Clause
// What is wrong with the main file is told with its place, its key and what would be right.
#include "helpers.h"

#include <ostream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::config::test {

namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;

struct Case {
    std::string name;
    /// In front of two good uplinks.
    std::string text;
    std::vector<std::string> messages;
};

// NOLINTNEXTLINE(readability-identifier-naming): GoogleTest's name
void PrintTo(const Case& wrong, std::ostream* out) {
    *out << wrong.name;
}

class WrongMain : public testing::TestWithParam<Case> {};

TEST_P(WrongMain, IsComplainedOf) {
    EXPECT_THAT(main_complaints(GetParam().text), ElementsAreArray(GetParam().messages));
}

std::string name_of(const testing::TestParamInfo<Case>& info) {
    return info.param.name;
}

const std::vector<Case> syntax{
    {"SyntaxError",
     "[log]\nlevel info\n",
     {"main.conf:2: cannot read 'level info'; `key = value`, `[section]` or `# comment`"}},
    {"SectionNotClosed",
     "# comment\n[log\n",
     {"main.conf:2: cannot read '[log'; `key = value`, `[section]` or `# comment`"}},
    {"SectionWithoutName", "\n[]\n", {"main.conf:2: section without a name; [NAME]"}},
    {"ValueWithoutKey", "[log]\n= x\n", {"main.conf:2: no key in front of '='; `key = value`"}},
    {"ControlCharacter",
     "[log]\nlevel = in\x01"
     "fo\n",
     {"main.conf:2: control character, or text that is not UTF-8; plain UTF-8 text"}},
    {"NotUtf8",
     "[log]\nfile = /tmp/\xfflog\n",
     {"main.conf:2: control character, or text that is not UTF-8; plain UTF-8 text"}},
    {"LineTooLong",
     "[log]\nlevel = " + std::string(4089, 'x') + "\n",
     {"main.conf:2: line of 4097 octets; at most 4096 octets"}},
    {"UnknownKey",
     "[underlay]\nmut = 1600\n",
     {"main.conf:2: underlay.mut: unknown key; did you mean `underlay.mtu`?"}},
    {"UnknownKeyLikeNone",
     "[underlay]\nabcdefghijkl = 1\n",
     {"main.conf:2: underlay.abcdefghijkl: unknown key; see docs/configuration.md for the keys"}},
    {"KeyInWrongSection",
     "[log]\nmtu = 1600\n",
     {"main.conf:2: log.mtu: unknown key; did you mean `underlay.mtu`?"}},
    {"KeyWithoutSection",
     "mtu = 1600\n",
     {"main.conf:1: mtu: unknown key; did you mean `underlay.mtu`?"}},
    {"UnknownSectionOnce",
     "[underley]\nmtu = 1\nttl = 1\n",
     {"main.conf:1: unknown section [underley]; did you mean [underlay]?"}},
    {"UnknownSectionWithName",
     "[uplnk.p0]\ndevice = x\n",
     {"main.conf:1: unknown section [uplnk.p0]; did you mean [uplink.p0]?"}},
    {"UnknownSectionLikeNone",
     "[blackjack]\n",
     {"main.conf:1: unknown section [blackjack]; one of [node], [log], [eswitch], [underlay], "
      "[uplink.NAME], [workers], [ipsec], [shell], [limits], [tenants], [failover]"}},
    {"GivenTwice",
     "[log]\nlevel = info\n\nlevel = debug\n",
     {"main.conf:4: log.level: given twice; once; first at line 2"}},
    {"GivenTwiceInTwoSpellings",
     "underlay.mtu = 1600\n[underlay]\nmtu = 1600\n",
     {"main.conf:3: underlay.mtu: given twice; once; first at line 1"}},
};
INSTANTIATE_TEST_SUITE_P(Syntax, WrongMain, testing::ValuesIn(syntax), name_of);

constexpr const char* name_rule =
    "letters, digits, '-', '_' and '.', a letter or digit at both ends, at most 63 characters";

const std::vector<Case> values{
    {"EswitchKind",
     "eswitch = mlx4\n",
     {"main.conf:1: eswitch: 'mlx4' is no known word; none or mlx5"}},
    {"EswitchPci",
     "[eswitch]\npci = 08:00.0\n",
     {"main.conf:2: eswitch.pci: '08:00.0' is no PCI address; that of the card's first port, as "
      "`0000:08:00.0`"}},
    {"EswitchQueue",
     "[eswitch]\nflow_queue_size = 63\n",
     {"main.conf:2: eswitch.flow_queue_size: '63' is out of range; 64 to 65536 (operations "
      "in flight)"}},
    {"EswitchOfOrdinaryPorts",
     "eswitch = mlx5\n",
     {"main.conf: eswitch.pci: missing; the PCI address of the card's first port, as "
      "`0000:08:00.0`",
      "main.conf:3: uplink.p0.device: 'net_af_packet0,iface=up0' with eswitch = mlx5; `pf0`: the "
      "uplinks are the card's ports, in their order",
      "main.conf:6: uplink.p1.device: 'net_af_packet1,iface=up1' with eswitch = mlx5; `pf1`: the "
      "uplinks are the card's ports, in their order"}},
    {"NodeName",
     "[node]\nname = a b\n",
     {std::string("main.conf:2: node.name: 'a b' is no name; ") + name_rule}},
    {"NodeNameMissing",
     "[node]\nname =\n",
     {std::string("main.conf:2: node.name: no value; ") + name_rule}},
    {"LogLevel",
     "[log]\nlevel = loud\n",
     {"main.conf:2: log.level: 'loud' is no known word; trace, debug, info, warning or error"}},
    {"LogFormat",
     "[log]\nformat = xml\n",
     {"main.conf:2: log.format: 'xml' is no known word; text or json"}},
    {"LogFile", "[log]\nfile =\n", {"main.conf:2: log.file: no value; a path"}},
    {"MtuSmall",
     "[underlay]\nmtu = 1279\n",
     {"main.conf:2: underlay.mtu: '1279' is out of range; 1280 to 9702 (octets of one outer IP "
      "packet)"}},
    {"MtuLarge",
     "[underlay]\nmtu = 9703\n",
     {"main.conf:2: underlay.mtu: '9703' is out of range; 1280 to 9702 (octets of one outer IP "
      "packet)"}},
    {"MtuNoNumber",
     "[underlay]\nmtu = 1600 octets\n",
     {"main.conf:2: underlay.mtu: '1600 octets' is no decimal number; 1280 to 9702 (octets of one "
      "outer IP packet)"}},
    {"NegativeNumber",
     "[underlay]\nttl = -1\n",
     {"main.conf:2: underlay.ttl: '-1' is no decimal number; 1 to 255"}},
    {"NumberBeyond64Bits",
     "[underlay]\nttl = 99999999999999999999999\n",
     {"main.conf:2: underlay.ttl: '99999999999999999999999' is out of range; 1 to 255"}},
    {"HostPort",
     "[underlay]\nhost_port = sallyport-host-0\n",
     {"main.conf:2: underlay.host_port: 'sallyport-host-0' is no interface name; at most 15 "
      "characters, without '/', ':' and blanks"}},
    {"AddressWithoutLength",
     "[underlay]\naddress = 192.0.2.1\n",
     {"main.conf:2: underlay.address: '192.0.2.1' is no address with prefix length; "
      "ADDRESS/LENGTH, as `192.0.2.1/24` or `2001:db8::1/64`"}},
    {"AddressLengthTooLong",
     "[underlay]\naddress = 192.0.2.1/33\n",
     {"main.conf:2: underlay.address: '192.0.2.1/33' is no address with prefix length; "
      "ADDRESS/LENGTH, as `192.0.2.1/24` or `2001:db8::1/64`"}},
    {"AddressMulticast",
     "[underlay]\naddress = ff02::1/64\n",
     {"main.conf:2: underlay.address: ff02::1 is a multicast or broadcast address; a unicast "
      "address of the underlay"}},
    {"AddressTwice",
     "[underlay]\naddress = 192.0.2.1/24\naddress = 192.0.2.1/32\n",
     {"main.conf:3: underlay.address: 192.0.2.1 is given twice; once; first at line 2"}},
    {"AddressWithoutHostPort",
     "[underlay]\nhost_port = none\naddress = 192.0.2.1/24\n",
     {"main.conf:3: underlay.address: there is no host port to give the address to; "
      "underlay.host_port = NAME, or no underlay.address"}},
    {"Mac",
     "[underlay]\nmac = 02:00\n",
     {"main.conf:2: underlay.mac: '02:00' is no MAC address; the MAC address of one station, as "
      "`02:00:00:00:00:01`"}},
    {"MacMulticast",
     "[underlay]\nmac = 01:00:5e:00:00:01\n",
     {"main.conf:2: underlay.mac: 01:00:5e:00:00:01 is a multicast address; the MAC address of one "
      "station, as `02:00:00:00:00:01`"}},
    {"MacZero",
     "[underlay]\nmac = 0:0:0:0:0:0\n",
     {"main.conf:2: underlay.mac: 00:00:00:00:00:00 is zero; the MAC address of one station, as "
      "`02:00:00:00:00:01`"}},
    {"Dscp",
     "[underlay]\ndscp = 64\n",
     {"main.conf:2: underlay.dscp: '64' is out of range; 0 to 63 (or `inherit`)"}},
    {"DontFragment",
     "[underlay]\ndf = true\n",
     {"main.conf:2: underlay.df: 'true' is no known word; on or off"}},
    {"UdpChecksum",
     "[underlay]\nudp_checksum = none\n",
     {"main.conf:2: underlay.udp_checksum: 'none' is no known word; auto, zero or computed"}},
    {"ZeroChecksum",
     "[underlay]\nudp6_zero_checksum = on\n",
     {"main.conf:2: underlay.udp6_zero_checksum: 'on' is no known word; accept or drop"}},
    {"SourcePortsBackwards",
     "[underlay]\nsource_ports = 2-1\n",
     {"main.conf:2: underlay.source_ports: '2-1' is no range of UDP ports; FIRST-LAST, 1 to 65535, "
      "as `49152-65535`"}},
    {"SourcePortsTooLarge",
     "[underlay]\nsource_ports = 1-65536\n",
     {"main.conf:2: underlay.source_ports: '1-65536' is no range of UDP ports; FIRST-LAST, 1 to "
      "65535, as `49152-65535`"}},
    {"SourcePortsOne",
     "[underlay]\nsource_ports = 4000\n",
     {"main.conf:2: underlay.source_ports: '4000' is no range of UDP ports; FIRST-LAST, 1 to "
      "65535, as `49152-65535`"}},
    {"PollInterval",
     "[failover]\npoll_interval_ms = 0\n",
     {"main.conf:2: failover.poll_interval_ms: '0' is out of range; 1 to 1000 (milliseconds)"}},
    {"NeighbourTarget",
     "[failover]\nneighbour_target = ff02::1\n",
     {"main.conf:2: failover.neighbour_target: ff02::1 is a multicast or broadcast "
      "address; a unicast address of the underlay"}},
    {"NeighbourTargetTwice",
     "[failover]\nneighbour_target = 192.0.2.9\nneighbour_target = 192.0.2.9\n",
     {"main.conf:3: failover.neighbour_target: 192.0.2.9 is given twice; once"}},
    {"NeighbourNeeded",
     "[failover]\nneighbour_needed = one\n",
     {"main.conf:2: failover.neighbour_needed: 'one' is no known word; any or all"}},
    {"NeighbourInterval",
     "[failover]\nneighbour_interval_ms = 9\n",
     {"main.conf:2: failover.neighbour_interval_ms: '9' is out of range; 10 to 60000 "
      "(milliseconds)"}},
    {"NeighbourMissedMax",
     "[failover]\nneighbour_missed_max = 0\n",
     {"main.conf:2: failover.neighbour_missed_max: '0' is out of range; 1 to 255 (probes)"}},
    {"BfdInterval",
     "[failover]\nbfd_interval_ms = 1\n",
     {"main.conf:2: failover.bfd_interval_ms: '1' is out of range; 10 to 60000 (milliseconds)"}},
    {"BfdMultiplier",
     "[failover]\nbfd_multiplier = 0\n",
     {"main.conf:2: failover.bfd_multiplier: '0' is out of range; 1 to 255 (packets)"}},
    {"AnnounceCount",
     "[failover]\nannounce_count = 256\n",
     {"main.conf:2: failover.announce_count: '256' is out of range; 1 to 255"}},
    {"AnnounceInterval",
     "[failover]\nannounce_interval_ms = 10001\n",
     {"main.conf:2: failover.announce_interval_ms: '10001' is out of range; 1 to 10000 "
      "(milliseconds)"}},
    {"Idle",
     "[workers]\nidle = nap\n",
     {"main.conf:2: workers.idle: 'nap' is no known word; sleep or spin"}},
    {"MaxSleep",
     "[workers]\nmax_sleep_us = 10001\n",
     {"main.conf:2: workers.max_sleep_us: '10001' is out of range; 1 to 10000 (microseconds)"}},
    {"SocketTooLong",
     "[shell]\nsocket = /" + std::string(120, 's') + "\n",
     {"main.conf:2: shell.socket: path of 121 octets; at most 107 octets, the most that a Unix "
      "socket takes"}},
    {"LimitTenants",
     "[limits]\ntenants = 16385\n",
     {"main.conf:2: limits.tenants: '16385' is out of range; 1 to 16384"}},
    {"LimitFdb",
     "[limits]\nfdb_entries = 63\n",
     {"main.conf:2: limits.fdb_entries: '63' is out of range; 64 to 8388608"}},
    {"LimitTunnels",
     "[limits]\ntunnels = 8388609\n",
     {"main.conf:2: limits.tunnels: '8388609' is out of range; 64 to 8388608"}},
    {"LimitBuffers",
     "[limits]\nbuffers = 1023\n",
     {"main.conf:2: limits.buffers: '1023' is out of range; 1024 to 4194304"}},
};
INSTANTIATE_TEST_SUITE_P(Values, WrongMain, testing::ValuesIn(values), name_of);

const std::vector<Case> references{
    {"Primary",
     "[failover]\nprimary = p2\n",
     {"main.conf:2: failover.primary: no uplink is named 'p2'; p0 or p1 or none"}},
    {"Preempt",
     "[failover]\npreempt = now\n",
     {"main.conf:2: failover.preempt: 'now' is no known word; never, failure or always"}},
    {"NextHop",
     "[underlay]\nnexthop = 192.0.2.254\n",
     {"main.conf:2: underlay.nexthop: '192.0.2.254' is no next hop; ADDRESS MAC [UPLINK], as "
      "`192.0.2.254 02:00:00:00:00:fe`"}},
    {"NextHopUplink",
     "[underlay]\nnexthop = 192.0.2.254 02:00:00:00:00:fe p9\n",
     {"main.conf:2: underlay.nexthop: no uplink is named 'p9'; p0 or p1"}},
    {"NextHopAddress",
     "[underlay]\nnexthop = 192.0.2.256 02:00:00:00:00:fe p0\n",
     {"main.conf:2: underlay.nexthop: '192.0.2.256' is no IP address; as `192.0.2.1` or "
      "`2001:db8::1`"}},
    {"NextHopMac",
     "[underlay]\nnexthop = 192.0.2.254 03:00:00:00:00:fe p0\n",
     {"main.conf:2: underlay.nexthop: 03:00:00:00:00:fe is a multicast address; the MAC address of "
      "one station, as `02:00:00:00:00:01`"}},
    {"NextHopTwice",
     "[underlay]\nnexthop = 192.0.2.254 02:00:00:00:00:fe p0\n"
     "nexthop = 192.0.2.254 02:00:00:00:00:ff p1\n"
     "nexthop = 192.0.2.254 02:00:00:00:00:ff\n",
     {"main.conf:4: underlay.nexthop: 192.0.2.254 is given twice; one MAC for each uplink; first "
      "at line 2"}},
    {"ThirdUplink",
     "[uplink.p9]\ndevice = net_null0\n",
     {"main.conf:6: uplink.p1: uplink number 3; exactly two uplinks"}},
    {"SameUplinkTwice",
     "[uplink.p0]\ndevice = net_null0\n",
     {"main.conf:4: uplink.p0.device: given twice; once; first at line 2"}},
};
INSTANTIATE_TEST_SUITE_P(References, WrongMain, testing::ValuesIn(references), name_of);

TEST(MainUplinks, NoneAtAll) {
    EXPECT_THAT(complaints_of({{"main.conf", ""}}),
                ElementsAre("main.conf: uplink: no uplink; exactly two sections [uplink.NAME], "
                            "each with its device"));
}

TEST(MainUplinks, OnlyOne) {
    EXPECT_THAT(complaints_of({{"main.conf", "[uplink.p0]\ndevice = net_null0\n"}}),
                ElementsAre("main.conf: uplink: only one uplink, p0; exactly two sections "
                            "[uplink.NAME], each with its device"));
}

TEST(MainUplinks, DeviceMissing) {
    EXPECT_THAT(complaints_of({{"main.conf", "[uplink.p0]\ndevice = net_null0\n[uplink.p1]\n"}}),
                ElementsAre("main.conf:3: uplink.p1.device: missing; DPDK device arguments, as "
                            "`0000:03:00.0` or `net_af_packet0,iface=eth1`"));
}

TEST(MainUplinks, NamesReservedForCommands) {
    EXPECT_THAT(complaints_of({{"main.conf", "[uplink.all]\ndevice = net_null0\n"
                                             "[uplink.json]\ndevice = ,x\n"}}),
                ElementsAre("main.conf:1: uplink.all: 'all' is reserved for commands; another name",
                            "main.conf:3: uplink.json: 'json' is reserved for commands; another "
                            "name",
                            "main.conf:4: uplink.json.device: ',x' is no device; DPDK device "
                            "arguments, as `net_tap0,iface=blue1` or `0000:03:00.2`"));
}

TEST(MainText, NothingIsReadBehindANul) {
    const std::string text = std::string("[log]\nlevel = loud\nx") + '\0' + "y\nformat = xml\n";
    EXPECT_THAT(complaints_of({{"main.conf", std::string(uplinks) + text}}),
                ElementsAre("main.conf:8: log.level: 'loud' is no known word; trace, debug, info, "
                            "warning or error",
                            "main.conf:9: NUL octet; a text file in UTF-8; nothing from here on "
                            "was read"));
}

TEST(MainText, ByteOrderMarkCarriageReturnsAndCommentsAreTolerated) {
    const std::string text = "\xef\xbb\xbf[log]\r\n  level = debug\t# why not\r\n\r\n"
                             "# caf\xc3\xa9\r\n[underlay]\r\nmtu=9000\r\n";
    const auto settings = parse({"main.conf", text + std::string(uplinks)}, {});
    ASSERT_TRUE(settings) << settings.error().front().message();
    EXPECT_EQ(settings->log.level, "debug");
    EXPECT_EQ(settings->underlay.mtu, 9000);
}

TEST(MainText, LongValuesAreCutInComplaints) {
    EXPECT_THAT(main_complaints("[log]\nlevel = " + std::string(79, 'x') + "\xc3\xa9tail\n"),
                ElementsAre("main.conf:2: log.level: '" + std::string(79, 'x')
                            + "...' is no known word; trace, debug, info, warning or error"));
}

TEST(MainText, AllComplaintsAtOnceByLine) {
    EXPECT_THAT(main_complaints("[log]\nlevel = loud\nlevl = info\n[nowhere.x]\njunk\n"),
                ElementsAre(testing::StartsWith("main.conf:2: log.level: "),
                            testing::StartsWith("main.conf:3: log.levl: "),
                            testing::StartsWith("main.conf:4: unknown section"),
                            testing::StartsWith("main.conf:5: cannot read 'junk'")));
}

TEST(MainText, GoodTextHasNoComplaint) {
    EXPECT_THAT(main_complaints(""), IsEmpty());
}

} // namespace

} // namespace sallyport::config::test
