// SPDX-License-Identifier: BSD-3-Clause
// What clashes across files is told where it stands the second time, with the first place.
#include "helpers.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::config::test {

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

FileText tenant(const std::string& name, const std::string& vni, const std::string& more = {}) {
    return {name + ".conf",
            "name = " + name + "\nvni = " + vni + "\nlocal_vtep = 192.0.2.1\n" + more};
}

std::string vm_port(const std::string& name, const std::string& device) {
    return "[vm_port." + name + "]\ndevice = " + device + "\nmac = 02:00:00:00:00:01\n";
}

TEST(Clashes, TenantsMayShareVtepsMacsAndFdb) {
    const std::string rest = "remote_vtep = 192.0.2.2\nfdb = 02:00:00:00:00:09 vtep 192.0.2.2\n";
    EXPECT_THAT(complaints_of({main_file, tenant("blue", "1", rest + vm_port("b1", "net_tap1")),
                               tenant("red", "2", rest + vm_port("r1", "net_tap2"))}),
                IsEmpty());
}

TEST(Clashes, Vni) {
    EXPECT_THAT(complaints_of({main_file, tenant("blue", "100"), tenant("red", "0100")}),
                ElementsAre("red.conf:2: vni: VNI '100' is used twice; another; first by tenant "
                            "blue (blue.conf:2)"));
}

TEST(Clashes, TenantName) {
    EXPECT_THAT(
        complaints_of({main_file, tenant("blue", "1"), {"x.conf", tenant("blue", "2").text}}),
        ElementsAre("x.conf:1: name: name 'blue' is used twice; another; first by tenant "
                    "blue (blue.conf:1)"));
}

TEST(Clashes, WrongValuesDoNotClash) {
    EXPECT_THAT(complaints_of({main_file, tenant("blue", "0"), tenant("red", "0")}),
                ElementsAre("blue.conf:2: vni: '0' is out of range; 1 to 16777215 (24 bits)",
                            "red.conf:2: vni: '0' is out of range; 1 to 16777215 (24 bits)"));
}

TEST(Clashes, VmPortNameOverAllTenants) {
    EXPECT_THAT(
        complaints_of({main_file, tenant("blue", "1", vm_port("vm1", "net_tap1")),
                       tenant("red", "2", vm_port("vm1", "net_tap2"))}),
        ElementsAre("red.conf:4: vm_port.vm1: port name 'vm1' is used twice; another; first "
                    "by vm port vm1 of tenant blue (blue.conf:4)"));
}

TEST(Clashes, VmPortNameOfAnUplink) {
    EXPECT_THAT(complaints_of({main_file, tenant("blue", "1", vm_port("p1", "net_tap1"))}),
                ElementsAre("blue.conf:4: vm_port.p1: port name 'p1' is used twice; another; first "
                            "by uplink p1 (main.conf:4)"));
}

TEST(Clashes, DeviceOfTwoUplinks) {
    EXPECT_THAT(complaints_of({{"main.conf", "[uplink.a]\ndevice = 0000:03:00.0\n"
                                             "[uplink.b]\ndevice = pci:03:00.0,x=1\n"}}),
                ElementsAre("main.conf:4: uplink.b.device: device '0000:03:00.0' is used twice; "
                            "another; first by uplink a (main.conf:2)"));
}

TEST(Clashes, DeviceOfUplinkAndVmPort) {
    EXPECT_THAT(
        complaints_of({main_file, tenant("blue", "1", vm_port("vm1", "net_af_packet0,iface=vm1"))}),
        ElementsAre("blue.conf:5: vm_port.vm1.device: device 'net_af_packet0' is used twice; "
                    "another; first by uplink p0 (main.conf:2)"));
}

TEST(Clashes, InterfaceOfTwoDevices) {
    EXPECT_THAT(complaints_of({main_file, tenant("blue", "1", vm_port("vm1", "net_tap1,iface=vm1")),
                               tenant("red", "2", vm_port("vm2", "net_tap2,mac=fixed,iface=vm1"))}),
                ElementsAre("red.conf:5: vm_port.vm2.device: device 'iface=vm1' is used twice; "
                            "another; first by vm port vm1 of tenant blue (blue.conf:5)"));
}

TEST(Clashes, RepresentorsOfOneDeviceAreTheirOwn) {
    const auto complaints = [](const std::string& second) {
        return complaints_of(
            {main_file, tenant("blue", "1", vm_port("vm1", "0000:03:00.0,representor=vf0")),
             tenant("red", "2", vm_port("vm2", "0000:03:00.0,representor=" + second))});
    };
    EXPECT_THAT(complaints("vf1"), IsEmpty());
    EXPECT_THAT(complaints("vf0"),
                ElementsAre("red.conf:5: vm_port.vm2.device: device '0000:03:00.0,representor=vf0' "
                            "is used twice; another; first by vm port vm1 of tenant blue "
                            "(blue.conf:5)"));
}

TEST(Clashes, HostPortInterface) {
    EXPECT_THAT(complaints_of(
                    {main_file, tenant("blue", "1", vm_port("vm1", "net_tap1,iface=sallyport0"))}),
                ElementsAre("blue.conf:5: vm_port.vm1.device: device 'iface=sallyport0' is used "
                            "twice; another; first by the host port (main.conf)"));
}

TEST(Clashes, CarrierOfTwoUplinks) {
    EXPECT_THAT(complaints_of({{"main.conf", "[uplink.a]\ndevice = 01:00.0\ninterface = eth0\n"
                                             "[uplink.b]\ndevice = 01:00.1\ninterface = eth0\n"}}),
                ElementsAre("main.conf:6: uplink.b.interface: interface 'eth0' is used twice; "
                            "another; first by uplink a (main.conf:3)"));
}

TEST(Clashes, RemoteVtepThatIsOursInALaterFile) {
    EXPECT_THAT(complaints_of({main_file,
                               tenant("blue", "1", "remote_vtep = 192.0.2.9\n"),
                               {"red.conf", "name = red\nvni = 2\nlocal_vtep = 192.0.2.9\n"}}),
                ElementsAre("blue.conf:4: remote_vtep: 192.0.2.9 is an address of this hypervisor: "
                            "local_vtep of tenant red (red.conf:3); the address of another "
                            "hypervisor"));
}

TEST(Clashes, RemoteVtepThatIsTheHostPorts) {
    const FileText with_address{"main.conf",
                                "[underlay]\naddress = 192.0.2.9/24\n" + std::string(uplinks)};
    EXPECT_THAT(complaints_of({with_address, tenant("blue", "1", "remote_vtep = 192.0.2.9\n")}),
                ElementsAre("blue.conf:4: remote_vtep: 192.0.2.9 is an address of this hypervisor: "
                            "underlay.address (main.conf:2); the address of another hypervisor"));
}

const std::string bfd_uplinks = "[uplink.p0]\ndevice = a\nbfd_peer = 192.0.2.251\n"
                                "bfd_local = 192.0.2.5\n"
                                "[uplink.p1]\ndevice = b\nbfd_peer = 192.0.2.252\n";

TEST(Clashes, BfdNeedsBothEndsOfOneFamily) {
    const auto with = [](const std::string& local) {
        return complaints_of({{"main.conf", bfd_uplinks + local}});
    };
    EXPECT_THAT(with(""), ElementsAre("main.conf:7: uplink.p1.bfd_peer: without the other end; "
                                      "bfd_peer and bfd_local, or neither"));
    EXPECT_THAT(with("bfd_local = 2001:db8::6\n"),
                ElementsAre("main.conf:8: uplink.p1.bfd_local: 2001:db8::6 is of another family; "
                            "an IPv4 address, as bfd_peer 192.0.2.252"));
    EXPECT_THAT(with("bfd_local = 192.0.2.252\n"),
                ElementsAre("main.conf:8: uplink.p1.bfd_local: 192.0.2.252 is bfd_peer; an address "
                            "of this end, on the same network"));
    EXPECT_THAT(with("bfd_local = 192.0.2.6\n"), IsEmpty());
}

TEST(Clashes, BfdHasAddressesOfItsOwn) {
    const std::string whole = bfd_uplinks + "bfd_local = 192.0.2.6\n";
    EXPECT_THAT(complaints_of({{"main.conf", bfd_uplinks + "bfd_local = 192.0.2.5\n"}}),
                ElementsAre("main.conf:8: uplink.p1.bfd_local: 192.0.2.5 is used twice; one of its "
                            "own; first by BFD of uplink p0 (main.conf:4)"));
    EXPECT_THAT(complaints_of({{"main.conf", whole + "[underlay]\naddress = 192.0.2.6/24\n"}}),
                ElementsAre("main.conf:8: uplink.p1.bfd_local: 192.0.2.6 is used twice; one of its "
                            "own; first by underlay.address (main.conf:10)"));
    EXPECT_THAT(complaints_of({{"main.conf", whole},
                               {"blue.conf", "name = blue\nvni = 1\nlocal_vtep = 192.0.2.5\n"
                                             "remote_vtep = 192.0.2.6\n"}}),
                ElementsAre("blue.conf:3: local_vtep: 192.0.2.5 is used twice; another; first by "
                            "BFD of uplink p0 (main.conf:4)",
                            "blue.conf:4: remote_vtep: 192.0.2.6 is an address of this hypervisor: "
                            "BFD of uplink p1 (main.conf:8); the address of another hypervisor"));
}

TEST(Limits, TenantsAreToldOnce) {
    const FileText limited{"main.conf", "[limits]\ntenants = 1\n" + std::string(uplinks)};
    EXPECT_THAT(complaints_of({limited, tenant("a", "1"), tenant("b", "2"), tenant("c", "3")}),
                ElementsAre("b.conf: limits.tenants: 2 tenants with this file, limit 1; fewer, or "
                            "limits.tenants in the main file raised"));
}

TEST(Limits, Tunnels) {
    const FileText limited{"main.conf", "[limits]\ntunnels = 64\n" + std::string(uplinks)};
    std::string remotes;
    for (int i = 100; i < 132; ++i)
        remotes += "remote_vtep = 192.0.2." + std::to_string(i) + "\n";
    EXPECT_THAT(complaints_of({limited, tenant("a", "1", remotes), tenant("b", "2", remotes)}),
                IsEmpty());
    EXPECT_THAT(complaints_of({limited, tenant("a", "1", remotes),
                               tenant("b", "2", remotes + "remote_vtep = 192.0.2.132\n")}),
                ElementsAre("b.conf: limits.tunnels: 65 pairs of tenant and remote vtep with this "
                            "file, limit 64; fewer, or limits.tunnels in the main file raised"));
}

TEST(Limits, StaticFdbEntriesCountVmsWithoutLearning) {
    const FileText limited{"main.conf", "[limits]\nfdb_entries = 64\n" + std::string(uplinks)};
    std::string entries = "remote_vtep = 192.0.2.2\n";
    for (int i = 0; i < 64; ++i)
        entries += "fdb = 02:00:00:00:01:" + std::to_string(10 + i) + " vtep 192.0.2.2\n";
    entries += "learning = ";
    const std::string rest = "\n" + vm_port("vm1", "net_tap1");
    EXPECT_THAT(complaints_of({limited, tenant("a", "1", entries + "on" + rest)}), IsEmpty());
    EXPECT_THAT(complaints_of({limited, tenant("a", "1", entries + "off" + rest)}),
                ElementsAre("a.conf: limits.fdb_entries: 65 static fdb entries with this file, "
                            "limit 64; fewer, or limits.fdb_entries in the main file raised"));
}

/// "tenant add FILE" beside what runs.
class AddTenant : public testing::Test {
  protected:
    AddTenant() {
        const std::vector<FileText> tenants{
            tenant("blue", "1", "remote_vtep = 192.0.2.2\n" + vm_port("vm1", "net_tap1"))};
        running = *parse(main_file, tenants);
    }
    [[nodiscard]] std::vector<std::string> add(const FileText& file) const {
        const auto added = parse_tenant(file, running);
        return added ? std::vector<std::string>{} : messages(added.error());
    }

    Settings running;
};

TEST_F(AddTenant, TakesWhatDoesNotClash) {
    const auto red = parse_tenant(tenant("red", "2", vm_port("vm2", "net_tap2")), running);
    ASSERT_TRUE(red) << red.error().front().message();
    EXPECT_EQ(red->name, "red");
    EXPECT_EQ(red->vni, 2U);
    ASSERT_EQ(red->vm_ports.size(), 1U);
    EXPECT_EQ(red->vm_ports[0].device, "net_tap2");
}

TEST_F(AddTenant, RefusesWhatClashes) {
    EXPECT_THAT(
        add({"new.conf", tenant("blue", "1", vm_port("vm1", "net_tap1")).text}),
        ElementsAre("new.conf:1: name: name 'blue' is used twice; another; first by tenant "
                    "blue (blue.conf)",
                    "new.conf:2: vni: VNI '1' is used twice; another; first by tenant blue "
                    "(blue.conf)",
                    "new.conf:4: vm_port.vm1: port name 'vm1' is used twice; another; first "
                    "by vm port vm1 of tenant blue (blue.conf)",
                    "new.conf:5: vm_port.vm1.device: device 'net_tap1' is used twice; "
                    "another; first by vm port vm1 of tenant blue (blue.conf)"));
}

TEST_F(AddTenant, RefusesARemoteThatIsOurs) {
    EXPECT_THAT(add({"red.conf", "name = red\nvni = 2\nlocal_vtep = 192.0.2.9\n"
                                 "remote_vtep = 192.0.2.1\n"}),
                ElementsAre("red.conf:4: remote_vtep: 192.0.2.1 is an address of this hypervisor: "
                            "local_vtep of tenant blue (blue.conf); the address of another "
                            "hypervisor"));
}

TEST_F(AddTenant, RefusesALocalThatIsRemoteToARunningTenant) {
    EXPECT_THAT(add({"red.conf", "name = red\nvni = 2\nlocal_vtep = 192.0.2.2\n"}),
                ElementsAre("red.conf:3: local_vtep: 192.0.2.2 is a remote_vtep of tenant blue "
                            "(blue.conf); an address of this hypervisor"));
}

TEST_F(AddTenant, RefusesWhatExceedsALimit) {
    running.limits.tenants = 1;
    EXPECT_THAT(
        add(tenant("red", "2")),
        ElementsAre("red.conf: limits.tenants: 2 tenants with this file, limit 1; fewer, or "
                    "limits.tenants in the main file raised"));
}

TEST_F(AddTenant, HoldsTheMtuAgainstTheRunningUnderlay) {
    running.underlay.mtu = 1450;
    EXPECT_THAT(
        add(tenant("red", "2", "mtu = 1401\n")),
        ElementsAre("red.conf:4: mtu: '1401' is out of range; 68 to 1400 (underlay.mtu 1450 "
                    "less 50 of VXLAN over IPv4)"));
}

} // namespace

} // namespace sallyport::config::test
