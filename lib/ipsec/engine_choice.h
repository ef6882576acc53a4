// SPDX-License-Identifier: BSD-3-Clause
// Which engine an SA gets, and why not a better one.
#pragma once

#include "base/error.h"
#include "ipsec/crypto_devices.h"
#include "ipsec/engine.h"
#include "ipsec/sa.h"
#include "ipsec/security_port.h"
#include "ipsec/session.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sallyport::ipsec {

/// What there is to run SAs on; all of it must outlive the sessions.
struct EngineEnvironment {
    const CryptoDevices* devices = nullptr;
    /// The uplinks, in the order that SaSession::protect() counts them.
    std::vector<SecurityPort*> uplinks;
    /// Of the worker that will have the session: its queue pair of lookaside devices.
    std::uint16_t worker = 0;
};

struct EngineChoice {
    Engine engine = Engine::cpu;
    /// "p0, p1" or "crypto_aesni_gcm_sallyport".
    std::string device;
    /// One sentence for each better engine that was not taken: "inline-crypto: p0: its driver has
    /// no IPsec".
    std::vector<std::string> reasons;
};

struct InstalledSa {
    std::unique_ptr<SaSession> session;
    EngineChoice choice;
};

/// Validates, chooses and installs: what the control thread calls. With `auto`, an engine that
/// fails at the last moment (a full table of SAs) is one more reason, and the next one is tried.
/// @param offload absent: the best there is; else that one or a failure that says what is missing
Expected<InstalledSa> install_sa(SaSettings settings, Offload offload,
                                 const EngineEnvironment& environment);

} // namespace sallyport::ipsec
