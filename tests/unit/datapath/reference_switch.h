// SPDX-License-Identifier: BSD-3-Clause
// What the software path must do, said again in the plainest way: maps, one frame at a time, no
// batches, no caches, nothing of the code under test but its row types.
#pragma once

#include "datapath/software_path.h"
#include "overlay/row.h"
#include "support/frames.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace sallyport::testing {

class ReferenceSwitch {
  public:
    /// Where a station was seen: a vm port's name, or a remote vtep's address.
    using Learned = std::tuple<overlay::TenantId, net::MacAddress, std::string>;
    /// All that becomes of some frames. Packets with outer headers of ours have UDP source port and
    /// flow label 0, and a UDP checksum as encode() makes it.
    struct Outcome {
        std::map<std::string, std::vector<Octets>> sent;
        std::map<std::string, std::uint64_t> drops;
        std::set<Learned> learned;
    };

    ReferenceSwitch(const datapath::SoftwarePathSettings& settings,
                    const net::MacAddress& underlay_mac, std::size_t max_frame)
        : settings_(settings), underlay_mac_(underlay_mac), max_frame_(max_frame) {}

    void put(const overlay::Row& row);
    void remove(const overlay::Row& row);

    void from_vm(overlay::VmPortId port, const Octets& frame);
    void from_uplink(overlay::UplinkIndex uplink, const Octets& frame);
    void from_host(const Octets& frame);

    /// Since the last call.
    Outcome take() { return std::exchange(outcome_, {}); }

  private:
    /// Where a frame came from: a vm port, or else a remote vtep.
    struct Origin {
        std::optional<overlay::VmPortId> vm_port;
        overlay::VtepId vtep = 0;
    };
    struct Inner {
        bool too_short = false;
        bool tagged = false;
        bool truncated = false;
        int ip_version = 0;
        std::size_t l3 = 0;
        /// Of the IP packet, or of all behind the EtherType.
        std::size_t length = 0;
        std::uint8_t traffic_class = 0;
    };
    struct Outer;

    static Inner parse(const Octets& frame);
    void drop(const std::string& reason) { ++outcome_.drops[reason]; }
    void send(const std::string& port, const Octets& frame);
    void too_large(const std::string& port, const Octets& frame, const Inner& inner,
                   std::uint16_t mtu);
    [[nodiscard]] const overlay::TenantRow* tenant_of_vni(std::uint32_t vni) const;
    [[nodiscard]] bool is_endpoint(const net::IpAddress& address, std::uint16_t port) const;
    void to_endpoint(const Outer& outer, const Octets& frame);
    void decapsulate(const overlay::TenantRow& tenant, overlay::VtepId vtep, const Outer& outer,
                     const Octets& frame);
    void forward(const overlay::TenantRow& tenant, const Origin& origin, const Octets& frame);
    bool learn(const overlay::TenantRow& tenant, const Origin& origin, const net::MacAddress& mac);
    void flood(const overlay::TenantRow& tenant, const Origin& origin, const Octets& frame);
    void encapsulate(const overlay::TenantRow& tenant, overlay::VtepId vtep, const Octets& frame);

    datapath::SoftwarePathSettings settings_;
    net::MacAddress underlay_mac_;
    std::size_t max_frame_;
    std::map<overlay::TenantId, overlay::TenantRow> tenants_;
    std::map<overlay::VmPortId, overlay::VmPortRow> vm_ports_;
    std::map<overlay::VtepId, overlay::VtepRow> vteps_;
    std::map<overlay::NextHopId, overlay::NextHopRow> next_hops_;
    std::map<std::pair<overlay::TenantId, net::MacAddress>, overlay::FdbRow> fdb_;
    std::optional<overlay::UplinkIndex> active_;
    Outcome outcome_;
};

} // namespace sallyport::testing
