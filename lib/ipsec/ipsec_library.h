// SPDX-License-Identifier: BSD-3-Clause
// librte_ipsec. DPDK 24.11's rte_ipsec.h gives this one function C++ linkage, in which the library
// does not have it; the first declaration decides.
#pragma once

struct rte_ipsec_session;

extern "C" int rte_ipsec_session_prepare(rte_ipsec_session* session);

#include <rte_ipsec.h>
