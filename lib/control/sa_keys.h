// SPDX-License-Identifier: BSD-3-Clause
// Keys of SAs: from their files, and told apart once they are gone.
#pragma once

#include "base/error.h"
#include "config/settings.h"
#include "ipsec/crypto_devices.h"
#include "ipsec/secret.h"

#include <array>
#include <cstdint>
#include <string>

namespace sallyport::control {

/// "tenant blue, sa out-1": for messages.
std::string sa_place(const std::string& tenant, const std::string& sa);

/// The key of an SA, of the length that its algorithm takes; errors name tenant, SA and file.
/// Waits for the disk. Control thread.
Expected<ipsec::Secret> read_sa_key(const std::string& tenant, const config::SaSettings& sa);

/// Names for keys, good for this process only: equal names, equal keys, and nothing else can be
/// learned from one.
class KeyNames {
  public:
    /// @param devices must outlive the object
    static Expected<KeyNames> create(const ipsec::CryptoDevices& devices);
    [[nodiscard]] Expected<ipsec::Sha256> name(const ipsec::Secret& key) const;

  private:
    explicit KeyNames(const ipsec::CryptoDevices& devices) : devices_(&devices) {}
    const ipsec::CryptoDevices* devices_;
    std::array<std::uint8_t, 32> salt_{};
};

} // namespace sallyport::control
