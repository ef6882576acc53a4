// SPDX-License-Identifier: BSD-3-Clause
// Row changes that take effect on all paths together, or on none.
#pragma once

#include "base/error.h"
#include "overlay/path.h"
#include "overlay/row_tables.h"

#include <cstddef>
#include <span>
#include <vector>

namespace sallyport::overlay {

/// Collects changes in an order that Path::apply() takes. A row is changed at most once, so that
/// the tables, which do not change before all paths have, know what to go back to.
class Transaction {
  public:
    void put(Row row) { changes_.push_back({RowChange::Kind::put, std::move(row)}); }
    void remove(Row row) { changes_.push_back({RowChange::Kind::remove, std::move(row)}); }
    void reserve(std::size_t changes) { changes_.reserve(changes); }

    [[nodiscard]] const std::vector<RowChange>& changes() const { return changes_; }

    /// Applies the changes to the paths in turn. On failure it undoes what took effect, and returns
    /// the failing path's Error.
    /// @param before the rows that all paths have
    /// @param path_done called after each path that took them all
    Expected<void> apply(std::span<Path* const> paths, const RowTables& before,
                         const PathDone& path_done = {}) const;

  private:
    Expected<void> undo(Path& path, std::size_t applied, const RowTables& before) const;

    std::vector<RowChange> changes_;
};

} // namespace sallyport::overlay
