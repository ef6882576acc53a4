// SPDX-License-Identifier: BSD-3-Clause
#include "control/sa_keys.h"

#include "base/errno_text.h"
#include "config/inline_key.h"
#include "ipsec/key_file.h"

#include <algorithm>

#include <fmt/format.h>
#include <sys/random.h>

namespace sallyport::control {

std::string sa_place(const std::string& tenant, const std::string& sa) {
    return fmt::format("tenant {}, sa {}", tenant, sa);
}

Expected<ipsec::Secret> read_sa_key(const std::string& tenant, const config::SaSettings& sa) {
    const std::string place = sa_place(tenant, sa.name);
    auto key = sa.key_inline ? config::read_inline_key(sa.key_file, sa.name, place)
                             : ipsec::read_key_file(sa.key_file, place);
    if (!key) return key;
    auto wrong = ipsec::wrong_key_size(sa.algorithm, key->size());
    if (!wrong) return key;
    wrong->where = fmt::format("{}: key file {}", place, sa.key_file.native());
    return tl::unexpected(std::move(*wrong));
}

Expected<KeyNames> KeyNames::create(const ipsec::CryptoDevices& devices) {
    KeyNames names(devices);
    if (::getrandom(names.salt_.data(), names.salt_.size(), 0)
        != static_cast<ssize_t>(names.salt_.size()))
        return failure("no random octets: " + base::errno_text(), "ipsec");
    return names;
}

Expected<ipsec::Sha256> KeyNames::name(const ipsec::Secret& key) const {
    ipsec::Secret message(salt_.size() + key.size());
    const auto at = std::copy(salt_.begin(), salt_.end(), message.octets().begin());
    std::copy(key.octets().begin(), key.octets().end(), at);
    return devices_->sha256(message.octets());
}

} // namespace sallyport::control
