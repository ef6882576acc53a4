// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/tunnel_table.h"

#include "datapath/sa_views.h"

#include <rte_errno.h>
#include <rte_hash_crc.h>

namespace sallyport::datapath {

template<class Key>
Expected<std::unique_ptr<TunnelTable<Key>>>
TunnelTable<Key>::create(RcuDomain& domain, std::uint32_t capacity, const std::string& name) {
    const rte_hash_parameters parameters{
        .name = name.c_str(),
        .entries = capacity,
        .reserved = 0,
        .key_len = sizeof(Key),
        .hash_func = rte_hash_crc,
        .hash_func_init_val = 0,
        .socket_id = SOCKET_ID_ANY,
        .extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF | RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
    };
    auto table = std::make_unique<TunnelTable>();
    table->hash_.reset(rte_hash_create(&parameters));
    if (!table->hash_)
        return failure(std::string("cannot create the tunnel table: ") + rte_strerror(rte_errno),
                       "software path", "lower limits.tunnels or give EAL more memory (-m)");
    rte_hash_rcu_config rcu{};
    rcu.v = domain.raw();
    rcu.mode = RTE_HASH_QSBR_MODE_DQ;
    if (rte_hash_rcu_qsbr_add(table->hash_.get(), &rcu) != 0)
        return failure(std::string("cannot tie the tunnel table to RCU: ")
                           + rte_strerror(rte_errno),
                       "software path");
    return table;
}

template<class Key>
Expected<void> TunnelTable<Key>::put(const Key& key, std::uint32_t tunnel) {
    void* const word = reinterpret_cast<void*>(std::uintptr_t{tunnel});
    if (const int error = rte_hash_add_key_data(hash_.get(), &key, word); error < 0)
        return failure(std::string("cannot add to the tunnel table: ") + rte_strerror(-error),
                       "software path", "raise limits.tunnels");
    return {};
}

template<class Key>
void TunnelTable<Key>::remove(const Key& key) {
    rte_hash_del_key(hash_.get(), &key);
}

template<class Key>
std::uint64_t TunnelTable<Key>::lookup(const Key* keys, std::uint32_t count,
                                       std::uint32_t* tunnels) const {
    const void* key_pointers[RTE_HASH_LOOKUP_BULK_MAX];
    void* words[RTE_HASH_LOOKUP_BULK_MAX];
    for (std::uint32_t i = 0; i < count; ++i)
        key_pointers[i] = &keys[i];
    std::uint64_t hits = 0;
    rte_hash_lookup_bulk_data(hash_.get(), key_pointers, count, &hits, words);
    for (std::uint32_t i = 0; i < count; ++i)
        if ((hits >> i & 1) != 0)
            tunnels[i] = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(words[i]));
    return hits;
}

template class TunnelTable<TunnelKey4>;
template class TunnelTable<TunnelKey6>;
template class TunnelTable<SpiKey>;

} // namespace sallyport::datapath
