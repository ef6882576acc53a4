// SPDX-License-Identifier: BSD-3-Clause
// Incoming VXLAN packets -> tunnel: one lookup by source, destination, UDP port and VNI says which
// tenant it is, and that the sender is one of the tenant's remote vteps.
#pragma once

#include "base/error.h"
#include "datapath/rcu.h"
#include "net/ip_address.h"
#include "net/outer.h"
#include "overlay/row.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include <rte_hash.h>

namespace sallyport::datapath {

/// Addresses in network byte order; port and VNI in host byte order.
struct TunnelKey4 {
    std::array<std::uint8_t, 4> source;
    std::array<std::uint8_t, 4> destination;
    std::uint32_t vni;
    std::uint32_t udp_port;

    bool operator==(const TunnelKey4&) const = default;
};
static_assert(sizeof(TunnelKey4) == 16);

struct TunnelKey6 {
    std::array<std::uint8_t, 16> source;
    std::array<std::uint8_t, 16> destination;
    std::uint32_t vni;
    std::uint32_t udp_port;
    /// To 48 octets, for which rte_hash has a fast comparison.
    std::uint64_t padding = 0;

    bool operator==(const TunnelKey6&) const = default;
};
static_assert(sizeof(TunnelKey6) == 48);

template<class Key>
class TunnelTable {
  public:
    static Expected<std::unique_ptr<TunnelTable>> create(RcuDomain& domain, std::uint32_t capacity,
                                                         const std::string& name);

    /// Control thread.
    Expected<void> put(const Key& key, std::uint32_t tunnel);
    void remove(const Key& key);

    /// Workers. @param keys at most RTE_HASH_LOOKUP_BULK_MAX of them
    /// @return bit i set: tunnels[i] is the index for keys[i]
    std::uint64_t lookup(const Key* keys, std::uint32_t count, std::uint32_t* tunnels) const;

  private:
    struct Free {
        void operator()(rte_hash* hash) const { rte_hash_free(hash); }
    };
    std::unique_ptr<rte_hash, Free> hash_;
};

extern template class TunnelTable<TunnelKey4>;
extern template class TunnelTable<TunnelKey6>;

/// The key of what comes from that vtep for that tenant. @tparam Key of the vtep's family
template<class Key>
Key tunnel_key(const overlay::TenantRow& tenant, const overlay::VtepRow& vtep) {
    Key key{};
    std::copy_n(vtep.address.octets.begin(), key.source.size(), key.source.begin());
    std::copy_n(tenant.local_vtep.octets.begin(), key.destination.size(), key.destination.begin());
    key.vni = tenant.vni;
    key.udp_port = tenant.udp_port;
    return key;
}

/// The key of a packet whose outer headers were parsed. @tparam Key of the packet's family
template<class Key>
Key tunnel_key(const net::Outer& outer) {
    Key key{};
    std::memcpy(key.source.data(), outer.source, key.source.size());
    std::memcpy(key.destination.data(), outer.destination, key.destination.size());
    key.vni = outer.vni;
    key.udp_port = outer.destination_port;
    return key;
}

} // namespace sallyport::datapath
