// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "overlay/row_tables.h"
#include "overlay/transaction.h"

#include <map>

namespace sallyport::overlay {

/// @p configured where present, else @p kernel.
NextHopLinks merged(const NextHopLinks& configured, const NextHopLinks& kernel);

/// What is to become of next hops that vteps leave: one that nobody uses any more goes, a static
/// one stays without what the kernel said of it.
class NextHopRelease {
  public:
    /// A vtep leaves its next hop, if it has one.
    void leave(const VtepRow& vtep) {
        if (vtep.next_hop) ++leaving_[*vtep.next_hop];
    }
    /// To be called after the changes by which the vteps leave.
    void add_to(Transaction& transaction, const RowTables& tables) const;

  private:
    std::map<NextHopId, std::uint32_t> leaving_;
};

} // namespace sallyport::overlay
