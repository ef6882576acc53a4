// SPDX-License-Identifier: BSD-3-Clause
#include "net/ipv4_checksum.h"

namespace sallyport::net {

std::uint16_t ipv4_header_sum_with_options(const std::uint8_t* header) {
    return rte_raw_cksum(header, ipv4_header_length(header[0]));
}

} // namespace sallyport::net
