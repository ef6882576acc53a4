// SPDX-License-Identifier: BSD-3-Clause
// DPDK 24.11's rte_ring_elem.h gives this one function C++ linkage, in which the library does not
// have it. The first declaration decides, so this header comes before any of DPDK's.
#pragma once

struct rte_ring;

extern "C" rte_ring* rte_ring_create_elem(const char* name, unsigned int esize, unsigned int count,
                                          int socket_id, unsigned int flags);
