// SPDX-License-Identifier: BSD-3-Clause
// What the hardware path and the software path have in common for the control thread.
#pragma once

#include "base/error.h"
#include "overlay/row.h"

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace sallyport::overlay {

/// Put: the row is new or replaces the one of the same key (id, or tenant and MAC). Remove: by key,
/// the other members are ignored.
struct RowChange {
    enum class Kind : std::uint8_t { put, remove };
    Kind kind = Kind::put;
    Row row;
};

/// Which frame was seen where; made by a path, judged by the control thread.
struct LearnEvent {
    TenantId tenant = 0;
    net::MacAddress mac;
    FdbTarget seen_at;
};

/// A consumer of row changes. All calls come from the control thread.
class Path {
  public:
    virtual ~Path() = default;

    /// Applies the changes in order, each make-before-break. Rows that a change refers to were put
    /// by an earlier change; what refers to a row is removed before it. On failure the changes up
    /// to the failing one have taken effect, and @p applied (if given) says how many; the caller
    /// undoes them.
    virtual Expected<void> apply(std::span<const RowChange> changes,
                                 std::size_t* applied = nullptr) = 0;

    /// How long ago a frame from @p mac was seen; absent if the path does not know the entry.
    [[nodiscard]] virtual std::optional<std::chrono::seconds>
    idle_time(TenantId tenant, const net::MacAddress& mac) = 0;

    /// Moves pending learn events to the end of @p events; at most @p most. The same station may be
    /// reported more than once.
    virtual void take_learned(std::vector<LearnEvent>& events, std::size_t most) = 0;
};

/// Tells that a path has all changes of a transaction.
using PathDone = std::function<void(const Path&)>;

} // namespace sallyport::overlay
