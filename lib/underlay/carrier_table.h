// SPDX-License-Identifier: BSD-3-Clause
// Carriers by interface name, through removal, renaming and re-creation. Pure logic.
#pragma once

#include "underlay/netlink.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sallyport::underlay {

/// What counts here of an interface.
struct Link {
    unsigned index = 0;
    std::string name;
    bool administratively_up = false;
    /// Can pass frames: administratively up, with carrier, and operational state (RFC 2863) up.
    bool carrier = false;
};

/// Absent: not about the interface itself. A bridge's or another protocol's view of it comes as a
/// link message as well, and leaving a bridge as one of removal.
std::optional<Link> read_link(rtnl_link& link);

/// Absent: there is no such interface.
Expected<std::optional<Link>> ask_link(nl_sock& socket, const std::string& name);

class CarrierTable {
  public:
    void watch(const std::string& name);
    void unwatch(const std::string& name);
    [[nodiscard]] std::vector<std::string> names() const;
    /// The watched interface of that index; empty: there is none.
    [[nodiscard]] std::string name_of(unsigned index) const;
    /// 0: there is no interface of that name, or it is not watched.
    [[nodiscard]] unsigned index_of(const std::string& name) const;

    /// Takes a link as it is now, or @p removed. What changed by it is to be asked for by
    /// changed().
    void apply(const Link& link, bool removed);
    /// There is no interface of that name.
    void absent(const std::string& name);

    /// Whether the carrier is another than last returned by this; then that is told.
    std::optional<bool> changed(const std::string& name);

  private:
    struct Watched {
        unsigned index = 0; // 0: no interface of that name
        bool carrier = false;
        std::optional<bool> told;
    };
    std::map<std::string, Watched> watched_;
};

} // namespace sallyport::underlay
