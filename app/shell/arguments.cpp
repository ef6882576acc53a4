// SPDX-License-Identifier: BSD-3-Clause
#include "shell/arguments.h"

namespace sallyport::shell {

Expected<void> Arguments::set(const std::string& name, const std::string& kind,
                              const std::string& text, const std::filesystem::path& folder) {
    if (kind == "mac") {
        auto mac = net::MacAddress::parse(text);
        if (!mac)
            return failure("'" + text + "' is no MAC address", name,
                           "write six octets, as in 52:54:00:12:34:56");
        values_[name] = *mac;
    } else if (kind == "address") {
        auto address = net::IpAddress::parse(text);
        if (!address)
            return failure("'" + text + "' is no IPv4 or IPv6 address", name,
                           "write it as in 192.0.2.1 or 2001:db8::1");
        values_[name] = *address;
    } else if (kind == "path") {
        values_[name] = folder / text;
    } else {
        values_[name] = text;
    }
    return {};
}

} // namespace sallyport::shell
