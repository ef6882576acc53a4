// SPDX-License-Identifier: BSD-3-Clause
// What is wrong with a tenant file is told with its place, its key and what would be right.
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
    /// Behind the three lines of a good identity: its first line is line 4.
    std::string text;
    std::vector<std::string> messages;
};

// NOLINTNEXTLINE(readability-identifier-naming): GoogleTest's name
void PrintTo(const Case& wrong, std::ostream* out) {
    *out << wrong.name;
}

class WrongTenant : public testing::TestWithParam<Case> {};

TEST_P(WrongTenant, IsComplainedOf) {
    EXPECT_THAT(tenant_complaints(GetParam().text), ElementsAreArray(GetParam().messages));
}

std::string name_of(const testing::TestParamInfo<Case>& info) {
    return info.param.name;
}

const std::vector<Case> values{
    {"UnknownKey",
     "remote_vetp = 192.0.2.2\n",
     {"blue.conf:4: remote_vetp: unknown key; did you mean `remote_vtep`?"}},
    {"UnknownSection",
     "[vmport.vm1]\n",
     {"blue.conf:4: unknown section [vmport.vm1]; did you mean [vm_port.vm1]?"}},
    {"KeyBehindSection",
     "[vm_port.vm1]\ndevice = net_null1\nmac = any\nmtu = 1400\n",
     {"blue.conf:7: vm_port.vm1.mtu: unknown key; `mtu` stands in front of the first [section] "
      "line"}},
    {"UnknownVmPortKey",
     "[vm_port.vm1]\ndevice = net_null1\nmac = any\nmacs = any\n",
     {"blue.conf:7: vm_port.vm1.macs: unknown key; did you mean `vm_port.vm1.mac`?"}},
    {"NameTwice", "name = red\n", {"blue.conf:4: name: given twice; once; first at line 1"}},
    {"UdpPort", "udp_port = 0\n", {"blue.conf:4: udp_port: '0' is out of range; 1 to 65535"}},
    {"MtuSmall",
     "mtu = 67\n",
     {"blue.conf:4: mtu: '67' is out of range; 68 to 1550 (underlay.mtu 1600 less 50 of VXLAN over "
      "IPv4)"}},
    {"MtuDoesNotFit",
     "mtu = 1551\n",
     {"blue.conf:4: mtu: '1551' is out of range; 68 to 1550 (underlay.mtu 1600 less 50 of VXLAN "
      "over IPv4)"}},
    {"Learning", "learning = yes\n", {"blue.conf:4: learning: 'yes' is no known word; on or off"}},
    {"Flooding", "flooding = On\n", {"blue.conf:4: flooding: 'On' is no known word; on or off"}},
    {"InnerVlan",
     "inner_vlan = keep\n",
     {"blue.conf:4: inner_vlan: 'keep' is no known word; drop or pass"}},
    {"AgeingTime",
     "ageing_time = 5m\n",
     {"blue.conf:4: ageing_time: '5m' is no decimal number; 0 to 1000000 (seconds; 0: never)"}},
    {"MaxLearned",
     "max_learned = 0\n",
     {"blue.conf:4: max_learned: '0' is out of range; 1 to 8388608"}},
};
INSTANTIATE_TEST_SUITE_P(Values, WrongTenant, testing::ValuesIn(values), name_of);

const std::vector<Case> remotes{
    {"NoAddress",
     "remote_vtep = host.example\n",
     {"blue.conf:4: remote_vtep: 'host.example' is no IP address; as `192.0.2.1` or "
      "`2001:db8::1`"}},
    {"FamilyMismatch",
     "remote_vtep = 2001:db8::2\n",
     {"blue.conf:4: remote_vtep: 2001:db8::2 is IPv6; an IPv4 address, as local_vtep 192.0.2.1"}},
    {"IsLocal",
     "remote_vtep = 192.0.2.1\n",
     {"blue.conf:4: remote_vtep: 192.0.2.1 is this tenant's local_vtep; the address of another "
      "hypervisor"}},
    {"Twice",
     "remote_vtep = 192.0.2.2\nremote_vtep = 192.0.2.2\n",
     {"blue.conf:5: remote_vtep: 192.0.2.2 is given twice; once; first at line 4"}},
    {"Unspecified",
     "remote_vtep = 0.0.0.0\n",
     {"blue.conf:4: remote_vtep: 0.0.0.0 is the unspecified address; a unicast address of the "
      "underlay"}},
    {"Multicast",
     "remote_vtep = 239.1.1.1\n",
     {"blue.conf:4: remote_vtep: 239.1.1.1 is a multicast or broadcast address; a unicast address "
      "of the underlay"}},
    {"Loopback",
     "remote_vtep = 127.0.0.1\n",
     {"blue.conf:4: remote_vtep: 127.0.0.1 is a loopback address; a unicast address of the "
      "underlay"}},
    {"Mapped",
     "remote_vtep = ::ffff:192.0.2.2\n",
     {"blue.conf:4: remote_vtep: ::ffff:192.0.2.2 is an IPv4-mapped IPv6 address; a unicast "
      "address of the underlay"}},
};
INSTANTIATE_TEST_SUITE_P(Remotes, WrongTenant, testing::ValuesIn(remotes), name_of);

const std::vector<Case> vm_ports{
    {"DeviceMissing",
     "[vm_port.vm1]\nmac = any\n",
     {"blue.conf:4: vm_port.vm1.device: missing; DPDK device arguments, as `net_tap0,iface=vm1`"}},
    {"DeviceEmpty",
     "[vm_port.vm1]\ndevice =\nmac = any\n",
     {"blue.conf:5: vm_port.vm1.device: no value; DPDK device arguments, as "
      "`net_tap0,iface=blue1` or `0000:03:00.2`"}},
    {"MacMissing",
     "[vm_port.vm1]\ndevice = net_null1\n",
     {"blue.conf:4: vm_port.vm1.mac: missing; the MAC address that the VM may send from, or "
      "`any`"}},
    {"MacMulticast",
     "[vm_port.vm1]\ndevice = net_null1\nmac = ff:ff:ff:ff:ff:ff\n",
     {"blue.conf:6: vm_port.vm1.mac: ff:ff:ff:ff:ff:ff is a multicast address; the MAC address of "
      "one station, as `02:00:00:00:00:01`"}},
    {"MacTwiceInPort",
     "[vm_port.vm1]\ndevice = net_null1\nmac = 02:00:00:00:00:01\nmac = 2:0:0:0:0:1\n",
     {"blue.conf:7: vm_port.vm1.mac: 02:00:00:00:00:01 is given twice in this tenant; another MAC; "
      "first at line 6, vm port vm1"}},
    {"MacTwiceInTenant",
     "[vm_port.vm1]\ndevice = net_null1\nmac = 02:00:00:00:00:01\n"
     "[vm_port.vm2]\ndevice = net_null2\nmac = 02-00-00-00-00-01\n",
     {"blue.conf:9: vm_port.vm2.mac: 02:00:00:00:00:01 is given twice in this tenant; another MAC; "
      "first at line 6, vm port vm1"}},
    {"AnyBesideMac",
     "[vm_port.vm1]\ndevice = net_null1\nmac = 02:00:00:00:00:01\nmac = any\n",
     {"blue.conf:7: vm_port.vm1.mac: `any` beside other MAC addresses; `any` alone, or MAC "
      "addresses only; first at line 6"}},
    {"AnyTwice",
     "[vm_port.vm1]\ndevice = net_null1\nmac = any\nmac = any\n",
     {"blue.conf:6: vm_port.vm1.mac: `any` beside other MAC addresses; `any` alone, or MAC "
      "addresses only; first at line 6"}},
    {"BurstAlone",
     "[vm_port.vm1]\ndevice = net_null1\nmac = any\nburst = 20k\n",
     {"blue.conf:7: vm_port.vm1.burst: a burst without a rate; vm_port.vm1.rate = BITS PER SECOND "
      "beside it"}},
    {"RateInWords",
     "[vm_port.vm1]\ndevice = net_null1\nmac = any\nrate = 20mbit\n",
     {"blue.conf:7: vm_port.vm1.rate: '20mbit' is no decimal number; 8000 to 2000000000000 (bits "
      "per second), as `1500000`, `1500k`, `20M` or `10G`"}},
    {"RateOfNothing",
     "[vm_port.vm1]\ndevice = net_null1\nmac = any\nrate = M\n",
     {"blue.conf:7: vm_port.vm1.rate: 'M' is no decimal number; 8000 to 2000000000000 (bits per "
      "second), as `1500000`, `1500k`, `20M` or `10G`"}},
    {"RateTooLow",
     "[vm_port.vm1]\ndevice = net_null1\nmac = any\nrate = 7k\n",
     {"blue.conf:7: vm_port.vm1.rate: '7k' is out of range; 8000 to 2000000000000 (bits per "
      "second), as `1500000`, `1500k`, `20M` or `10G`"}},
    {"RateBeyond64Bits",
     "[vm_port.vm1]\ndevice = net_null1\nmac = any\nrate = 18446744073709551615G\n",
     {"blue.conf:7: vm_port.vm1.rate: '18446744073709551615G' is out of range; 8000 to "
      "2000000000000 (bits per second), as `1500000`, `1500k`, `20M` or `10G`"}},
    {"BurstBelowAFrame",
     "mtu = 1400\n[vm_port.vm1]\ndevice = net_null1\nmac = any\nrate = 1G\nburst = 1417\n",
     {"blue.conf:9: vm_port.vm1.burst: '1417' is out of range; 1418 to 4000000000 (octets, at "
      "least the largest frame), as `1500000`, `1500k`, `20M` or `10G`"}},
    {"BadName",
     "[vm_port.-x]\ndevice = net_null1\nmac = any\n",
     {"blue.conf:4: vm_port.-x: '-x' is no name; letters, digits, '-', '_' and '.', a letter or "
      "digit at both ends, at most 63 characters"}},
};
INSTANTIATE_TEST_SUITE_P(VmPorts, WrongTenant, testing::ValuesIn(vm_ports), name_of);

const std::string vm1 = "[vm_port.vm1]\ndevice = net_null1\nmac = 02:00:00:00:00:01\n";

const std::vector<Case> fdb{
    {"NoEntry",
     "fdb = 02:00:00:00:00:09 192.0.2.2\n",
     {"blue.conf:4: fdb: '02:00:00:00:00:09 192.0.2.2' is no fdb entry; MAC vtep ADDRESS, or MAC "
      "port NAME"}},
    {"MacMulticast",
     "remote_vtep = 192.0.2.2\nfdb = 01:00:5e:00:00:09 vtep 192.0.2.2\n",
     {"blue.conf:5: fdb: 01:00:5e:00:00:09 is a multicast address; the MAC address of one station, "
      "as `02:00:00:00:00:01`"}},
    {"Twice",
     "remote_vtep = 192.0.2.2\nfdb = 02:00:00:00:00:09 vtep 192.0.2.2\n"
     "fdb = 02:00:00:00:00:09 port vm1\n"
         + vm1,
     {"blue.conf:6: fdb: 02:00:00:00:00:09 is given twice; one fdb entry for a MAC; first at line "
      "5"}},
    {"UnknownPort",
     "fdb = 02:00:00:00:00:09 port vm2\n" + vm1,
     {"blue.conf:4: fdb: no vm port of this tenant is named 'vm2'; did you mean vm1?"}},
    {"UnknownPortOfNone",
     "fdb = 02:00:00:00:00:09 port vm2\n",
     {"blue.conf:4: fdb: no vm port of this tenant is named 'vm2'; a section [vm_port.vm2]"}},
    {"UnknownVtep",
     "remote_vtep = 192.0.2.2\nfdb = 02:00:00:00:00:09 vtep 192.0.2.3\n",
     {"blue.conf:5: fdb: 192.0.2.3 is no remote_vtep of this tenant; a remote_vtep, as "
      "192.0.2.2"}},
    {"UnknownVtepOfNone",
     "fdb = 02:00:00:00:00:09 vtep 192.0.2.3\n",
     {"blue.conf:4: fdb: 192.0.2.3 is no remote_vtep of this tenant; remote_vtep = 192.0.2.3 "
      "beside it"}},
    {"MacOfAVmElsewhere",
     "remote_vtep = 192.0.2.2\nfdb = 02:00:00:00:00:01 vtep 192.0.2.2\n" + vm1,
     {"blue.conf:5: fdb: 02:00:00:00:00:01 is the MAC of vm port vm1 at line 8; no fdb entry, or "
      "one for that vm port"}},
};
INSTANTIATE_TEST_SUITE_P(Fdb, WrongTenant, testing::ValuesIn(fdb), name_of);

TEST(TenantIdentity, Missing) {
    EXPECT_THAT(complaints_of({{"main.conf", std::string(uplinks)}, {"blue.conf", "# empty\n"}}),
                ElementsAre("blue.conf: name: missing; name = NAME, the tenant's unique name",
                            "blue.conf: vni: missing; vni = NUMBER, 1 to 16777215",
                            "blue.conf: local_vtep: missing; local_vtep = ADDRESS, our VXLAN "
                            "address"));
}

TEST(TenantIdentity, Wrong) {
    EXPECT_THAT(complaints_of({{"main.conf", std::string(uplinks)},
                               {"blue.conf", "name = host\nvni = 16777216\nlocal_vtep = ::1\n"}}),
                ElementsAre("blue.conf:1: name: 'host' is reserved for commands; another name",
                            "blue.conf:2: vni: '16777216' is out of range; 1 to 16777215 (24 bits)",
                            "blue.conf:3: local_vtep: ::1 is a loopback address; a unicast address "
                            "of the underlay"));
}

TEST(TenantIdentity, VniZero) {
    EXPECT_THAT(complaints_of({{"main.conf", std::string(uplinks)},
                               {"blue.conf", "name = b\nvni = 0\nlocal_vtep = 2001:db8::1\n"}}),
                ElementsAre("blue.conf:2: vni: '0' is out of range; 1 to 16777215 (24 bits)"));
}

TEST(TenantMtu, IsHeldAgainstTheUnderlayOfItsFamily) {
    const std::string text = "name = b\nvni = 1\nlocal_vtep = 2001:db8::1\nmtu = ";
    const auto complaints = [&text](const std::string& mtu) {
        return complaints_of({{"main.conf", "[underlay]\nmtu = 9216\n" + std::string(uplinks)},
                              {"blue.conf", text + mtu + "\n"}});
    };
    EXPECT_THAT(complaints("9146"), IsEmpty());
    EXPECT_THAT(complaints("9147"),
                ElementsAre("blue.conf:4: mtu: '9147' is out of range; 68 to 9146 (underlay.mtu "
                            "9216 less 70 of VXLAN over IPv6)"));
}

TEST(TenantMtu, IsNotHeldAgainstAWrongUnderlayMtu) {
    EXPECT_THAT(tenant_complaints("mtu = 9000\n", "[underlay]\nmtu = 99999\n"),
                ElementsAre(testing::StartsWith("main.conf:2: underlay.mtu: ")));
}

TEST(TenantFdb, MayRepeatWhereAVmIs) {
    EXPECT_THAT(tenant_complaints("fdb = 02:00:00:00:00:01 port vm1\n" + vm1), IsEmpty());
}

} // namespace

} // namespace sallyport::config::test
