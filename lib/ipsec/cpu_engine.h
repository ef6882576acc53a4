// SPDX-License-Identifier: BSD-3-Clause
// ESP on the calling thread: librte_ipsec with synchronous crypto.
#pragma once

#include "base/error.h"
#include "ipsec/crypto_devices.h"
#include "ipsec/esp_engine.h"
#include "ipsec/library_sa.h"
#include "ipsec/sa.h"

#include <memory>

namespace sallyport::ipsec {

/// Control thread. @param headers as LibrarySa::create()
Expected<std::unique_ptr<EspEngine>> make_cpu_engine(const SaSettings& settings,
                                                     const CryptoDevices& devices,
                                                     const OutboundHeaders* headers);

/// The same on a device of one's choice, which CryptoDevices::runs_on_cpu(): for measurements.
Expected<std::unique_ptr<EspEngine>> make_cpu_engine_on(std::uint8_t device,
                                                        const SaSettings& settings,
                                                        const CryptoDevices& devices,
                                                        const OutboundHeaders* headers);

} // namespace sallyport::ipsec
