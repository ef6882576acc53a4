// SPDX-License-Identifier: BSD-3-Clause
// ESP with the cipher on a crypto device behind queues: librte_ipsec around it, one queue pair for
// each worker.
#pragma once

#include "base/error.h"
#include "ipsec/crypto_devices.h"
#include "ipsec/esp_engine.h"
#include "ipsec/library_sa.h"
#include "ipsec/sa.h"

#include <cstdint>
#include <memory>

namespace sallyport::ipsec {

/// Control thread. @param queue_pair of the worker that will use the engine; several engines of one
/// worker may share it @param headers as LibrarySa::create()
Expected<std::unique_ptr<EspEngine>>
make_lookaside_engine(const SaSettings& settings, const CryptoDevices& devices, std::uint8_t device,
                      std::uint16_t queue_pair, const OutboundHeaders* headers);

} // namespace sallyport::ipsec
