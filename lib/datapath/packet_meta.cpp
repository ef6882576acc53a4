// SPDX-License-Identifier: BSD-3-Clause
#include "datapath/packet_meta.h"

#include <cstring>

#include <rte_errno.h>

namespace sallyport::datapath {

int packet_meta_offset = -1;

Expected<void> register_packet_meta() {
    static const rte_mbuf_dynfield field{
        .name = "sallyport_packet_meta",
        .size = sizeof(PacketMeta),
        .align = alignof(PacketMeta),
        .flags = 0,
    };
    packet_meta_offset = rte_mbuf_dynfield_register(&field);
    if (packet_meta_offset < 0)
        return failure(std::string("no room for packet metadata in the mbuf: ")
                           + std::strerror(rte_errno),
                       "software path", "use fewer DPDK features that take mbuf fields");
    return {};
}

} // namespace sallyport::datapath
