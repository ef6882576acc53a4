// SPDX-License-Identifier: BSD-3-Clause
// What the tests of the software path share: a hypervisor that must give back every buffer, and
// short words for what they do most.
#pragma once

#include "support/frames.h"
#include "support/hypervisor.h"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sallyport::testing {

using datapath::DropReason;
using net::IpFamily;

/// Drops by the name of their reason; zeros are left out.
using Drops = std::map<std::string, std::uint64_t>;
Drops named(const datapath::DropCounts& counts);
inline Drops one(DropReason reason, std::uint64_t count = 1) {
    return {{std::string(name(reason)), count}};
}

/// Our own vtep, and remote vteps: 192.0.2.n and 2001:db8::n; n = 1 is ours.
net::IpAddress vtep_address(IpFamily family, unsigned n);

/// A small one's, with a worker for each of these lcores.
datapath::SoftwarePathSettings with_workers(std::vector<unsigned> lcores);

/// A hypervisor without tenants. After each test all buffers must be back in the pool.
class DatapathTest : public ::testing::Test {
  public:
    /// All reasons under which any test of the process has dropped a packet.
    static std::set<std::string>& provoked();

  protected:
    DatapathTest();
    void TearDown() override;

    Hypervisor& hypervisor() { return *hypervisor_; }
    datapath::SoftwarePath& path() { return hypervisor_->path(); }
    /// In place of the present hypervisor, whose buffers are checked.
    void restart(const datapath::SoftwarePathSettings& settings);

    /// VNI, local vtep and the remote vteps that are given.
    static overlay::TenantRow tenant_row(std::uint32_t vni, std::vector<overlay::VtepId> vteps = {},
                                         IpFamily family = IpFamily::ipv4);
    RingPort& add_port(overlay::TenantId tenant, const std::string& name,
                       const std::vector<net::MacAddress>& macs = {});
    void remove_port(const std::string& name);
    overlay::VtepId add_vtep(unsigned n, IpFamily family = IpFamily::ipv4);

    void put_local(overlay::TenantId tenant, std::uint8_t station, const std::string& port,
                   overlay::FdbOrigin origin = overlay::FdbOrigin::learned);
    void put_remote(overlay::TenantId tenant, std::uint8_t station, overlay::VtepId vtep,
                    overlay::FdbOrigin origin = overlay::FdbOrigin::learned);

    /// Sends a frame to the software path by @p port, and lets the workers finish.
    void send(RingPort& port, const Octets& frame);
    void run();
    /// Frees what was sent by any port.
    void drain();
    /// What was sent since the last look, by the names of the ports; silent ports are left out.
    std::map<std::string, std::vector<Octets>> sent();
    /// The same, of one port only; what others sent is lost.
    std::vector<Octets> sent_by(const std::string& port) { return sent()[port]; }

    /// All to zero, but provoked() remembers.
    void reset_counters();
    Drops drops() { return named(path().drops()); }
    Drops port_drops(const RingPort& port) { return named(path().port_drops(port.port())); }
    Drops tenant_drops(overlay::TenantId tenant) {
        return named(path().tenant_counters(tenant).drops);
    }

    /// Number of buffers that are not in the pool.
    unsigned buffers_in_use();

  private:
    void finish();
    void note_drops();

    std::unique_ptr<Hypervisor> hypervisor_;
    std::set<std::string> vm_ports_;
    std::size_t workers_ = 1;
};

/// Outer headers from the remote vtep n of a next hop to our vtep.
OuterFrame from_vtep(unsigned n, std::uint32_t vni, IpFamily family = IpFamily::ipv4);

/// An UDP frame between two stations, IPv4 or IPv6.
Octets frame(std::uint8_t source, std::uint8_t destination, IpFamily family = IpFamily::ipv4,
             std::size_t payload = 26);
inline const net::MacAddress broadcast_mac{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
Octets broadcast(std::uint8_t source);
/// Any EtherType with that many octets behind it.
Octets raw_frame(const net::MacAddress& destination, const net::MacAddress& source,
                 std::uint16_t ether_type, std::size_t payload);

/// A tenant "blue" of VNI 100 with the vm ports "a" and "b" (any MAC), and the remote vteps 2 and 3
/// that all have a next hop.
class OneTenantTest : public DatapathTest {
  protected:
    OneTenantTest() { build(IpFamily::ipv4); }
    void build(IpFamily family);
    void rebuild(const datapath::SoftwarePathSettings& settings, IpFamily family = IpFamily::ipv4) {
        restart(settings);
        build(family);
    }
    /// Puts the tenant's row with other members.
    template<class Change>
    void change_tenant(Change change) {
        change(row);
        hypervisor().put(row);
    }
    RingPort& a() { return hypervisor().vm_port("a"); }
    RingPort& b() { return hypervisor().vm_port("b"); }
    RingPort& uplink(std::size_t index = 0) { return hypervisor().uplink(index); }

    static constexpr std::uint32_t vni = 100;
    overlay::VtepId vtep2 = 0;
    overlay::VtepId vtep3 = 0;
    overlay::TenantId blue = 0;
    overlay::TenantRow row;
};

} // namespace sallyport::testing
