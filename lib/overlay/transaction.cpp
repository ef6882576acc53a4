// SPDX-License-Identifier: BSD-3-Clause
#include "overlay/transaction.h"

#include <algorithm>

namespace sallyport::overlay {

Expected<void> Transaction::apply(std::span<Path* const> paths, const RowTables& before,
                                  const PathDone& path_done) const {
    for (std::size_t i = 0; i < paths.size(); ++i) {
        std::size_t applied = 0;
        Expected<void> done = paths[i]->apply(changes_, &applied);
        if (done) {
            if (path_done) path_done(*paths[i]);
            continue;
        }
        Error error = std::move(done.error());
        const auto keep_worst = [&error](const Expected<void>& undone) {
            if (undone) return;
            error.what += "; undoing the change failed too: " + undone.error().what;
            error.remedy = "restart the process: its paths disagree";
        };
        keep_worst(undo(*paths[i], applied, before));
        while (i-- > 0)
            keep_worst(undo(*paths[i], changes_.size(), before));
        return tl::unexpected(std::move(error));
    }
    return {};
}

Expected<void> Transaction::undo(Path& path, std::size_t applied, const RowTables& before) const {
    std::vector<RowChange> inverse;
    inverse.reserve(applied);
    for (std::size_t i = std::min(applied, changes_.size()); i-- > 0;) {
        if (std::optional<Row> row = before.find(changes_[i].row))
            inverse.push_back({RowChange::Kind::put, *std::move(row)});
        else
            inverse.push_back({RowChange::Kind::remove, changes_[i].row});
    }
    Expected<void> result;
    std::span<const RowChange> rest = inverse;
    while (!rest.empty()) {
        std::size_t undone = 0;
        Expected<void> done = path.apply(rest, &undone);
        if (done) break;
        if (result) result = std::move(done);
        // One row that cannot be put back is no reason to leave the others.
        rest = rest.subspan(std::min(undone + 1, rest.size()));
    }
    return result;
}

} // namespace sallyport::overlay
