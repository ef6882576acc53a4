// SPDX-License-Identifier: BSD-3-Clause
// Random rows of four tenants, as they come and go: given to a software path, and to whatever else
// a test holds against it.
#pragma once

#include "fixture.h"
#include "random_traffic.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::testing {

using FramesByPort = std::map<std::string, std::vector<Octets>>;

/// Whether two paths write the same UDP source port.
enum class SourcePort : std::uint8_t { own, agreed };

/// Without what every path chooses for itself: the flow label, the IPv4 ID and if need be the UDP
/// source port of packets that we encapsulated; in ascending order.
FramesByPort in_normal_form(FramesByPort frames, SourcePort source_port = SourcePort::own);

class RandomRowsTest : public DatapathTest {
  protected:
    struct Port {
        overlay::VmPortId id;
        overlay::TenantId tenant;
        std::string name;
    };

    explicit RandomRowsTest(unsigned seed) : random_(seed) {}

    /// The other one gets each row after the software path.
    virtual void put_elsewhere(const overlay::Row& row) = 0;
    virtual void remove_elsewhere(const overlay::Row& row) = 0;

    void put(const overlay::Row& row);
    void remove(const overlay::Row& row);

    /// Tenants of VNI 100, 200, 300 (IPv6 underlay) and 400 (another vtep and UDP port), each with
    /// three vm ports. To be called once.
    void build();

    void random_fdb_change();
    void random_tenant_change();
    void random_underlay_change();
    void random_port_change();
    /// Up to some of each.
    void random_changes();
    /// The rows as they are, a line each.
    [[nodiscard]] std::string describe_rows() const;

    /// A frame that its way is paved for: from a station where the fdb has it to another station of
    /// the tenant, and now and then not quite so.
    struct KnownWay {
        /// Null: from the active uplink.
        const Port* port = nullptr;
        Octets frame;
    };
    std::optional<KnownWay> known_way();

    RandomTraffic random_;
    std::vector<overlay::TenantRow> tenants_;
    std::map<IpFamily, std::vector<overlay::VtepId>> vteps_;
    std::map<overlay::VtepId, overlay::VtepRow> vtep_rows_;
    std::vector<Port> ports_;
    overlay::UplinkIndex active_ = 0;

  private:
    void new_port(overlay::TenantId tenant);
    std::optional<net::RateLimit> random_limit();
    void forget(const overlay::FdbRow& row);
    InnerFrame inner_between(const overlay::FdbRow& from, const overlay::FdbRow& to);
    Octets from_remote(const overlay::TenantRow& tenant, overlay::VtepId vtep, const Octets& inner);

    std::vector<overlay::FdbRow> fdb_;
    unsigned next_name_ = 0;
};

} // namespace sallyport::testing
