// SPDX-License-Identifier: BSD-3-Clause
// ESP in the NIC of the uplinks (rte_security): inline crypto and inline protocol.
#pragma once

#include "base/error.h"
#include "ipsec/esp_engine.h"
#include "ipsec/library_sa.h"
#include "ipsec/sa.h"
#include "ipsec/security_port.h"

#include <memory>
#include <span>

namespace sallyport::ipsec {

/// Control thread. Inline crypto numbers packets here, so that an SA may sit on several ports and
/// go on over a failover. An outbound SA with inline protocol is numbered by the NIC: it sits on
/// one port, and another port needs an SA with a key of its own. Inbound, each NIC with inline
/// protocol keeps a replay window of its own.
/// @param kind inline_protocol or inline_crypto
/// @param ports must outlive the engine; their order is that of EspEngine::complete()
/// @param headers as LibrarySa::create()
Expected<std::unique_ptr<EspEngine>> make_inline_engine(Engine kind, const SaSettings& settings,
                                                        std::span<SecurityPort* const> ports,
                                                        const OutboundHeaders* headers);

} // namespace sallyport::ipsec
